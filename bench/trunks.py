"""Full-size trunks on random weights, their inputs, what they cost, and timing."""

import time
from collections.abc import Callable

import torch
from sixsense.encoders.architecture import HUGE, Architecture
from sixsense.encoders.imagebind import ImageBind
from torch import Tensor

SHAPES = {
    "vision": (3, 224, 224),
    "audio": (1, 128, 204),
    "depth": (1, 224, 224),
    "thermal": (1, 224, 224),
    "imu": (6, 2000),
}
# Tokens of a trunk, and multiply-adds of its stem for one input.
TOKENS = {"vision": 257, "text": 77, "audio": 229, "depth": 197, "thermal": 197, "imu": 251}
STEMS = {"vision": 256 * 1176, "audio": 228 * 256, "depth": 196 * 256, "thermal": 196 * 256, "imu": 250 * 48}
SHORT_TEXT = 13


def random_state(modality: str, architecture: Architecture = HUGE) -> dict[str, Tensor]:
    """A trunk's weights: norms neutral, biases small, matrices that keep their input's size."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        network = ImageBind(architecture.only((modality,)))
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    return {key: _random(key, shape, generator) for key, shape in shapes.items()}


def _random(key: str, shape: torch.Size, generator: torch.Generator) -> Tensor:
    if key.endswith(".mask"):
        return torch.full(shape, -torch.inf).triu(1)
    if not shape or (len(shape) == 1 and key.endswith("weight")):
        return torch.ones(shape)
    table = key.endswith(("pos_embed", "cls_token", "token_embedding.weight", "bias_k", "bias_v"))
    spread = 0.02 if len(shape) == 1 else 1.0 if table else shape[1:].numel() ** -0.5
    return torch.empty(shape).normal_(0, spread, generator=generator)


def network_of(state: dict[str, Tensor], modality: str, architecture: Architecture = HUGE) -> ImageBind:
    """An ImageBind around these tensors, which are not copied."""
    with torch.device("meta"):
        network = ImageBind(architecture.only((modality,)))
    network.load_state_dict(state, assign=True)
    return network.requires_grad_(False).eval()


def inputs(modality: str, batch: int, vocabulary: int = HUGE.vocabulary) -> Tensor:
    """Random inputs; texts of SHORT_TEXT tokens, their end included."""
    generator = torch.Generator().manual_seed(1)
    if modality != "text":
        return torch.randn(batch, *SHAPES[modality], generator=generator)
    ids = torch.zeros(batch, TOKENS["text"], dtype=torch.long)
    ids[:, :SHORT_TEXT] = torch.randint(1, vocabulary - 2, (batch, SHORT_TEXT), generator=generator)
    ids[:, SHORT_TEXT - 1] = vocabulary - 1
    return ids


def medians(
    calls: dict[str, Callable[[], object]], repetitions: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Milliseconds of each by `clock`, called in turn after one call to warm up."""
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repetitions):
        for name, call in calls.items():
            start = clock()
            call()
            times[name].append(1000 * (clock() - start))
    return {name: sorted(values)[len(values) // 2] for name, values in times.items()}


def gflop(modality: str, tokens: int, needed: bool, architecture: Architecture = HUGE) -> float:
    """Two a multiply-add: products (qkv 3, output 1, MLP 8 times width^2 a token), attention, stem.

    `needed`: of the last block, keys and values of every token and the rest of one.
    """
    width, blocks, _ = architecture.trunks[modality]
    block = 12 * tokens * width**2 + 2 * tokens**2 * width
    last = 2 * tokens * width**2 + 10 * width**2 + 2 * tokens * width if needed else block
    return 2e-9 * ((blocks - 1) * block + last + STEMS.get(modality, 0) * width)


def used_tokens(modality: str) -> int:
    """Those that the output depends on."""
    return SHORT_TEXT if modality == "text" else TOKENS[modality]
