"""Confidence intervals of shares of hits, and of their growth: Wilson's, or a bootstrap by source."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Z = 1.959964
"""The normal distribution's quantile of 95 % between both sides."""
RESAMPLES = 2000
FEWEST = 5
"""Sources: of fewer, a bootstrap draws the same few again and knows too much."""


class Share(NamedTuple):
    """A share of so many cases, and the limits of its 95 % confidence interval."""

    value: float
    low: float
    high: float
    cases: int


def share(hits: np.ndarray, sources: Sequence[str] | None = None) -> Share:
    """The share of True in bool (n,).

    Cases of one source (a person, a stretch of a log) are not independent: where sources repeat, whole ones
    are drawn again with replacement (a cluster bootstrap). Where that shows no spread, of few sources, or
    without repeats, the interval is Wilson's, with a case for each source. Raises ValueError for no cases.
    """
    if not len(hits):
        raise ValueError("no cases: a share of nothing is not defined")
    value, count = float(np.mean(hits)), len(hits)
    clusters = len(set(sources)) if sources is not None else count
    if sources is not None and FEWEST <= clusters < count:
        low, high = _bootstrap(hits, sources)
        if high > low:
            return Share(value, low, high, count)
    return Share(value, *wilson(value, clusters), count)


class Gain(NamedTuple):
    """By how much a share has grown, and the limits of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def gain(before: np.ndarray, after: np.ndarray, sources: Sequence[str]) -> Gain:
    """By how much more of the same cases are True in `after`, bool (n,), than in `before`.

    Whole sources are drawn again, each with both. Of fewer than FEWEST nothing is known: -1 to 1. Raises
    ValueError for no cases.
    """
    if not len(before):
        raise ValueError("no cases: a gain of nothing is not defined")
    grown = after.astype(np.float64) - before
    limits = _bootstrap(grown, sources) if len(set(sources)) >= FEWEST else (-1.0, 1.0)
    return Gain(float(grown.mean()), *limits)


def wilson(value: float, count: int) -> tuple[float, float]:
    """Wilson (1927), "Probable inference, the law of succession, and statistical inference"."""
    scale = 1 + Z * Z / count
    middle = (value + Z * Z / (2 * count)) / scale
    half = Z / scale * math.sqrt(value * (1 - value) / count + Z * Z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def _bootstrap(values: np.ndarray, sources: Sequence[str]) -> tuple[float, float]:
    _, codes = np.unique(np.asarray(sources), return_inverse=True)
    sums = np.bincount(codes, weights=values.astype(np.float64))
    sizes = np.bincount(codes)
    drawn = np.random.default_rng(0).integers(0, len(sizes), (RESAMPLES, len(sizes)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = (float(q) for q in np.quantile(means, [0.025, 0.975]))
    return low, high
