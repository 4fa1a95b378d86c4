"""Weights from a file into a network: strict, only what is asked for, nothing executed."""

import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .architecture import TRUNKS, Architecture
from .errors import ModelError
from .imagebind import ImageBind
from .towers.shape import TowersShape
from .towers.towers import Towers
from .truncated import first_cut_key

Network = ImageBind | Towers


def load_network(weights: Path, architecture: Architecture | TowersShape) -> Network:
    """Build the trunks of `architecture` and fill them from a `.pth` or `.safetensors` file, in float32.

    Keys of other known modalities are left in the file. Raises ModelError for a file that cannot be read
    and, naming the first, for a key that is missing, unknown or of another shape.
    """
    with torch.device("meta"):
        network = _network(architecture)
    state = _checked_state(weights, network)
    # Copied, so that the mapped file is let go: else its pages are counted as this process's memory beside
    # what is made of them, and how a product rounds may depend on where its numbers lie.
    owned = {key: value.to(torch.float32, copy=True) for key, value in state.items()}
    network.load_state_dict(owned, assign=True)
    return network.requires_grad_(False).eval()


def check_weights(weights: Path, architecture: Architecture | TowersShape) -> dict[str, Tensor]:
    """The tensors of `architecture`'s trunks, in the model's order, mapped from the file and not yet read.

    Raises ModelError as `load_network` does, without its cost.
    """
    with torch.device("meta"):
        return _checked_state(weights, _network(architecture))


def _network(architecture: Architecture | TowersShape) -> Network:
    return Towers(architecture) if isinstance(architecture, TowersShape) else ImageBind(architecture)


def _checked_state(weights: Path, network: Network) -> dict[str, Tensor]:
    """What the file holds for every key of `network`. Raises ModelError."""
    if weights.is_dir():
        raise ModelError(
            f"{weights} is exported to ONNX and can only be run: give the model that it was exported from"
        )
    expected = {key: value.shape for key, value in network.state_dict().items()}
    state = _read_safetensors(weights) if weights.suffix == ".safetensors" else _read_pth(weights)
    _check_keys(weights, list(state), expected)
    for key, shape in expected.items():
        if state[key].shape != shape:
            raise ModelError(f"{weights}: {key} is {list(state[key].shape)}, the model needs {list(shape)}")
    return {key: state[key] for key in expected}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, "safetensors file", str(error)) from error


def _read_pth(path: Path) -> dict[str, Tensor]:
    try:
        # Mapped, so that the trunks that nobody asked for are never read from disk.
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        # What torch says here is advice to execute whatever the file holds.
        raise _unreadable(path, "state dict", "no file of torch.save's, or more than tensors") from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _unreadable(path, "state dict", reason) from error
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise ModelError(f"{path}: holds no plain dictionary of tensors; save model.state_dict() instead")
    return loaded


def _unreadable(path: Path, what: str, reason: str) -> ModelError:
    cut = first_cut_key(path)
    if cut is None:
        return ModelError(f"{path}: no readable {what} ({reason})")
    size = path.stat().st_size
    return ModelError(f"{path}: {cut} is not whole, the file is cut off after {size} bytes; fetch it again")


def _check_keys(path: Path, keys: list[str], expected: dict[str, torch.Size]) -> None:
    present = set(keys)
    missing = [key for key in expected if key not in present]
    if missing:
        raise ModelError(f"{path}: {missing[0]} is missing ({len(missing)} of {len(expected)} keys are)")
    loaded = {key.split(".")[1] for key in expected}
    unknown = [key for key in keys if key not in expected and not _other_trunk(key, loaded)]
    if unknown:
        raise ModelError(f"{path}: {unknown[0]} belongs to no such model ({len(unknown)} such keys)")


def _other_trunk(key: str, loaded: set[str]) -> bool:
    """Whether a key is of a modality that was not asked for."""
    parts = key.split(".")
    known = (
        "modality_preprocessors",
        "modality_trunks",
        "modality_heads",
        "modality_postprocessors",
        "towers",
    )
    return len(parts) > 2 and parts[0] in known and parts[1] in TRUNKS and parts[1] not in loaded
