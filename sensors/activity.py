"""Activity: how much happens in a stream from moment to moment, so that a clap can be found in it."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from .sample import NS, Sample

GRID = 48
"""Pictures are averaged to about so many cells a side: noise goes, a lamp or a hand stays."""
BLOCK_S = 0.001
"""How finely the loudness of a sound is followed."""
MEAN_S = 0.1
"""Acceleration is measured from its mean over the time before: gravity and slow turns go."""

Decode = Callable[[Sample], np.ndarray]
"""A picture's sample to grey levels, float (h, w), or RGB, uint8 (h, w, 3)."""


class Trace(NamedTuple):
    """How much happened, float64 (n,) >= 0 in any unit, and when: int64 (n,) ns, ascending.

    `gap_ns` is from one instant to the next, 0 where there are fewer than two.
    """

    times_ns: np.ndarray
    values: np.ndarray

    @property
    def gap_ns(self) -> float:
        return float(np.median(np.diff(self.times_ns))) if len(self.times_ns) > 1 else 0.0


class Activity(Protocol):
    """Follows one stream."""

    def add(self, sample: Sample) -> None:
        """The next sample of the stream."""
        ...

    def trace(self) -> Trace:
        """Everything so far."""
        ...


class Brightening:
    """Pictures: the root mean square of what became brighter since the picture before, at its stamp.

    What becomes darker is left out, so that a lamp's going out is not taken for its going on.
    """

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._before: np.ndarray | None = None
        self._times_ns: list[int] = []
        self._values: list[float] = []

    def add(self, sample: Sample) -> None:
        cells = _cells(self._decode(sample))
        if self._before is not None and cells.shape == self._before.shape:
            self._times_ns.append(sample.stamp_ns)
            self._values.append(float(np.sqrt(np.mean(np.maximum(cells - self._before, 0) ** 2))))
        self._before = cells

    def trace(self) -> Trace:
        return Trace(np.array(self._times_ns, np.int64), np.array(self._values, float))


class Loudness:
    """Sound: the root mean square of its change from frame to frame (which leaves rumble out), all channels
    together, of each millisecond, at its middle."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._times_ns: list[np.ndarray] = []
        self._values: list[np.ndarray] = []

    def add(self, sample: Sample) -> None:
        if not len(sample.data):
            return
        pcm = sample.data.reshape(len(sample.data), -1).astype(np.float64)
        last = pcm[:1] if self._last is None else self._last
        self._last = pcm[-1:]
        energy = np.mean(np.diff(pcm, axis=0, prepend=last) ** 2, axis=1)
        block = max(1, round(sample.rate_hz * BLOCK_S))
        starts = np.arange(0, len(energy), block)
        sizes = np.diff(starts, append=len(energy))
        middles = (starts + sizes / 2) / sample.rate_hz
        self._values.append(np.sqrt(np.add.reduceat(energy, starts) / sizes))
        self._times_ns.append(sample.stamp_ns + np.round(middles * NS).astype(np.int64))

    def trace(self) -> Trace:
        return Trace(_joined(self._times_ns, np.int64), _joined(self._values, float))


class Shaking:
    """Rows that begin with acceleration xyz: how far it is from its mean over the last tenth of a second."""

    def __init__(self) -> None:
        self._stamps: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []

    def add(self, sample: Sample) -> None:
        assert sample.stamps is not None
        self._stamps.append(sample.stamps)
        self._rows.append(sample.data[:, :3])

    def trace(self) -> Trace:
        stamps, rows = _joined(self._stamps, np.int64), _joined(self._rows, float)
        if not len(stamps):
            return Trace(stamps, np.zeros(0))
        sums = np.concatenate((np.zeros((1, 3)), np.cumsum(rows, axis=0)))
        here = np.arange(len(stamps))
        since = np.minimum(np.searchsorted(stamps, stamps - round(MEAN_S * NS)), np.maximum(here - 1, 0))
        counts = np.maximum(here - since, 1)[:, None]
        means = np.where(here[:, None] > 0, (sums[here] - sums[since]) / counts, rows[:1])
        return Trace(stamps, np.linalg.norm(rows - means, axis=1))


def _cells(picture: np.ndarray) -> np.ndarray:
    """Grey means of a grid of cells, float64."""
    grey = picture.astype(np.float32)
    if grey.ndim == 3:
        grey = grey.mean(axis=2)
    side = max(1, min(grey.shape) // GRID)
    high, wide = (length // side * side for length in grey.shape)
    parts = grey[:high, :wide].reshape(high // side, side, wide // side, side)
    return parts.mean(axis=(1, 3), dtype=np.float64)


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)
