"""Where a model's files are and what identifies them, without reading the weights into memory (no torch)."""

import os
import struct
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from .digest import sha256_of
from .errors import ModelError

SHIPPED = {"mini": Path(__file__).parent / "weights" / "mini.safetensors"}
DOWNLOADED = {
    "imagebind-huge": ("imagebind_huge.pth", "https://dl.fbaipublicfiles.com/imagebind/imagebind_huge.pth"),
}
SUFFIXES = (".safetensors", ".pth")
VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
CONFIG_KEY = "sixsense"
EXPORT_KEY = "onnx"
MAX_HEADER = 100_000_000


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What an exported model says of itself: what it computes in, whose space it is, its logit scales."""

    precision: Literal["exact", "int8"]
    space_id: str
    logit_scales: dict[str, float]


class Checkpoint(NamedTuple):
    """A weights file, the JSON that describes it (None: imagebind_huge's widths), and its name.

    Of a model that was exported to ONNX files, `weights` is their folder.
    """

    name: str
    weights: Path
    config: bytes | None
    exported: Exported | None = None

    @property
    def where(self) -> str:
        return str(self.weights)

    @property
    def vocabulary(self) -> Path:
        """Where CLIP's merges are looked for when nobody says."""
        return (self.weights if self.exported else self.weights.parent) / VOCABULARY

    def space_id(self) -> str:
        """The name and the first 12 hexadecimal digits of the weights file's SHA-256; an exported model's is
        that of what it was exported from."""
        if self.exported:
            return self.exported.space_id
        return f"{self.name}:{sha256_of(self.weights)[:12]}"


def find_checkpoint(name_or_path: str | os.PathLike[str]) -> Checkpoint:
    """Find a model by name (`mini`, `imagebind-huge`), weights file, or folder with a config.json.

    A `.safetensors` file may carry its config in its metadata under `sixsense`. Raises ModelError.
    """
    name = os.fspath(name_or_path)
    if name in SHIPPED:
        return _from_file(SHIPPED[name], name)
    if name in DOWNLOADED:
        return _from_file(_downloaded(name), name)
    path = Path(name)
    if path.is_dir():
        return _from_folder(path)
    if not path.is_file():
        known = ", ".join([*SHIPPED, *DOWNLOADED])
        raise ModelError(f"no model {name!r}: neither a file or folder nor one of {known}")
    return _from_file(path, path.stem)


def models_folder() -> Path:
    """Where downloaded checkpoints are kept: `$XDG_CACHE_HOME/sixsense`, else `~/.cache/sixsense`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sixsense"


def _downloaded(name: str) -> Path:
    path = models_folder() / DOWNLOADED[name][0]
    if not path.is_file():
        raise ModelError(
            f"{name} is not on this machine: {path} does not exist. Its weights are CC BY-NC-SA 4.0; "
            f"fetch them (4.8 GB) with: sixsense models pull {name}"
        )
    return path


def _from_folder(folder: Path) -> Checkpoint:
    config = folder / "config.json"
    exported = _exported(config) if config.is_file() else None
    if exported is not None:
        return Checkpoint(folder.resolve().name, folder, config.read_bytes(), exported)
    found = sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES)
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise ModelError(
            f"{folder}: a model folder holds one weights file ({' or '.join(SUFFIXES)}), found {names}"
        )
    if not config.is_file():
        raise ModelError(f"{folder}: no config.json with the model's widths, blocks and heads")
    return Checkpoint(folder.resolve().name, found[0], config.read_bytes())


def _exported(config: Path) -> Exported | None:
    """What it says of its folder being an export, if it does."""
    try:
        fields = msgspec.json.decode(config.read_bytes(), type=dict[str, Any])
        return msgspec.convert(fields[EXPORT_KEY], Exported) if EXPORT_KEY in fields else None
    except msgspec.MsgspecError as error:
        raise ModelError(f"{config}: {error}") from error


def _from_file(path: Path, name: str) -> Checkpoint:
    if path.suffix not in SUFFIXES:
        raise ModelError(
            f"{path}: weights are {' or '.join(SUFFIXES)} files, not {path.suffix or 'without suffix'}"
        )
    if not path.is_file():
        raise ModelError(f"{path}: the weights of {name!r} are missing; install sixsense again")
    config = _metadata(path).get(CONFIG_KEY) if path.suffix == ".safetensors" else None
    return Checkpoint(name, path, config.encode() if config is not None else None)


def _metadata(path: Path) -> dict[str, str]:
    """The `__metadata__` of a safetensors file: eight bytes of length, then a JSON header."""
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            if size > MAX_HEADER:
                raise ModelError(f"{path}: no safetensors file (a header of {size} bytes)")
            header = msgspec.json.decode(file.read(size))
            return msgspec.convert(header.get("__metadata__", {}), dict[str, str])
    except (struct.error, msgspec.MsgspecError, AttributeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: no safetensors file ({error})") from error
