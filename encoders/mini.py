"""Build the shipped model `mini`: python -m sixsense.encoders.mini

Nothing in it has learnt what things are. Its trunks keep the random numbers that they start with; each
stem is scaled and each head whitens (zero mean, equal spread in every direction) so that the background
of the simulated robot's room is nothing in particular, and what does not belong to it stands out.
"""

import math
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ..sensors.sample import NS, Sample
from ..sensors.simulated.robot import SimulatedRobot
from .architecture import Architecture, Trunk, format_architecture
from .card import Background, WindowSpec, card_fields
from .checkpoint import CONFIG_KEY, SHIPPED
from .encode import prepare
from .imagebind import IMU_PATCH, ImageBind, ImuStem, PatchStem
from .preprocess import text
from .tokenizer import ByteTokenizer
from .window import Window
from .windower import InputSpec, Windower

SEED = 6
PICTURE, SOUND, MOTION = (
    WindowSpec(length_ns=round(length * NS), hop_ns=NS // 4) for length in (0.25, 2.0, 1.0)
)


class Sense(NamedTuple):
    """One modality of the model. `positions` is how far its positions' numbers spread, `softness` how far
    below the stem norm's own epsilon a background patch stays: 0.3 keeps its amplitude, 3 compresses it.
    `shrinkage` is how much of the mean variance every direction of the head is given: those that hardly vary
    are mostly chance."""

    stream: str
    window: WindowSpec
    heads: int
    positions: float
    softness: float
    shrinkage: float


SENSES = {
    "vision": Sense("camera", PICTURE, 4, 0.3, 1.0, 0.001),
    "audio": Sense("microphone", SOUND, 8, 0.05, 0.3, 0.01),
    "depth": Sense("depth", PICTURE, 4, 0.3, 0.3, 0.001),
    "thermal": Sense("thermal", PICTURE, 4, 0.3, 0.3, 0.001),
    "imu": Sense("imu", MOTION, 8, 0.05, 3.0, 0.01),
}
ARCHITECTURE = Architecture(
    dim=128,
    trunks={"text": Trunk(64, 2, 4)} | {name: Trunk(128, 2, sense.heads) for name, sense in SENSES.items()},
    vocabulary=ByteTokenizer.size,
)
# Robots whose background the model is fitted to, and others on which its background is measured.
FITTED_SEEDS, MEASURED_SEEDS = range(1000, 1024), range(2000, 2006)
START_NS = LENGTH_NS = 60 * NS
PHRASES = (
    "a dog",
    "rain",
    "footsteps",
    "a warm engine",
    "somebody speaks",
    "a door opens",
    "it falls",
    "music",
)


def initialised() -> ImageBind:
    """The network with its random numbers, a function of SEED alone."""
    network = ImageBind(ARCHITECTURE)
    generator = torch.Generator().manual_seed(SEED)
    for name, parameter in network.requires_grad_(False).named_parameters():
        _initialise(name, parameter, generator)
    imu = cast(ImuStem, network.get_submodule("modality_preprocessors.imu.imu_stem"))
    _ignore_steady_motion(imu.proj.weight)
    return network.eval()


def _initialise(name: str, parameter: nn.Parameter, generator: torch.Generator) -> None:
    modality = name.split(".")[1]
    if name.endswith("norm_layer.bias"):
        # A constant beside the content, against which later norms can tell how strong the content is.
        parameter.normal_(generator=generator)
    elif "norm" in name or "pre_transformer" in name or (parameter.ndim == 1 and "heads" in name):
        parameter.fill_(1.0 if name.endswith("weight") else 0.0)
    elif name.endswith("pos_embed"):
        spread = SENSES[modality].positions if modality in SENSES else 1.0
        parameter.normal_(0, spread, generator=generator)
        if modality == "vision":
            # Its stem has no norm whose bias could be the constant.
            parameter.add_(torch.randn(parameter.shape[-1], generator=generator))
    elif name.endswith(("cls_token", "bias_k", "bias_v", "fc1.bias")):
        parameter.normal_(0, 0.5, generator=generator)
    elif name.endswith("bias"):
        parameter.zero_()
    elif parameter.ndim:
        gain = 1.4 if name.endswith(("in_proj_weight", "fc1.weight")) else 1.0
        parameter.normal_(0, gain / math.sqrt(parameter[0].numel()), generator=generator)


def _ignore_steady_motion(weight: Tensor) -> None:
    """Without its mean a filter sees neither gravity nor bias; turns are small in rad/s."""
    filters = weight.view(len(weight), 6, IMU_PATCH)
    filters -= filters.mean(dim=2, keepdim=True)
    filters[:, 3:] *= 10


def background(modality: str, seeds: range) -> list[list[Tensor]]:
    """For each robot, the inputs of its windows in which nothing happens that this modality could sense."""
    return [[prepare(window)[0] for window in _windows(modality, seed)] for seed in seeds]


def _windows(modality: str, seed: int) -> Iterator[Window]:
    sense = SENSES[modality]
    robot = SimulatedRobot(seed, start_ns=START_NS, seconds=LENGTH_NS / NS, streams=(sense.stream,))
    for window in _pictures(robot, modality) if sense.window == PICTURE else _sequences(robot, modality):
        happenings = robot.happenings(window.start_ns, window.end_ns)
        if not any(modality in happening.modalities for happening in happenings):
            yield window


def _sequences(robot: SimulatedRobot, modality: str) -> Iterator[Window]:
    spec = InputSpec(name=modality, modality=modality, members=robot.streams)
    windower = Windower(spec, SENSES[modality].window)
    for event in robot.events(0):
        yield from (window for window in windower.feed(event) if isinstance(window, Window))


def _pictures(robot: SimulatedRobot, modality: str) -> Iterator[Window]:
    """One frame a window: the seven others that a camera takes meanwhile need not be rendered."""
    for start in range(START_NS, START_NS + LENGTH_NS - PICTURE.length_ns, PICTURE.hop_ns):
        frame = next(event for event in robot.events(0, from_ns=start) if isinstance(event, Sample))
        yield Window(
            input=modality,
            modality=modality,
            epoch=0,
            index=start // PICTURE.hop_ns,
            start_ns=start,
            end_ns=start + PICTURE.length_ns,
            ranges=(),
            encoding=frame.encoding,
            data=frame.data,
            stamps=None,
            info=robot.streams[0],
        )


def soften(network: ImageBind, modality: str, inputs: list[Tensor]) -> None:
    """Scale the stem so that its norm, which would take the amplitude out of every patch, leaves it in."""
    stem = next(
        m for m in network.modality_preprocessors[modality].modules() if isinstance(m, PatchStem | ImuStem)
    )
    patches: list[Tensor] = []
    hook = stem.norm_layer.register_forward_pre_hook(lambda _, inputs: patches.append(inputs[0]))
    stem(torch.stack(inputs[::16]))
    hook.remove()
    softness, spread = SENSES[modality].softness, float(patches[0].var(dim=2).mean().sqrt())
    stem.proj.weight *= softness * math.sqrt(stem.norm_layer.eps) / spread
    stem.norm_layer.weight.fill_(math.sqrt(1 + softness**2) / softness)


def whiten(network: ImageBind, modality: str, inputs: list[Tensor]) -> None:
    """Make the head's projection the inverse square root of its input's (shrunk) covariance, blind to its
    mean: what is usual becomes a vector in no particular direction."""
    norm, *_, last = cast(nn.Sequential, network.modality_heads[modality])
    projection = cast(nn.Linear, last)
    trunk, tokens = network.modality_trunks[modality], network.modality_preprocessors[modality]
    rows = [norm(trunk(tokens(tensor[None]), None)[:, 0]) for tensor in inputs]
    features = torch.cat(rows).numpy().astype(np.float64)
    variance, axes = np.linalg.eigh(np.cov(features.T))
    matrix = (axes / np.sqrt(variance.clip(0) + SENSES[modality].shrinkage * variance.mean())).T
    mean = features.mean(axis=0) / np.linalg.norm(features.mean(axis=0))
    projection.weight.copy_(torch.from_numpy(matrix - np.outer(matrix @ mean, mean)))


def embedded(network: ImageBind, modality: str, inputs: list[Tensor]) -> np.ndarray:
    """Unit vectors, float32 (n, dim)."""
    return torch.cat([F.normalize(network(modality, tensor[None]), dim=1) for tensor in inputs]).numpy()


def measured(robots: list[np.ndarray], mean: np.ndarray) -> Background:
    """Mean and deviation of the centred cosine between windows of different robots."""
    centred = [vectors - mean for vectors in robots]
    units = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in centred]
    cosines = np.concatenate([(one @ other.T).ravel() for one, other in combinations(units, 2)])
    return Background(mean=float(cosines.mean()), deviation=float(cosines.std()))


def build(path: Path) -> None:
    """Write the weights with their card. Takes some minutes; the same machine writes the same bytes."""
    torch.set_num_threads(1)
    network = initialised()
    means: dict[str, np.ndarray] = {}
    backgrounds: dict[str, Background] = {}
    for modality in SENSES:
        fitted = [tensor for robot in background(modality, FITTED_SEEDS) for tensor in robot]
        if modality != "vision":
            soften(network, modality, fitted)
        _store_in_16_bits(network, modality)
        whiten(network, modality, fitted)
        means[modality] = embedded(network, modality, fitted).mean(axis=0)
        others = [embedded(network, modality, robot) for robot in background(modality, MEASURED_SEEDS)]
        backgrounds[f"{modality}/{modality}"] = measured(others, means[modality])
        print(modality, len(fitted), backgrounds[f"{modality}/{modality}"])
    _store_in_16_bits(network, "text")
    means["text"] = embedded(network, "text", [text(phrase, ByteTokenizer()) for phrase in PHRASES]).mean(
        axis=0
    )
    windows = {modality: sense.window for modality, sense in SENSES.items()}
    fields = format_architecture(ARCHITECTURE) | card_fields(windows, means, backgrounds, trained=False)
    save_file(_stored(network), path, metadata={CONFIG_KEY: msgspec.json.encode(fields).decode()})
    path.chmod(0o644)


def _store_in_16_bits(network: ImageBind, modality: str) -> None:
    """Leave of a trunk's numbers what the file will hold, before anything is computed with them."""
    for parameter in _of(network, modality):
        parameter.copy_(parameter.half())


def _of(network: ImageBind, modality: str) -> Iterator[Tensor]:
    return (p for name, p in network.named_parameters() if name.split(".")[1] == modality)


def _stored(network: ImageBind) -> dict[str, Tensor]:
    """Whitening spans more than 16 bits: the projections stay in 32."""
    state = network.state_dict()
    whole = {key for key in state if key.startswith("modality_heads.") and state[key].ndim == 2}
    return {key: value.contiguous() if key in whole else value.half() for key, value in state.items()}


if __name__ == "__main__":
    with torch.inference_mode():
        build(SHIPPED["mini"])
