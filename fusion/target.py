"""Target: one modality, or the fused vector, as all standing queries see it: thresholds and background."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..encoders.tail import Tail
from .background import Learner
from .query import Query

# How often independent half-second windows of a standard normal score exceed two deviations, and how fast
# that falls from there (its hazard, 2.37): what is assumed of a model whose card has no tail for a pair.
NORMAL = Tail(threshold=2.0, per_h=164.0, shape=0.0, scale=0.42)
OFF_RATE = 10.0
"""An event goes on while the score is one that the background reaches up to this many times as often."""


class Watched(NamedTuple):
    """One standing query here: the tail that the card has for the pair, and on how many targets it looks."""

    query: Query
    identity: str
    shipped: Tail | None
    targets: int


class Target:
    """`on` and `off` (n,) are where each query's events begin and go on; its tails follow the background."""

    def __init__(self, watched: Sequence[Watched], before: "Target | None" = None) -> None:
        self._watched = watched
        self.learner = Learner([one.identity for one in watched])
        if before is not None:
            self.learner.take(before.learner)
        self.on, self.off = np.empty(len(watched)), np.empty(len(watched))
        self._set(range(len(watched)))

    def observe(self, stamp_ns: int, score: np.ndarray, quiet: np.ndarray) -> None:
        """Learn from a tick's scores (n,) where `quiet` (n,) says that no event is open."""
        self._set(map(int, self.learner.observe(stamp_ns, score, self.on, quiet)))

    def restored(self) -> None:
        """Follow a learner that was restored."""
        self._set(range(len(self._watched)))

    def calibrated(self, row: int) -> bool:
        """Whether enough background was seen to know how often a score is reached here."""
        return self.learner.tails[row] is not None

    def per_h(self, row: int, score: float) -> float:
        """How often an hour the background of query `row` would begin an event at `score`, on any target."""
        return self._tail(row).rate(score) * self._watched[row].targets

    def _tail(self, row: int) -> Tail:
        return self.learner.tails[row] or self._watched[row].shipped or NORMAL

    def _set(self, rows: "Sequence[int] | map[int] | range") -> None:
        for row in rows:
            self.on[row], self.off[row] = _levels(self._watched[row], self._tail(row))


def _levels(watched: Watched, tail: Tail) -> tuple[float, float]:
    """The scores at which an event begins and goes on; a rate is shared between the targets (Bonferroni)."""
    query = watched.query
    if query.at_most_per_h is None:
        return query.on, query.off
    share = query.at_most_per_h / watched.targets
    return tail.level(share), tail.level(share * OFF_RATE)
