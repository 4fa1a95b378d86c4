"""Batcher: which windows are encoded together, and which are given up where there are too many."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .embedding import Missing
from .window import Window

LEAST_BEHIND = 1.05
"""Beside the input that is served least, those join a batch whose share is at most so many times its own."""

REMEMBERED = 64
"""Shares are those of about so many windows of an input that were last decided on."""

LONGEST_NS = 250_000_000
"""A batch is no larger than what was lately computed in this time: meanwhile nothing else is done."""


class _Waiting(NamedTuple):
    item: Any
    came_ns: int


class _Line:
    """What waits of one input, in its order, and how many of its windows were served of those decided on."""

    def __init__(self, modality: str) -> None:
        self.modality = modality
        self.waiting: deque[_Waiting] = deque()
        self.served = self.decided = 0.0

    @property
    def share(self) -> float:
        return self.served / self.decided if self.decided else 1.0

    @property
    def order(self) -> tuple[float, int]:
        """Least served first, then the oldest window."""
        return self.share, self.waiting[0].item.end_ns

    def decide(self, served: bool) -> Any:
        self.served += served
        self.decided += 1
        if self.decided >= REMEMBERED:
            self.served, self.decided = self.served / 2, self.decided / 2
        return self.waiting.popleft().item


class Batcher:
    """One line an input; what leaves a line keeps its order. A window waits for others of its modality no
    longer than `wait_ns`, and not at all once every input of that modality has one in line.

    Windows that ended more than `shed_ns` ago are given up. Where that happens, the input of which the least
    was served is served next, so that all get the same share of their windows encoded, whatever their rates
    and whatever a window of theirs costs. Time is whatever the caller says.
    """

    def __init__(self, modalities: Mapping[str, str], *, wait_ns: int, shed_ns: int, most: int = 8) -> None:
        self._lines = {name: _Line(modality) for name, modality in modalities.items()}
        self._wait_ns, self._shed_ns, self._most = wait_ns, shed_ns, most
        self._cost_ns: dict[str, float] = {}

    def add(self, name: str, item: Any, now_ns: int) -> None:
        """Put a Window into an input's line, or anything else that is to pass in its turn."""
        self._lines[name].waiting.append(_Waiting(item, now_ns))

    def pending(self, name: str) -> int:
        """How many windows of an input, with samples or without, wait."""
        return sum(isinstance(one.item, (Window, Missing)) for one in self._lines[name].waiting)

    @property
    def empty(self) -> bool:
        return not any(line.waiting for line in self._lines.values())

    def passing(self, now_ns: int) -> Iterator[Any]:
        """Take out what needs no encoding: windows that are given up, and what is no window, in its turn."""
        for line in self._lines.values():
            while line.waiting:
                item = line.waiting[0].item
                if not isinstance(item, Window):
                    yield line.waiting.popleft().item
                elif item.end_ns < now_ns - self._shed_ns:
                    yield line.decide(served=False)
                else:
                    break

    def batch(self, now_ns: int) -> list[Window]:
        """Take out the windows to be encoded next, all of one modality; none where it is better to wait."""
        first = min(self._due(now_ns), key=lambda line: line.order, default=None)
        if first is None:
            return []
        limit, modality = LEAST_BEHIND * first.share, first.modality
        chosen = [first.decide(served=True)]
        while len(chosen) < self._size(modality):
            joining = [line for line in self._ready() if line.modality == modality and line.share <= limit]
            line = min(joining, key=lambda line: line.order, default=None)
            if line is None:
                break
            chosen.append(line.decide(served=True))
        return chosen

    def took(self, modality: str, windows: int, ns: int) -> None:
        """A batch was computed in so long."""
        cost = ns / windows
        self._cost_ns[modality] = 0.7 * self._cost_ns.get(modality, cost) + 0.3 * cost

    def next_ns(self, now_ns: int) -> int | None:
        """When `batch` will give something, if nothing comes before."""
        if next(iter(self._due(now_ns)), None) is not None:
            return now_ns
        return min((line.waiting[0].came_ns + self._wait_ns for line in self._ready()), default=None)

    def _ready(self) -> list[_Line]:
        return [
            line for line in self._lines.values() if line.waiting and isinstance(line.waiting[0].item, Window)
        ]

    def _due(self, now_ns: int) -> Iterable[_Line]:
        """The lines of those modalities that need not wait."""
        ready = self._ready()
        oldest: dict[str, int] = {}
        for line in ready:
            oldest[line.modality] = min(line.waiting[0].came_ns, oldest.get(line.modality, now_ns))
        absent = {line.modality for line in self._lines.values() if not line.waiting}
        due = {m for m, came_ns in oldest.items() if m not in absent or came_ns + self._wait_ns <= now_ns}
        return [line for line in ready if line.modality in due]

    def _size(self, modality: str) -> int:
        """How many windows of a modality a batch may have."""
        cost_ns = self._cost_ns.get(modality, 0.0)
        return self._most if cost_ns * self._most <= LONGEST_NS else max(1, int(LONGEST_NS / cost_ns))
