"""Steadied: the clock of a device on the host's, from when its readings arrived. Pure arithmetic.

What arrives was sensed earlier by a delay that is never negative and sometimes small, so the least
difference between arrival and device time, over a while, is the offset between the clocks; the line through
the least differences is the offset and its drift (as in NTP's clock filter, RFC 5905, section 10).
"""

from collections import deque

import numpy as np

from .sample import NS

BLOCK_NS = NS
BLOCKS = 30
SLEW = 500e-6
"""The stamps' own rate is at most this far from the device's: ten times what a quartz drifts."""
MAX_DRIFT = 300e-6
"""A device's clock that drifts more than this is not believed."""


class Steadied:
    """Maps device time to host time, both int64 nanoseconds; every reading teaches it.

    For `settling_ns` after the first reading the offset only falls, at once; later it moves slowly.
    """

    def __init__(self, settling_ns: int = NS // 2) -> None:
        self._settling_ns = settling_ns
        self._blocks: deque[tuple[int, int]] = deque(maxlen=BLOCKS)
        self._least: tuple[int, int] | None = None
        self._offset = 0.0
        self._began_ns: int | None = None
        self._last_ns = self._block_end_ns = 0

    def learn(self, device_ns: int, arrived_ns: int) -> None:
        """A reading of `device_ns` was there at `arrived_ns`. Device time does not go back."""
        seen = arrived_ns - device_ns
        if self._began_ns is None:
            self._began_ns, self._last_ns, self._offset = device_ns, device_ns, float(seen)
            self._block_end_ns = device_ns + BLOCK_NS
        if self._least is None or seen < self._least[1]:
            self._least = (device_ns, seen)
        if device_ns >= self._block_end_ns:
            self._blocks.append(self._least)
            self._least, self._block_end_ns = None, device_ns + BLOCK_NS
        self._follow(device_ns, self._began_ns, seen)

    def host_ns(self, device_ns: int) -> int:
        """When this was sensed; settled, it rises with `device_ns` by its steps to within SLEW."""
        return device_ns + round(self._offset)

    def late_ns(self, device_ns: int, arrived_ns: int) -> int:
        """How much later than the promptest a reading arrived (negative: it is prompter)."""
        return arrived_ns - self.host_ns(device_ns)

    @property
    def drift(self) -> float:
        """Host seconds a device second, less one; 0 until four seconds are known."""
        if len(self._blocks) < 4:
            return 0.0
        first_at, first = self._blocks[0]
        at = np.array([at - first_at for at, _ in self._blocks], np.float64)
        least = np.array([least - first for _, least in self._blocks], np.float64)
        at -= at.mean()
        return float(np.clip(at @ least / (at @ at), -MAX_DRIFT, MAX_DRIFT))

    def _follow(self, device_ns: int, began_ns: int, seen: int) -> None:
        step, self._last_ns = device_ns - self._last_ns, device_ns
        if device_ns - began_ns <= self._settling_ns:
            self._offset = min(self._offset, seen)
        elif self._blocks:
            off = self._wanted(device_ns) - self._offset
            self._offset += float(np.clip(off, -SLEW * step, SLEW * step))

    def _wanted(self, device_ns: int) -> float:
        """The line of the drift, laid so that no block's least difference is below it."""
        drift = self.drift
        return min(least + drift * (device_ns - at) for at, least in self._blocks)
