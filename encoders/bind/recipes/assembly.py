"""The towers put together: one file in 16 bits, with its card's constants, tokenizer and origin."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ....sensors.sample import NS
from ...card import WindowSpec, card_fields
from ...checkpoint import CONFIG_KEY
from ...encode import Encoder
from ...model import load_model
from ...towers.shape import TowersShape, format_shape
from .background import measure

PICTURE, SOUND, MOTION = (
    WindowSpec(length_ns=round(length * NS), hop_ns=NS // 4) for length in (0.25, 2.0, 1.0)
)
WINDOWS = {"vision": PICTURE, "depth": PICTURE, "thermal": PICTURE, "audio": SOUND, "imu": MOTION}
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
    means, backgrounds = measure(Encoder(load_model(draft, device="cpu")))
    _write(tensors, fields | card_fields(WINDOWS, means, backgrounds, trained=True), out)
    draft.unlink()


def _write(tensors: dict[str, Tensor], fields: dict[str, Any], path: Path) -> None:
    save_file(tensors, path, metadata={CONFIG_KEY: msgspec.json.encode(fields).decode()})
    path.chmod(0o644)


def read_state(path: Path) -> dict[str, Tensor]:
    """A tower's state from a file of its own, whose keys may begin with `towers.<modality>.`."""
    state = load_file(path)
    return {key.split(".", 2)[2] if key.startswith("towers.") else key: value for key, value in state.items()}
