"""`--out FILE.npz`: the run's vectors with their provenance, readable by numpy without pickle.

Keys, for n ticks, m inputs, k embeddings, r ranges and a space of d dimensions:

    space_id                    str: vectors of different spaces are never compared
    inputs, modalities          str (m,): the inputs' names and modalities; the columns below follow them
    fused_vectors               float32 (n, d), unit length; NaN where a tick has no embedding
    fused_stamps_ns             int64 (n,)
    fused_coverage              float64 (n,)
    fused_closed                str (n,): complete or deadline
    weights, shares             float64 (n, m): 0 where an input took no part
    ages_ns, parts              int64 (n, m): the age, and the row of the embedding that took part; -1: none
    embedding_vectors           float32 (k, d), unit length
    embedding_input             int64 (k,): the index into `inputs`
    embedding_epoch, embedding_seq, embedding_index     int64 (k,): its number in its epoch, its window's
    embedding_start_ns, embedding_end_ns                int64 (k,): its window
    embedding_reused            int64 (k,): the index of the earlier window whose vector it is; -1: its own
    embedding_quality           float64 (k,)
    range_embedding             int64 (r,): the row of the embedding this range of samples belongs to
    range_stream                str (r,)
    range_epoch, range_first, range_last                int64 (r,): items first up to, not including, last
    none_input, none_index, none_cause                  int64, int64, str: windows without an embedding
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..encoders.embedding import Embedding, Missing
from ..fusion.fused import Fused
from ..sensors.errors import SixsenseError
from .board import Message


def check_out(path: Path) -> None:
    """Raise SixsenseError before a run starts when its result could not be written."""
    if path.suffix != ".npz":
        raise SixsenseError(f"--out {path}: the format is npz; name it {path.stem or 'run'}.npz")
    if not path.parent.is_dir():
        raise SixsenseError(f"--out {path}: there is no folder {path.parent}; create it first")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise SixsenseError(f"--out {path}: cannot be written; choose another place")


class Export:
    """Collects a run's embeddings and fused vectors. Its order is that of event time."""

    def __init__(self) -> None:
        self._embeddings: list[Embedding] = []
        self._fused: list[Fused] = []
        self._missing: list[Missing] = []

    def add(self, message: Message) -> None:
        """Take one message of the run, in order."""
        match message:
            case Embedding():
                self._embeddings.append(message)
            case Fused():
                self._fused.append(message)
            case Missing():
                self._missing.append(message)
            case _:
                pass

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all. Raises SixsenseError when that fails."""
        draft = path.with_name(f".{path.stem}.{os.getpid()}.npz")
        arrays: dict[str, Any] = self.arrays()
        try:
            np.savez(draft, **arrays)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise SixsenseError(f"cannot write {path}: {error}; give --out a place with room") from error

    def arrays(self) -> dict[str, np.ndarray]:
        """What the file holds, by the keys of this module's docstring."""
        # Results of different inputs arrive in an order of their own every time.
        self._embeddings.sort(key=_place)
        self._missing.sort(key=_place)
        modalities = {one.input: one.modality for one in (*self._embeddings, *self._missing)}
        modalities |= {part.input: part.modality for fused in self._fused for part in fused.parts}
        inputs = sorted(modalities)
        spaces = [one.space_id for one in (*self._embeddings, *self._fused)]
        return {
            "space_id": np.array(spaces[0] if spaces else ""),
            "inputs": _text(inputs),
            "modalities": _text(modalities[name] for name in inputs),
            **self._fused_arrays(inputs),
            **self._embedding_arrays(inputs),
            **self._range_arrays(),
            "none_input": _integers(inputs.index(one.input) for one in self._missing),
            "none_index": _integers(one.index for one in self._missing),
            "none_cause": _text(one.cause for one in self._missing),
        }

    def _fused_arrays(self, inputs: list[str]) -> dict[str, np.ndarray]:
        rows = {(one.input, one.seq, one.end_ns): row for row, one in enumerate(self._embeddings)}
        shape = (len(self._fused), len(inputs))
        weights, shares = np.zeros(shape), np.zeros(shape)
        ages, parts = np.full(shape, -1, np.int64), np.full(shape, -1, np.int64)
        for tick, fused in enumerate(self._fused):
            for part in fused.parts:
                at = tick, inputs.index(part.input)
                weights[at], shares[at], ages[at] = part.weight, part.share, part.age_ns
                parts[at] = rows.get((part.input, part.seq, part.end_ns), -1)
        return {
            "fused_vectors": self._vectors([one.vector for one in self._fused]),
            "fused_stamps_ns": _integers(one.stamp_ns for one in self._fused),
            "fused_coverage": np.array([one.coverage for one in self._fused], np.float64),
            "fused_closed": _text(one.closed for one in self._fused),
            "weights": weights,
            "shares": shares,
            "ages_ns": ages,
            "parts": parts,
        }

    def _embedding_arrays(self, inputs: list[str]) -> dict[str, np.ndarray]:
        numbers = ("epoch", "seq", "index", "start_ns", "end_ns", "reused")
        return {
            "embedding_vectors": self._vectors([one.vector for one in self._embeddings]),
            "embedding_input": _integers(inputs.index(one.input) for one in self._embeddings),
            **{f"embedding_{n}": _integers(getattr(one, n) for one in self._embeddings) for n in numbers},
            "embedding_quality": np.array([one.quality for one in self._embeddings], np.float64),
        }

    def _range_arrays(self) -> dict[str, np.ndarray]:
        ranges = [(row, one) for row, embedding in enumerate(self._embeddings) for one in embedding.ranges]
        numbers = ("epoch", "first", "last")
        return {
            "range_embedding": _integers(row for row, _ in ranges),
            "range_stream": _text(one.stream for _, one in ranges),
            **{f"range_{n}": _integers(getattr(one, n) for _, one in ranges) for n in numbers},
        }

    def _vectors(self, vectors: list[np.ndarray | None]) -> np.ndarray:
        dims = [len(one.vector) for one in self._embeddings[:1]]
        dims += [len(one.vector) for one in self._fused if one.vector is not None][:1]
        dim = dims[0] if dims else 0
        blank = np.full(dim, np.nan, np.float32)
        rows = [blank if vector is None else vector for vector in vectors]
        return np.array(rows, np.float32).reshape(len(rows), dim)


def _place(window: Embedding | Missing) -> tuple[int, str, int, int]:
    return window.end_ns, window.input, window.epoch, window.index


def _integers(values: Any) -> np.ndarray:
    return np.array(list(values), np.int64)


def _text(values: Any) -> np.ndarray:
    return np.array(list(values), np.str_)
