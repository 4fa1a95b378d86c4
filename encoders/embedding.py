"""Embedding: one unit vector with provenance, or the reason why a window has none."""

from typing import Literal

import msgspec
import numpy as np


class Range(msgspec.Struct, frozen=True, array_like=True):
    """Items `first` up to, not including, `last` of one stream in one epoch."""

    stream: str
    epoch: int
    first: int
    last: int


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """The vector of window `index` (`[start_ns, end_ns)`) of one input (a stream or a group).

    `vector` is float32 (dim,), unit length. `quality` in [0, 1] is how much the signal is worth (dark,
    silent and clipped windows are worth less). `space_id` names the model and its weights: vectors of
    different spaces are never compared. `reused` is the index of the earlier window whose vector this is,
    because the picture had not changed since; -1: it is this window's own.
    """

    input: str
    modality: str
    epoch: int
    seq: int
    index: int
    start_ns: int
    end_ns: int
    ranges: tuple[Range, ...]
    quality: float
    space_id: str
    vector: np.ndarray
    reused: int = -1
    trace: dict[str, int] = {}


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A window that closed without an embedding: too few samples, the end of the stream, or load."""

    input: str
    modality: str
    epoch: int
    seq: int
    index: int
    start_ns: int
    end_ns: int
    cause: Literal["short", "tail", "shed", "invalid"]
