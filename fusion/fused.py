"""Fused and Match: what a tick of fusion says."""

from typing import Literal

import msgspec
import numpy as np


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One input's contribution to a tick: which embedding, how old, how much of the fused vector."""

    input: str
    modality: str
    seq: int
    end_ns: int
    age_ns: int
    quality: float
    weight: float
    share: float


class Fused(msgspec.Struct, frozen=True, kw_only=True):
    """One unit vector (float32 (dim,), None when no input has one) for the instant `stamp_ns`.

    `coverage` is the summed configured weight of the inputs that took part over that of all inputs.
    `closed` says whether every input had reported, or the live deadline passed.
    """

    epoch: int
    seq: int
    stamp_ns: int
    coverage: float
    closed: Literal["complete", "deadline"]
    parts: tuple[Part, ...]
    space_id: str
    vector: np.ndarray | None
    trace: dict[str, int] = {}


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A standing query's event: it begins, is updated, and ends.

    `cosine` is the raw cosine of the best modality, `score` the standardised one that thresholds act on
    (`calibrated` says whether it is a false-alarm rate yet); where this tick has nothing to compare, both
    are those of the last tick that had. `begin_ns` is the first tick at `on` or above, `last_ns` the last
    one so far at `off` or above, `stamp_ns` this tick, which decided. `modalities` are those that were at
    `off` or above in this event. `input`, `embedding_seq`, `evidence_start_ns` and `evidence_end_ns` say
    which window scored `peak`, the highest so far.
    """

    epoch: int
    seq: int
    event: int
    phase: Literal["begin", "update", "end"]
    query: str
    stamp_ns: int
    begin_ns: int
    last_ns: int = 0
    score: float
    peak: float
    cosine: float
    calibrated: bool
    modalities: tuple[str, ...]
    input: str
    embedding_seq: int
    evidence_start_ns: int
    evidence_end_ns: int
    trace: dict[str, int] = {}
