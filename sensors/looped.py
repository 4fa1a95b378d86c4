"""A recording again and again: each time a new epoch, on a timeline that goes on."""

from collections.abc import Iterator
from typing import Protocol

from .sample import NS, End, Event, Progress, Sample, Source, StreamInfo
from .shifted import shifted
from .topics import Ignored

MINUTE_NS = 60 * NS
_NEVER = 1 << 62


class Recorded(Source, Protocol):
    """A Source that is over some time."""

    @property
    def start_ns(self) -> int:
        """Where its timeline begins."""
        ...

    @property
    def duration_ns(self) -> int:
        """How long it is."""
        ...

    @property
    def ignored(self) -> tuple[Ignored, ...]:
        """What of it is left out."""
        ...


class Part:
    """A recording between two of its instants; where `loops`, without end.

    A stamp of round k is k times the duration, rounded up to a whole minute, later than the recording's, so
    that windows and ticks fall alike in every round. Its epoch is as much later in nanoseconds, and so later
    than the start of any process that was there before.
    """

    def __init__(self, source: Recorded, from_ns: int, until_ns: int | None, *, loops: bool) -> None:
        self._source, self._from_ns, self._until_ns, self._loops = source, from_ns, until_ns, loops
        end_ns = source.start_ns + source.duration_ns
        self.start_ns = from_ns
        self.duration_ns = max(0, min(end_ns, until_ns or end_ns) - from_ns)
        self.ignored = source.ignored

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return self._source.streams

    def counts(self) -> dict[str, dict[str, int]]:
        return self._source.counts()

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        """The source's events of the part, cut at both ends; every round is a new epoch."""
        since = max(self._from_ns, self._from_ns if from_ns is None else from_ns)
        shift_ns = -(-self.duration_ns // MINUTE_NS) * MINUTE_NS or MINUTE_NS
        round_ = 0
        while True:
            for event in self._cut(self._source.events(epoch + round_ * shift_ns, since)):
                yield shifted(event, round_ * shift_ns)
            if not self._loops:
                return
            since, round_ = self._from_ns, round_ + 1

    def _cut(self, events: Iterator[Event]) -> Iterator[Event]:
        """What lies before `until_ns`; the rest of the recording is not read."""
        items = {info.stream: 0 for info in self.streams}
        until_ns = _NEVER if self._until_ns is None else self._until_ns
        for event in events:
            if isinstance(event, Sample) and max(event.stamp_ns + 1, event.end_ns) > until_ns:
                yield from (End(stream=name, epoch=event.epoch, items=count) for name, count in items.items())
                return
            if isinstance(event, Sample):
                items[event.stream] = event.item + event.items
            elif isinstance(event, End):
                items.pop(event.stream)
            if not isinstance(event, Progress) or event.t_ns <= until_ns:
                yield event
