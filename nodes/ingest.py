"""Ingest: sources to samples, at the pace of the clock or of the slowest reader."""

import heapq
from collections.abc import Iterator
from typing import Any

import msgspec

from ..sensors.clock import Clock, ManualClock
from ..sensors.drivers import open_source
from ..sensors.sample import NS, End, Event, Progress, Sample, Source
from ..sensors.shifted import Shifted
from .control import Produced, RunState, Wish
from .node import Base, Message, Yield
from .spec import IngestSpec, SourceSpec

_AT_ONCE = -(1 << 62)


class Ingest(Base):
    """Owns its sources. Each start is a new epoch; live, one that joins again goes on from now."""

    def __init__(self, name: str, spec: IngestSpec, epoch: int) -> None:
        self._name = name
        self._spec = spec
        self._epoch = epoch
        self._sources: list[Source] = []
        self._clock: Clock = ManualClock()
        self._events: Iterator[Event] = iter(())
        self._next: Event | None = None
        self._open: list[str] = [info.stream for source in spec.sources for info in source.streams]
        self._items = dict.fromkeys(self._open, 0)
        self._began_ns = 0
        self._first_ns: int | None = None
        self._until_ns: int | None = None

    def load(self) -> None:
        """Keep OpenCV to one thread: on small pictures more cost more than they bring."""
        import cv2

        cv2.setNumThreads(1)

    def begin(self, state: RunState, clock: Clock) -> None:
        """Open the sources and start reading."""
        self._clock, now_ns = clock, clock.now_ns()
        for spec in self._spec.sources:
            self._sources.append(self._opened(spec, state.start_ns))
        again = self._spec.live and state.restarts.get(self._name, 0) > 0
        from_ns = (now_ns if again else state.start_ns) if self._spec.live else None
        self._events = heapq.merge(*(s.events(self._epoch, from_ns) for s in self._sources), key=_due_ns)
        self._next = next(self._events, None)
        self._began_ns = now_ns
        self._first_ns = now_ns if self._spec.live else None
        if self._spec.seconds is not None and self._spec.live:
            self._until_ns = state.start_ns + round(self._spec.seconds * NS)

    def _opened(self, spec: SourceSpec, start_ns: int) -> Source:
        """A source on the run's timeline: a script begins with the run, a recording as if it were live."""
        start = {"start_ns": start_ns} if spec.driver == "simulated" else {}
        source = open_source(spec.driver, {**spec.options, **start})
        return Shifted(source, start_ns) if self._spec.live and spec.driver == "recording" else source

    def obey(self, wish: Wish) -> Yield:
        """Asked to stop: every stream ends here."""
        if isinstance(wish, RunState) and wish.stop and not self.done:
            yield from self._finish()

    def wake(self) -> Yield:
        """Yield the events that are due, oldest first."""
        while self._next is not None and (due_ns := _due_ns(self._next)) <= self._horizon_ns(due_ns):
            if self._is_over(self._next):
                break
            event, self._next = self._next, next(self._events, None)
            if isinstance(event, Sample) and event.stamp_ns == self._until_ns:
                continue
            if isinstance(event, Sample):
                self._items[event.stream] = event.item + event.items
                event = self._received(event)
            if isinstance(event, End):
                self._open.remove(event.stream)
            yield event
        if self._next is None or self._is_over(self._next):
            yield from self._finish()

    def next_wake_ns(self) -> int | None:
        if self._next is None:
            return None
        if self._spec.pace is None or self._first_ns is None:
            return self._clock.now_ns()
        return self._began_ns + round((_due_ns(self._next) - self._first_ns) / self._spec.pace)

    @property
    def done(self) -> bool:
        return not self._open

    def report(self) -> dict[str, Any]:
        causes = {stream: c for source in self._sources for stream, c in source.counts().items()}
        return {
            "produced": tuple(
                Produced(stream=stream, epoch=self._epoch, items=items, causes=causes.get(stream, {}))
                for stream, items in {**dict.fromkeys(causes, 0), **self._items}.items()
            )
        }

    def _horizon_ns(self, due_ns: int) -> int:
        """Samples up to this event time are due; the first sample of a recording is due at once."""
        if self._spec.pace is None:
            return due_ns
        if self._first_ns is None:
            self._first_ns = due_ns if due_ns > _AT_ONCE else None
            return due_ns
        return self._first_ns + round((self._clock.now_ns() - self._began_ns) * self._spec.pace)

    def _is_over(self, event: Event) -> bool:
        """Whether an event lies after the seconds that were asked for (a chunk may end just with them)."""
        return self._until_ns is not None and _due_ns(event) > self._until_ns

    def _received(self, sample: Sample) -> Sample:
        now_ns = self._clock.now_ns()
        trace = {"sense": sample.end_ns, "ingest": now_ns}
        return msgspec.structs.replace(sample, recv_ns=now_ns, trace=trace)

    def _finish(self) -> Iterator[Message]:
        """End what has not ended; the last progress says up to when there was nothing more."""
        for stream in self._open:
            if self._until_ns is not None:
                yield Progress(stream=stream, epoch=self._epoch, t_ns=self._until_ns)
            yield End(stream=stream, epoch=self._epoch, items=self._items.get(stream, 0))
        self._open, self._next = [], None


def _due_ns(event: Event) -> int:
    """When an event becomes available, in event time; what is no sample follows the one before it."""
    return event.end_ns if isinstance(event, Sample) else _AT_ONCE
