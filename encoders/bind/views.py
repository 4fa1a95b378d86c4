"""Views: what was prepared for training, on disk: rows of one shape, one or more an item, read at random."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from ..data.item import Item
from ..errors import InputError

# Beyond these dimensions an item's input is several views of it: clips, crops, windows.
SINGLE = {"vision": (3, 4), "depth": (3,), "thermal": (3,), "audio": (3,), "imu": (2,), "text": (1,)}
HALF = ("vision", "depth", "thermal")
"""Pictures are kept as float16, whose step is finer than a grey level."""


class _Kept(msgspec.Struct, frozen=True):
    modality: str
    key: str
    source: str
    stamp_ns: int | None
    views: int


class _Manifest(msgspec.Struct, frozen=True):
    identity: str
    dtype: str
    shape: tuple[int, ...]
    items: list[_Kept]


class Views:
    """`rows` (views, ...) of `items`; item i has those from `starts[i]` to `starts[i + 1]`."""

    def __init__(self, items: Sequence[Item], rows: np.ndarray, starts: np.ndarray) -> None:
        self.items, self.rows, self.starts = items, rows, starts

    def __len__(self) -> int:
        return len(self.items)

    def drawn(self, indices: np.ndarray, rng: np.random.Generator) -> Tensor:
        """A random view of each of the items, float32 (n, ...), or int64 token ids."""
        first, last = self.starts[indices], self.starts[indices + 1]
        return _tensor(self.rows[rng.integers(first, last)])

    def every(self, index: int) -> Tensor:
        """All views of one item."""
        return _tensor(self.rows[self.starts[index] : self.starts[index + 1]])


class Writer:
    """Writes items' arrays as they come: views to `path`, and at the end what they are to `path`.json."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("wb")
        self._kept: list[_Kept] = []
        self._like: np.ndarray | None = None

    def add(self, item: Item, array: np.ndarray) -> None:
        """One-dimensional float arrays are vectors. Raises InputError for a shape unlike the first's."""
        views = _views(item, array)
        self._like = views[:0] if self._like is None else self._like
        if views.shape[1:] != self._like.shape[1:]:
            raise InputError(
                f"{item.key}: {item.modality} of shape {views.shape[1:]} after {self._like.shape[1:]}; "
                "give pictures or videos, not both"
            )
        self._file.write(views.tobytes())
        self._kept.append(_Kept(item.modality, item.key, item.source, item.stamp_ns, len(views)))

    def close(self) -> None:
        """Let go of the file; without `finish` nobody reads it."""
        self._file.close()

    def finish(self, identity: str) -> None:
        """Raises InputError where nothing came."""
        self.close()
        if self._like is None:
            raise InputError("nothing in the data can be embedded")
        manifest = _Manifest(identity, self._like.dtype.str, self._like.shape[1:], self._kept)
        beside = _manifest(self._path).with_suffix(".partial")
        beside.write_bytes(msgspec.json.encode(manifest))
        os.replace(beside, _manifest(self._path))


def read_views(path: Path, identity: str) -> Views | None:
    """What was written there; None where that was not finished, or under another identity."""
    try:
        manifest = msgspec.json.decode(_manifest(path).read_bytes(), type=_Manifest)
    except (OSError, msgspec.MsgspecError):
        return None
    if manifest.identity != identity:
        return None
    items = [Item(one.modality, "", one.key, one.source, one.stamp_ns) for one in manifest.items]
    starts = np.concatenate([[0], np.cumsum([kept.views for kept in manifest.items])])
    rows = np.memmap(path, np.dtype(manifest.dtype), "r", shape=(int(starts[-1]), *manifest.shape))
    return Views(items, rows, starts)


def _views(item: Item, array: np.ndarray) -> np.ndarray:
    several = array.ndim > 1 and array.ndim not in SINGLE[item.modality]
    views = array if several else array[None]
    return views.astype(np.float16) if array.ndim > 1 and item.modality in HALF else views


def _tensor(rows: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(np.array(rows))
    return tensor.float() if tensor.is_floating_point() else tensor


def _manifest(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
