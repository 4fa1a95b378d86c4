"""An index of vectors as other programs have it, NumPy or Parquet, each with its id: read and written."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..fusion.vector_set import VectorSet, make_set
from ..sensors.errors import SixsenseError

VECTORS = ("vectors", "embeddings", "embedding", "image_embeds", "vector")
"""What the array or column of vectors is called, where there are several that could be it."""
IDS = ("ids", "id", "files", "file", "image_path", "keys", "key", "names", "name")


class VectorIndexError(SixsenseError):
    """A file that is no index of vectors: why, and what it should have."""


def read_index(path: Path) -> VectorSet:
    """The vectors of FILE.npz, FILE.parquet, or FILE.npy with FILE.txt (an id a line).

    Raises VectorIndexError for a file that is none, QueryError for vectors that cannot be used.
    """
    readers = {".npz": _read_npz, ".npy": _read_npy, ".parquet": _read_parquet}
    if path.suffix not in readers:
        raise VectorIndexError(f"{path} is no index that can be read; it can be {', '.join(readers)}")
    try:
        ids, vectors = readers[path.suffix](path)
    except (OSError, ValueError, BadZipFile) as error:
        raise VectorIndexError(f"{path} cannot be read as {path.suffix[1:]}: {error}") from error
    return make_set(ids, vectors)


def check_index(path: Path) -> None:
    """Raise VectorIndexError before anything is embedded that could not be written there."""
    if path.suffix not in (".npz", ".npy"):
        raise VectorIndexError(
            f"--out {path}: name it .npz, or .npy for an array with its ids in a .txt beside"
        )
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise VectorIndexError(f"--out {path}: the folder {path.parent} is not there or not writable")


def write_index(path: Path, ids: Sequence[str], vectors: np.ndarray) -> None:
    """Unit rows, float32 (n, dim): FILE.npz with `vectors` and `ids`, or FILE.npy with ids in FILE.txt.

    Raises VectorIndexError where it cannot be written.
    """
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        if path.suffix == ".npz":
            np.savez(draft, vectors=vectors, ids=np.array(ids, np.str_))
        else:
            np.save(draft, vectors)
            path.with_suffix(".txt").write_text("".join(f"{name}\n" for name in ids), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise VectorIndexError(f"--out {path}: cannot be written ({error.strerror})") from error
    finally:
        draft.unlink(missing_ok=True)


def _read_npz(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        named = {name: arrays[name] for name in arrays.files}
    vectors = {name: array for name, array in named.items() if array.ndim == 2 and array.dtype.kind == "f"}
    ids = {name: array for name, array in named.items() if array.ndim == 1 and array.dtype.kind in "UiuS"}
    return _texts(_chosen(path, "ids", ids, IDS)), _chosen(path, "vectors", vectors, VECTORS)


def _read_npy(path: Path) -> tuple[list[str], np.ndarray]:
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise VectorIndexError(
            f"{path} has no ids: put them into {beside}, one a line, in the order of the rows"
        )
    return beside.read_text(encoding="utf-8").splitlines(), np.load(path, allow_pickle=False)


def _read_parquet(path: Path) -> tuple[list[str], np.ndarray]:
    try:
        from pyarrow import ArrowException, parquet, types
    except ModuleNotFoundError as error:
        raise VectorIndexError(f"{path}: Parquet needs pyarrow: pip install 'sixsense[parquet]'") from error
    try:
        table: Any = parquet.read_table(path)
    except ArrowException as error:
        raise VectorIndexError(f"{path} cannot be read as parquet: {error}") from error

    def listed(kind: Any) -> bool:
        of_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        return of_list and types.is_floating(kind.value_type)

    vectors = {field.name: field.name for field in table.schema if listed(field.type)}
    ids = {f.name: f.name for f in table.schema if types.is_string(f.type) or types.is_integer(f.type)}
    rows = table.column(_chosen(path, "vectors", vectors, VECTORS)).to_pylist()
    names = table.column(_chosen(path, "ids", ids, IDS)).to_pylist()
    return [str(name) for name in names], np.array(rows, np.float32)


def _chosen(path: Path, what: str, found: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The only one that it can be, or the one of a usual name."""
    usual = [name for name in names if name in found]
    if len(found) != 1 and not usual:
        have = ", ".join(found) or "none"
        raise VectorIndexError(
            f"{path}: which are the {what} is unclear (there are {have}); call them {names[0]!r}"
        )
    return next(iter(found.values())) if len(found) == 1 else found[usual[0]]


def _texts(array: np.ndarray) -> list[str]:
    return [one.decode("utf-8") if isinstance(one, bytes) else str(one) for one in array.tolist()]
