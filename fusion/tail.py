"""fit_tail: from a background's peaks over a threshold to how often it reaches any score."""

import math

import numpy as np

from ..encoders.tail import Tail

QUANTILE = 0.6
"""Peaks above this quantile are the tail. They are maxima of some seconds already, so it may be low."""
FEWEST = 30
"""Peaks above the threshold without which nothing is fitted."""

# A weak prior on the shape keeps a small sample from promising a bounded or a very heavy tail (Coles and
# Dixon 1999, "Likelihood-based inference for extreme value models", penalise it likewise).
_SHAPE_SPREAD = 0.15
_SHAPES = np.linspace(-0.45, 0.45, 19)
_SCALES = np.geomspace(0.3, 6.0, 33)
_EXPONENTIAL = 1e-6


def fit_tail(peaks: np.ndarray, bounds: np.ndarray, hours: float, quantile: float = QUANTILE) -> Tail | None:
    """The tail above `quantile` of a background whose declustered peaks (n,) were seen in so many hours.

    `bounds` (n,) is the score from which a peak would have been taken for an event, and left out, when each
    was seen (inf: none): the likelihood is that of peaks truncated there, so that leaving events out does
    not make the tail look shorter. Maximum of the penalised likelihood over a grid, refined once. None while
    fewer than FEWEST peaks are in the tail, or they do not differ.
    """
    if len(peaks) < FEWEST or hours <= 0:
        return None
    threshold = float(np.quantile(peaks, quantile))
    inside = (peaks > threshold) & (bounds > threshold)
    excess, room = peaks[inside] - threshold, bounds[inside] - threshold
    if len(excess) < FEWEST or not excess.mean() > 0:
        return None
    spread = float(excess.mean())
    shape, scale = _best(excess, room, _SHAPES, spread * _SCALES)
    shape, scale = _best(
        excess, room, shape + np.linspace(-0.05, 0.05, 11), scale * np.geomspace(0.91, 1.1, 11)
    )
    seen = 1 - _survival(room / scale, shape)
    return Tail(threshold=threshold, per_h=float(np.sum(1 / seen)) / hours, shape=shape, scale=scale)


def _best(
    excess: np.ndarray, room: np.ndarray, shapes: np.ndarray, scales: np.ndarray
) -> tuple[float, float]:
    """The pair of the grid with the highest penalised likelihood."""
    # Equal bounds are common (no event threshold, or one for a long time), and each is computed once.
    rooms, times = np.unique(room, return_counts=True)
    best = -math.inf, 0.0, 1.0
    for shape in shapes:
        inner = 1 + shape * (excess / scales[:, None])
        inside = (inner > 0).all(axis=1)
        logs = np.log(np.where(inner > 0, inner, 1.0)).sum(axis=1)
        grown = excess.sum() / scales if abs(shape) < _EXPONENTIAL else (1 + 1 / shape) * logs
        density = -len(excess) * np.log(scales) - grown
        seen = np.log(np.maximum(1 - _survival(rooms / scales[:, None], shape), 1e-12)) @ times
        likelihood = np.where(inside, density - seen, -np.inf) - (shape / _SHAPE_SPREAD) ** 2 / 2
        top = int(np.argmax(likelihood))
        best = max(best, (float(likelihood[top]), float(shape), float(scales[top])))
    return best[1], best[2]


def _survival(excess: np.ndarray, shape: float) -> np.ndarray:
    """P(excess or more) of a generalised Pareto variable of scale 1."""
    if abs(shape) < _EXPONENTIAL:
        return np.exp(-excess)
    return np.maximum(1 + shape * excess, 0.0) ** (-1 / shape)
