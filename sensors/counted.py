"""Counted: stamps for PCM by counting its samples; a gap in it becomes a gap in the stamps. Pure.

A sound card's samples are its clock. Where in time they lie is learnt from when chunks arrived, less their
age: what the driver says of it (ADC time) where that is possible, else the chunk's own length, which is the
least that it can be (PulseAudio's ADC times are often 0, or the time of the call).
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np

from .sample import NS, ClockKind
from .steadied import Steadied

HELD_NS = NS // 5
"""Chunks are held for so long after a start until their place in time is known, then let go together."""
MAX_AGE_NS = 2 * NS
MAX_JITTER_NS = 5_000_000
"""ADC times that wander more than this against the count of samples are made up."""
GAP_NS = 50_000_000
"""When every chunk of a second is later than this, samples are missing that nobody spoke of."""
GAP_BLOCK_NS = NS
EARLY_NS = 50_000_000
"""A chunk that is there so long before its stamps say that it was heard shows that they are wrong: the first
ones came late, as where a program starts on a busy machine."""
LENIENCY = 1e-3
"""A chunk may begin this part of its length before the one before it ended: clocks drift."""


class Chunk(NamedTuple):
    """One callback: int16 (n, channels), when it came, how old its first sample was then by the driver.

    `age_ns` None: the driver does not say. `broken`: the driver says that samples were lost before or in it.
    """

    pcm: np.ndarray
    arrived_ns: int
    age_ns: int | None
    broken: bool


class Stamped(NamedTuple):
    """A chunk with the time of its first sample."""

    pcm: np.ndarray
    stamp_ns: int
    clock: ClockKind


class Counted:
    """Chunks in, chunks with stamps out, in order. `lost` is PCM frames, by what gave the loss away.

    `early` are those for which stamps that were too late have left no time.
    """

    def __init__(self, rate_hz: float) -> None:
        self.lost = {"overrun": 0, "gap": 0, "early": 0}
        self._rate_hz = rate_hz
        self._end_ns: int | None = None
        self._trusts = False
        self._restart("overrun")

    def add(self, chunk: Chunk) -> Iterator[Stamped]:
        """Yield what can be stamped now; `gap` in stamps and `lost` where samples are missing."""
        if chunk.broken:
            yield from self._let_go()
            self._restart("overrun")
        elif self._steadied is not None and self._late_by(self._steadied, chunk) < -EARLY_NS:
            self._restart("early")
        elif self._steadied is not None and self._is_gap(self._steadied, chunk):
            self._restart("gap")
        if self._steadied is not None:
            self._steadied.learn(self._ns(self._count), chunk.arrived_ns - self._age_ns(chunk))
            yield from self._placed(self._steadied, chunk)
            return
        self._held.append(chunk)
        if sum(len(held.pcm) for held in self._held) * NS >= HELD_NS * self._rate_hz:
            yield from self._let_go()

    def _restart(self, cause: str) -> None:
        """Forget where samples lie in time: the next ones tell it anew."""
        self._held: list[Chunk] = []
        self._steadied: Steadied | None = None
        self._count = 0
        self._cause = cause
        self._is_first = True
        self._late_ns: int | None = None
        self._late_from_ns = 0

    def _let_go(self) -> Iterator[Stamped]:
        """The held chunks' place in time is the promptest one's."""
        held, self._held = self._held, []
        if not held:
            return
        self._trusts = self._trusts_adc(held)
        steadied, count = Steadied(HELD_NS), 0
        for chunk in held:
            steadied.learn(self._ns(count), chunk.arrived_ns - self._age_ns(chunk))
            count += len(chunk.pcm)
        self._steadied = steadied
        for chunk in held:
            yield from self._placed(steadied, chunk)

    def _placed(self, steadied: Steadied, chunk: Chunk) -> Iterator[Stamped]:
        pcm, stamp_ns = chunk.pcm, steadied.host_ns(self._ns(self._count))
        self._count += len(pcm)
        if self._cause == "early":
            pcm, stamp_ns = self._cut(pcm, stamp_ns)
            if not len(pcm):
                return
        length_ns = self._ns(len(pcm))
        if self._end_ns is not None:
            if self._is_first and self._cause != "early":
                self.lost[self._cause] += max(1, round((stamp_ns - self._end_ns) * self._rate_hz / NS))
            stamp_ns = max(stamp_ns, self._end_ns - round(LENIENCY * length_ns))
        self._is_first = False
        self._end_ns = stamp_ns + length_ns
        yield Stamped(pcm, stamp_ns, "driver" if self._trusts else "host")

    def _cut(self, pcm: np.ndarray, stamp_ns: int) -> tuple[np.ndarray, int]:
        """Without what is said to have been heard before the end of what was told already."""
        over_ns = 0 if self._end_ns is None else self._end_ns - stamp_ns
        if over_ns <= LENIENCY * self._ns(len(pcm)):
            return pcm, stamp_ns
        cut = min(len(pcm), ceil(over_ns * self._rate_hz / NS))
        self.lost["early"] += cut
        return pcm[cut:], stamp_ns + self._ns(cut)

    def _is_gap(self, steadied: Steadied, chunk: Chunk) -> bool:
        """Whether a whole second of chunks came later than jitter explains."""
        device_ns, late_ns = self._ns(self._count), self._late_by(steadied, chunk)
        if self._late_ns is None or late_ns <= GAP_NS:
            self._late_ns, self._late_from_ns = late_ns, device_ns
            return False
        return device_ns - self._late_from_ns >= GAP_BLOCK_NS

    def _late_by(self, steadied: Steadied, chunk: Chunk) -> int:
        return steadied.late_ns(self._ns(self._count), chunk.arrived_ns - self._age_ns(chunk))

    def _trusts_adc(self, held: list[Chunk]) -> bool:
        """Whether ages are possible, and put the chunks where counting puts them."""
        counts = np.cumsum([0, *(len(chunk.pcm) for chunk in held[:-1])])
        if not all(self._is_possible(chunk) for chunk in held):
            return False
        seen = [
            chunk.arrived_ns - (chunk.age_ns or 0) - self._ns(int(n))
            for chunk, n in zip(held, counts, strict=True)
        ]
        return max(seen) - min(seen) <= MAX_JITTER_NS

    def _is_possible(self, chunk: Chunk) -> bool:
        return chunk.age_ns is not None and self._ns(len(chunk.pcm)) <= chunk.age_ns <= MAX_AGE_NS

    def _age_ns(self, chunk: Chunk) -> int:
        least = self._ns(len(chunk.pcm))
        return chunk.age_ns if self._trusts and chunk.age_ns and self._is_possible(chunk) else least

    def _ns(self, count: int) -> int:
        return round(count * NS / self._rate_hz)
