"""The towers put together: one file in 16 bits, with its card's constants, tokenizer and origin."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ....sensors.sample import NS
from ...card import ModelCard, WindowSpec, card_fields
from ...checkpoint import CONFIG_KEY
from ...encode import Encoder
from ...errors import ModelError
from ...model import load_model
from ...towers.shape import Shape, TowersShape, format_shape
from .background import measure

PICTURE, SOUND, MOTION = (
    WindowSpec(length_ns=round(length * NS), hop_ns=NS // 4) for length in (0.25, 2.0, 1.0)
)
WINDOWS = {"vision": PICTURE, "depth": PICTURE, "thermal": PICTURE, "audio": SOUND, "imu": MOTION}
SHAPE_KEY = "shape"
# Which pairs were trained together: everything beside texts, pictures of other kinds beside the camera's too.
BOUND = [
    *(
        {"modality": modality, "anchor": "text"}
        for modality in ("vision", "audio", "imu", "thermal", "depth")
    ),
    *({"modality": modality, "anchor": "vision"} for modality in ("thermal", "depth")),
]


def stored(states: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Each tower's state under `towers.<modality>.`; weights in 16 bits, running statistics as they are."""
    return {
        f"towers.{modality}.{key}": (
            value.half() if value.is_floating_point() and "running" not in key else value
        ).contiguous()
        for modality, state in states.items()
        for key, value in state.items()
    }


def assemble(
    states: Mapping[str, Mapping[str, Tensor]], shape: TowersShape, origin: Mapping[str, Any], out: Path
) -> None:
    """Write the model to `out`. Its means and backgrounds are measured with the numbers that the file holds.

    `origin` says what it was made from and how.
    """
    tensors = stored(states)
    fields = format_shape(shape) | {
        "bound": BOUND,
        "origin": dict(origin) | {"torch": str(torch.__version__), "machine": platform.machine()},
    }
    draft = out.with_name(f"{out.stem}.draft.safetensors")
    _write(tensors, fields | card_fields(WINDOWS, {}, {}, trained=True), draft)
    means, backgrounds, quiet = measure(Encoder(load_model(draft, device="cpu")))
    _write(tensors, fields | card_fields(WINDOWS, means, backgrounds, trained=True, quiet=quiet), out)
    draft.unlink()


def recard(path: Path, card: ModelCard) -> None:
    """Write a model's file anew with what `card` says of its backgrounds and temperatures; its tensors stay.

    Raises ModelError for a file without a config in its metadata.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    if CONFIG_KEY not in metadata:
        raise ModelError(f"{path}: has no {CONFIG_KEY!r} in its metadata: give weights that `make mini` made")
    fields = msgspec.json.decode(metadata[CONFIG_KEY], type=dict[str, Any])
    fields["backgrounds"] = msgspec.to_builtins(card.backgrounds)
    fields["temperatures"] = card.temperatures
    tensors = {key: value.clone() for key, value in load_file(path).items()}
    draft = path.with_name(f"{path.stem}.draft.safetensors")
    _write(tensors, fields, draft)
    draft.replace(path)


def _write(tensors: dict[str, Tensor], fields: dict[str, Any], path: Path) -> None:
    save_file(tensors, path, metadata={CONFIG_KEY: msgspec.json.encode(fields).decode()})
    path.chmod(0o644)


def save_tower(state: Mapping[str, Tensor], shape: Shape, path: Path) -> None:
    """A tower in a file of its own, float32, with its sizes."""
    sizes = msgspec.json.encode(shape).decode()
    save_file({key: value.contiguous() for key, value in state.items()}, path, metadata={SHAPE_KEY: sizes})


def read_tower(path: Path, kind: type[Shape]) -> tuple[dict[str, Tensor], Shape]:
    """What `save_tower` wrote; its keys may begin with `towers.<modality>.`."""
    with safe_open(path, framework="pt") as file:
        sizes = msgspec.json.decode(file.metadata()[SHAPE_KEY], type=kind)
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    return {
        k.split(".", 2)[2] if k.startswith("towers.") else k: value for k, value in tensors.items()
    }, sizes
