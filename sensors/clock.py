"""Time as a parameter: the run's timeline, or a clock that a test moves."""

import time
from typing import Protocol


class Clock(Protocol):
    """The run's timeline: Unix-epoch nanoseconds that never step."""

    def now_ns(self) -> int: ...


class Timeline:
    """The monotonic clock plus one offset, taken once a run and handed to every node."""

    def __init__(self, offset_ns: int) -> None:
        self.offset_ns = offset_ns

    def now_ns(self) -> int:
        return time.monotonic_ns() + self.offset_ns


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def advance(self, ns: int) -> None:
        self._now_ns += ns
