"""Another machine's clock against the run's timeline: probes in; offset, drift and uncertainty out."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from .sample import NS

BURST = 8
"""Probes asked one after the other; the two with the smallest round trips are kept."""
EVERY_NS = 2 * NS
"""From the start of one burst to the next."""
KEPT = 2
REMEMBERED_NS = 60 * NS
FIT_NS = 10 * NS
"""Probes over less than this say nothing of drift."""
DRIFT = 200e-6
"""No quartz clock, nor one that NTP disciplines gently, runs faster or slower than this."""
GRAIN_NS = 1000
"""What clocks count in, and drift by while a probe is answered, is less."""
SLEW = 500e-6
"""How fast the offset that stamps are converted by follows the estimate: order is kept."""
STEP_NS = 50_000_000
"""An estimate that far off is another clock, which is followed at once."""


class Probe(NamedTuple):
    """One round trip: asked at `t0` and answered at `t3` on the run's timeline, `t1` and `t2` on the other
    clock. The offset cannot be further from `offset_ns` than half of `trip_ns`, however unequal the ways
    (RFC 5905, section 8)."""

    t0: int
    t1: int
    t2: int
    t3: int

    @property
    def at_ns(self) -> int:
        """When, on the other clock."""
        return (self.t1 + self.t2) // 2

    @property
    def offset_ns(self) -> int:
        """Other clock to timeline."""
        return (self.t0 + self.t3 - self.t1 - self.t2) // 2

    @property
    def trip_ns(self) -> int:
        return self.t3 - self.t0 - (self.t2 - self.t1)


class ClockEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """Other clock plus `offset_ns` is the timeline, within `uncertainty_ns`; it drifts by `drift_ppm`."""

    offset_ns: int
    drift_ppm: float
    uncertainty_ns: int


class ClockOffset:
    """`add` bursts of probes, ask `at` any time. A burst that cannot be the same clock as those before it
    begins anew: the clock was set."""

    def __init__(self) -> None:
        self._kept: deque[Probe] = deque()
        self._newest: list[Probe] = []
        self._line = (0, 0.0, 0.0)

    def add(self, burst: Sequence[Probe]) -> None:
        """Learn from one burst; where the clock was set meanwhile, a round trip is shorter than nothing."""
        best = sorted((p for p in burst if p.trip_ns >= -GRAIN_NS), key=lambda p: p.trip_ns)[:KEPT]
        if not best:
            return
        if self._contradicts(best[0]):
            self._kept.clear()
        self._newest = best
        self._kept.extend(best)
        while best[0].at_ns - self._kept[0].at_ns > REMEMBERED_NS:
            self._kept.popleft()
        self._line = _fitted(self._kept, best[0].at_ns)

    def at(self, other_ns: int) -> ClockEstimate | None:
        """The estimate for an instant of the other clock; None before the first burst.

        The uncertainty holds for whatever delays and earlier steps, given a drift of at most DRIFT.
        """
        if not self._newest:
            return None
        origin_ns, offset, drift = self._line
        estimate = origin_ns + round(offset + drift * (other_ns - self._newest[0].at_ns))
        bounds = (
            abs(estimate - p.offset_ns) + (p.trip_ns + 1) // 2 + DRIFT * abs(other_ns - p.at_ns)
            for p in self._newest
        )
        return ClockEstimate(
            offset_ns=estimate, drift_ppm=drift * 1e6, uncertainty_ns=int(min(bounds)) + GRAIN_NS
        )

    def _contradicts(self, probe: Probe) -> bool:
        known = self.at(probe.at_ns)
        if known is None:
            return False
        return abs(known.offset_ns - probe.offset_ns) > known.uncertainty_ns + probe.trip_ns // 2


def _fitted(probes: Sequence[Probe], at_ns: int) -> tuple[int, float, float]:
    """An origin, the offset from it at `at_ns`, and the drift: a line by least squares.

    A probe counts by how little longer its round trip was than the shortest: that is what bounds its error.
    """
    origin_ns = probes[-1].offset_ns
    times = np.array([p.at_ns - at_ns for p in probes], np.float64)
    offsets = np.array([p.offset_ns - origin_ns for p in probes], np.float64)
    trips = np.array([p.trip_ns for p in probes], np.float64)
    weights = 1 / (trips - trips.min() + 0.02 * trips.min() + 20_000) ** 2
    weights /= weights.sum()
    centre, mean = float(weights @ times), float(weights @ offsets)
    drift = 0.0
    if times.max() - times.min() >= FIT_NS:
        spread = times - centre
        drift = float(weights @ (spread * (offsets - mean)) / (weights @ spread**2))
        drift = min(max(drift, -DRIFT), DRIFT)
    return origin_ns, mean - drift * centre, drift


class Slewed:
    """What one stream's stamps are converted by: follows the estimate without losing their order."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._at_ns = 0

    def offset_ns(self, other_ns: int, wanted_ns: int) -> int:
        """The offset at an instant of the other clock, where the estimate is `wanted_ns`."""
        if self._offset_ns is None or abs(wanted_ns - self._offset_ns) > STEP_NS:
            self._offset_ns = wanted_ns
        else:
            most = int(SLEW * max(0, other_ns - self._at_ns))
            self._offset_ns += min(max(wanted_ns - self._offset_ns, -most), most)
        self._at_ns = max(self._at_ns, other_ns)
        return self._offset_ns
