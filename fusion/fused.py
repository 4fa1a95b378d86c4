"""Fused, Labels and Match: what a tick of fusion says."""

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


class Likely(msgspec.Struct, frozen=True, kw_only=True):
    """A label with its probability and its centred cosine."""

    label: str
    share: float
    cosine: float


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one target is like: the likeliest labels, best first, and the probability `none` of none of them.

    All labels' shares and `none` sum to 1. `calibrated` says whether the card has this target's temperature.
    """

    target: str
    best: tuple[Likely, ...]
    none: float
    calibrated: bool


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """A set of labels at the tick `stamp_ns`: an answer for each target that has something to compare."""

    epoch: int
    seq: int
    name: str
    stamp_ns: int
    answers: tuple[Answer, ...]
    trace: dict[str, int] = {}


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A standing query's event: it begins, is updated, and ends.

    `cosine` is the raw cosine of the modality that stands out most, `score` the standardised one that
    thresholds act on; where this tick has nothing to compare, both are those of the last tick that had.
    `per_h` is how often an hour the background alone would reach `peak`: by what was learnt of this query
    here when `calibrated`, else by what the model's card says; `background_h` hours of it were seen.
    `begin_ns` is the first tick at `on` or above, `last_ns` the last one so far at `off` or above,
    `stamp_ns` this tick, which decided. `modalities` are those that were at `off` or above in this event,
    `shares` their parts of what stood out at the peak, summing to 1. `input`, `embedding_seq`,
    `evidence_start_ns` and `evidence_end_ns` say which window scored `peak`, the highest so far.
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
    per_h: float = 0.0
    background_h: float = 0.0
    modalities: tuple[str, ...]
    shares: dict[str, float] = {}
    input: str
    embedding_seq: int
    evidence_start_ns: int
    evidence_end_ns: int
    trace: dict[str, int] = {}
