"""A recording as if it were sensed now: the same events on the run's timeline."""

from collections.abc import Iterator

import msgspec

from .sample import End, Event, Progress, Sample, Source, StreamInfo


class Shifted:
    """Adds `shift_ns` to every stamp of a source."""

    def __init__(self, source: Source, shift_ns: int) -> None:
        self._source, self._shift_ns = source, shift_ns

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return self._source.streams

    def counts(self) -> dict[str, dict[str, int]]:
        return self._source.counts()

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        """The source's events from `from_ns` of the shifted timeline on."""
        since = None if from_ns is None else from_ns - self._shift_ns
        for event in self._source.events(epoch, since):
            yield shifted(event, self._shift_ns)


def shifted(event: Event, shift_ns: int) -> Event:
    """The event, `shift_ns` later."""
    match event:
        case Sample():
            stamps = None if event.stamps is None else event.stamps + shift_ns
            return msgspec.structs.replace(event, stamp_ns=event.stamp_ns + shift_ns, stamps=stamps)
        case Progress():
            return msgspec.structs.replace(event, t_ns=event.t_ns + shift_ns)
        case End():
            return event
