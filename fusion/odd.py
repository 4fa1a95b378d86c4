"""Odd: the standing queries that no single cosine answers, novelty and disagreement."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .novelty import Memory
from .query import Standing
from .score import NOVELTY, Scores

GOOD = 0.5
"""Windows of less quality (dark, silent, covered) are neither judged nor remembered here."""


class Glimpse(NamedTuple):
    """One vector of a tick: its modality, quality, itself centred, float64 (dim,), its scores."""

    modality: str
    quality: float
    vector: np.ndarray
    scores: Scores


class Odd:
    """Scores of the standing queries that ask for novelty or disagreement, written over the bank's."""

    def __init__(self, standing: Sequence[Standing], looks: Sequence[Sequence[str]]) -> None:
        self._novel = [
            (row, one.query.hours, set(where))
            for row, (one, where) in enumerate(zip(standing, looks, strict=True))
            if one.query.asks == "novelty"
        ]
        pairs = [(row, one.query) for row, one in enumerate(standing) if one.query.asks == "disagreement"]
        self._apart = {
            modalities: np.array([row for row, query in pairs if query.modalities == modalities])
            for modalities in dict.fromkeys(query.modalities for _, query in pairs)
        }

    def hours(self, modality: str) -> float:
        """How far back what `modality` was like is asked for; 0 where it is not."""
        return max((hours for _, hours, where in self._novel if modality in where), default=0.0)

    def judge(self, stamp_ns: int, seen: Sequence[Glimpse], memories: dict[str, Memory]) -> None:
        """Write the scores of one tick, -inf where there is nothing to judge."""
        for modalities, rows in self._apart.items():
            _disagree(modalities, rows, seen)
        for one in seen if self._novel else ():
            self._judge_novelty(stamp_ns, one, memories.get(one.modality))

    def _judge_novelty(self, stamp_ns: int, one: Glimpse, memory: Memory | None) -> None:
        cosines: dict[float, float | None] = {}
        for row, hours, where in self._novel:
            one.scores.score[row] = -np.inf
            if memory is None or one.quality < GOOD or one.modality not in where:
                continue
            if hours not in cosines:
                cosines[hours] = memory.nearest(stamp_ns, one.vector, hours)
            if (cosine := cosines[hours]) is not None:
                one.scores.cosine[row] = cosine
                one.scores.score[row] = (1 - cosine) / NOVELTY.deviation


def remember(stamp_ns: int, seen: Sequence[Glimpse], memories: dict[str, Memory]) -> None:
    """Add what a tick has seen to what is known, once all of it was judged."""
    for one in seen:
        if one.modality in memories and one.quality >= GOOD:
            memories[one.modality].add(stamp_ns, one.vector)


def _disagree(modalities: tuple[str, ...], rows: np.ndarray, seen: Sequence[Glimpse]) -> None:
    """How much further queries stand out in the first modality than in any of the others.

    -inf unless each of them has a window of good quality at this tick. That others are below their background
    adds nothing: not to see a thing is as much as disagreement can be.
    """
    known = {
        modality: [one.scores.score[rows] for one in seen if one.modality == modality and one.quality >= GOOD]
        for modality in modalities
    }
    others = [score for modality in modalities[1:] for score in known[modality]]
    elsewhere = np.max([np.zeros(len(rows)), *others], axis=0)
    for one in seen:
        judged = all(known.values()) and one.modality == modalities[0] and one.quality >= GOOD
        one.scores.score[rows] = one.scores.score[rows] - elsewhere if judged else -np.inf
