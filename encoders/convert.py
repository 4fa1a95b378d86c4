"""A checkpoint in another format, or some of its trunks as a checkpoint of their own."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import save_file
from torch import Tensor

from .architecture import TRUNKS, Architecture, format_architecture
from .card import read_architecture
from .checkpoint import CONFIG_KEY, SUFFIXES, Checkpoint
from .errors import ModelError
from .loading import check_weights
from .towers.shape import TowersShape, format_shape


def convert(source: Checkpoint, out: Path, modalities: tuple[str, ...] | None = None) -> None:
    """Write the tensors of `source`, bit for bit, to `out` (`.safetensors` or `.pth`), whole or not at all.

    A `.safetensors` file carries its config. Beside a `.pth` that is not the whole imagebind_huge a
    config.json is written: its folder is then the model. `modalities` None: all. Raises ModelError;
    nothing is ever overwritten.
    """
    whole = read_architecture(source)
    architecture = whole if modalities is None else whole.only(modalities)
    config = config_of(source, whole, architecture)
    beside = out.with_name("config.json") if out.suffix == ".pth" and config is not None else None
    _check_out(out, beside)
    state = check_weights(source.weights, architecture)
    _write(out, lambda draft: _save(state, draft, source.weights, out.suffix, config))
    if beside is not None and config is not None:
        _write(beside, lambda draft: draft.write_bytes(config))


def config_of(
    source: Checkpoint, whole: Architecture | TowersShape, architecture: Architecture | TowersShape
) -> bytes | None:
    """The source's config without the trunks that are left out; None for a bare imagebind_huge."""
    if source.config is None and architecture == whole:
        return None
    fields = msgspec.json.decode(source.config or b"{}", type=dict[str, Any])
    if isinstance(architecture, TowersShape):
        return msgspec.json.encode(fields | format_shape(architecture))
    dropped = tuple(f"{name}_" for name in TRUNKS if name not in architecture.trunks)
    kept = {key: value for key, value in fields.items() if not key.startswith(dropped)}
    return msgspec.json.encode(kept | format_architecture(architecture))


def _check_out(out: Path, beside: Path | None) -> None:
    if out.suffix not in SUFFIXES:
        raise ModelError(f"{out}: weights are {' or '.join(SUFFIXES)} files; give one of these names")
    if not out.parent.is_dir():
        raise ModelError(f"{out}: there is no folder {out.parent}; create it first")
    taken = next((path for path in (out, beside) if path is not None and path.exists()), None)
    if taken is not None:
        raise ModelError(f"{taken} is there already; delete it or choose another place")
    others = [path.name for path in out.parent.iterdir() if path.suffix in SUFFIXES] if beside else []
    if others:
        raise ModelError(
            f"{out}: its folder would be the model, and has {others[0]} in it; choose an empty one"
        )


def _save(state: dict[str, Tensor], draft: Path, source: Path, suffix: str, config: bytes | None) -> None:
    if suffix == ".pth":
        torch.save(state, draft)
    else:
        save_file(state, draft, {CONFIG_KEY: config.decode()} if config is not None else None)
    # Whoever could read the original can read the copy: safetensors makes files for their owner alone.
    shutil.copymode(source, draft)


def _write(path: Path, write: Callable[[Path], object]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        draft.replace(path)
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{path}: cannot be written ({error})") from error
    finally:
        draft.unlink(missing_ok=True)
