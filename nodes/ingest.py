"""Ingest: sources and live devices to samples, at the pace of the clock or of the slowest reader."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import zmq

from ..sensors.clock import Clock, ManualClock
from ..sensors.drivers import live_row, make_device, open_source
from ..sensors.live import LiveSource
from ..sensors.sample import NEVER_NS, NS, End, Event, Progress, Sample, Source
from ..sensors.shifted import Shifted
from .control import Changed, Produced, RunState, Wish
from .intake import REMOTE, Intake
from .node import Base, Yield
from .spec import IngestSpec, SourceSpec

POLL_NS = 5_000_000
"""How often live devices are looked at: what it adds to a reading's age at the most."""
REMOTE_NS = 20_000_000
"""How often sensors on other machines are looked at when nothing comes of them."""


class Ingest(Base):
    """Owns its sources. Each start is a new epoch; live, one that joins again goes on from now."""

    def __init__(self, name: str, spec: IngestSpec, epoch: int) -> None:
        self._name = name
        self._spec = spec
        self._epoch = epoch
        self._sources: list[Source] = []
        self._live: list[LiveSource] = []
        self._clock: Clock = ManualClock()
        self._events: Iterator[Event] = iter(())
        self._next: Event | None = None
        remote = tuple(source for source in spec.sources if source.driver == REMOTE)
        self._intake = Intake(spec.endpoint, remote, epoch) if remote else None
        self._own = tuple(source for source in spec.sources if source.driver != REMOTE)
        self._open: list[str] = [info.stream for source in self._own for info in source.streams]
        self._items = dict.fromkeys(self._open, 0)
        self._epochs: dict[str, int] = {}
        self._paced_epoch = epoch
        self._began_ns = 0
        self._first_ns: int | None = None
        self._until_ns: int | None = None
        self._stopped = False
        self._paused_ns: int | None = None

    def load(self) -> None:
        """Keep OpenCV to one thread: on small pictures more cost more than they bring."""
        import cv2

        cv2.setNumThreads(1)
        if self._intake:
            self._intake.load()

    def begin(self, state: RunState, clock: Clock) -> None:
        """Open the sources and start reading."""
        self._clock, now_ns = clock, clock.now_ns()
        for spec in self._own:
            if spec.device:
                self._live.append(self._started(spec))
            else:
                self._sources.append(self._opened(spec, state.start_ns))
        again = self._spec.live and state.restarts.get(self._name, 0) > 0
        from_ns = (now_ns if again else state.start_ns) if self._spec.live else None
        self._events = heapq.merge(*(s.events(self._epoch, from_ns) for s in self._sources), key=_due_ns)
        self._next = next(self._events, None)
        self._began_ns = now_ns
        self._first_ns = now_ns if self._spec.live else None
        if self._spec.seconds is not None and self._spec.live:
            self._until_ns = state.start_ns + round(self._spec.seconds * NS)
        if self._intake:
            self._intake.begin(clock, state.start_ns)
            if self._until_ns is not None:
                self._intake.end_at(self._until_ns)

    def _opened(self, spec: SourceSpec, start_ns: int) -> Source:
        """A source on the run's timeline: a script begins with the run, a recording as if it were live."""
        start = {"start_ns": start_ns} if spec.driver == "simulated" else {}
        source = open_source(spec.driver, {**spec.options, **start})
        if not self._spec.live or spec.driver != "recording":
            return source
        return Shifted(source, start_ns - getattr(source, "start_ns", 0))

    def _started(self, spec: SourceSpec) -> LiveSource:
        """A live device, in its thread; it need not be there yet."""
        device = make_device(spec.driver, spec.options, self._clock)
        delay_ns = round(spec.delay_ms * 1e6)
        live = LiveSource(device, self._clock, self._epoch, live_row(spec.driver), delay_ns)
        live.start()
        return live

    def obey(self, wish: Wish) -> Yield:
        """Asked to stop: every stream ends here."""
        if isinstance(wish, RunState) and wish.stop and not self._stopped and not self.done:
            self._stopped = True
            if self._intake:
                self._intake.end_at(self._clock.now_ns())
            yield from self._finish()
        elif isinstance(wish, RunState) and not self._spec.live:
            self._pause(wish.paused)

    def _pause(self, paused: bool) -> None:
        """A replay that rests takes its pace up again where it was."""
        now_ns = self._clock.now_ns()
        if paused and self._paused_ns is None:
            self._paused_ns = now_ns
        elif not paused and self._paused_ns is not None:
            self._began_ns += now_ns - self._paused_ns
            self._paused_ns = None

    def wake(self) -> Yield:
        """Yield what live devices delivered, then the other sources' events that are due, oldest first."""
        yield from self._remote_ticked()
        if self._stopped:
            yield from self._finish()
            return
        yield from self._polled()
        while (
            self._paused_ns is None
            and self._next is not None
            and (due_ns := _due_ns(self._next)) <= self._horizon_ns(due_ns)
        ):
            if self._is_over(self._next):
                break
            event = self._next
            self._pull()
            if event.epoch > self._epochs.get(event.stream, self._epoch):
                self._begin_epoch(event)
            if isinstance(event, Sample) and event.stamp_ns == self._until_ns:
                continue
            if isinstance(event, Sample):
                self._items[event.stream] = event.item + event.items
                event = self._received(event)
            if isinstance(event, End):
                self._open.remove(event.stream)
            yield event
        if (self._next is None or self._is_over(self._next)) and self._live_is_over():
            yield from self._finish()

    def next_wake_ns(self) -> int | None:
        due_ns, now_ns = self._next_due_ns(), self._clock.now_ns()
        if self.done:
            return due_ns
        wakes = [] if due_ns is None else [due_ns]
        if self._live:
            wakes.append(now_ns + (0 if any(live.pending for live in self._live) else POLL_NS))
        if self._intake:
            wakes.append(now_ns + REMOTE_NS)
        return min(wakes, default=None)

    def sockets(self) -> Mapping["zmq.Socket[bytes]", Callable[[], Yield]]:
        return {self._intake.socket: self._intake.on_readable} if self._intake else {}

    def close(self) -> None:
        """Let go of the devices."""
        for live in self._live:
            live.stop()
        if self._intake:
            self._intake.close()

    def _polled(self) -> Yield:
        """What live devices delivered, and what became of them; nothing that begins after the seconds asked
        for, which is not counted as produced either."""
        now_ns = self._clock.now_ns()
        for live in self._live if not self.done else ():
            for event in live.poll(now_ns):
                if self._until_ns is not None and _begins_ns(event) >= self._until_ns:
                    continue
                if isinstance(event, Sample):
                    self._items[event.stream] = event.item + event.items
                    event = self._received(event)
                yield event
            changes, infos = live.changes(), live.refined()
            if changes or infos:
                yield Changed(name=self._name, epoch=self._epoch, changes=tuple(changes), infos=infos)

    def _remote_ticked(self) -> Yield:
        """What became of sensors on other machines."""
        if self._intake is None or self._intake.done:
            return
        yield from self._intake.tick()
        changes, infos = self._intake.changes()
        if changes or infos:
            yield Changed(name=self._name, epoch=self._epoch, changes=changes, infos=infos)

    def _begin_epoch(self, event: Event) -> None:
        """A source goes on in a new epoch, such as the next round of a loop."""
        self._epochs[event.stream] = event.epoch
        self._items[event.stream] = 0
        if event.stream not in self._open:
            self._open.append(event.stream)

    def _pull(self) -> None:
        """Look at the next event; in replay, the pace of a new epoch counts from its first sample."""
        self._next = next(self._events, None)
        if self._next is not None and self._next.epoch > self._paced_epoch and not self._spec.live:
            self._paced_epoch, self._began_ns, self._first_ns = self._next.epoch, self._clock.now_ns(), None

    def _live_is_over(self) -> bool:
        """Whether what live devices sensed in the seconds asked for has come, as far as it normally would."""
        if not self._live or self._until_ns is None:
            return not self._live
        return self._clock.now_ns() >= self._until_ns + max(live.idle_ns for live in self._live)

    def _next_due_ns(self) -> int | None:
        if self._next is None or self._paused_ns is not None:
            return None
        if self._spec.pace is None or self._first_ns is None:
            return self._clock.now_ns()
        return self._began_ns + round((_due_ns(self._next) - self._first_ns) / self._spec.pace)

    @property
    def done(self) -> bool:
        return not self._open and self._next is None and (self._intake is None or self._intake.done)

    def report(self) -> dict[str, Any]:
        causes = {stream: c for source in self._sources for stream, c in source.counts().items()}
        unsent: dict[str, dict[str, int]] = {}
        for live in self._live:
            causes |= live.counts()
            unsent |= live.lost()
        return {
            "produced": tuple(
                Produced(
                    stream=stream,
                    epoch=self._epochs.get(stream, self._epoch),
                    items=items,
                    causes=causes.get(stream, {}),
                    unsent=unsent.get(stream, {}),
                )
                for stream, items in {**dict.fromkeys(causes, 0), **self._items}.items()
            )
            + (self._intake.produced() if self._intake else ()),
            "sensors": {stream: status for live in self._live for stream, status in live.status().items()}
            | (self._intake.status() if self._intake else {}),
        }

    def _horizon_ns(self, due_ns: int) -> int:
        """Samples up to this event time are due; the first sample of a recording is due at once."""
        if self._spec.pace is None:
            return due_ns
        if self._first_ns is None:
            self._first_ns = due_ns if due_ns > NEVER_NS else None
            return due_ns
        return self._first_ns + round((self._clock.now_ns() - self._began_ns) * self._spec.pace)

    def _is_over(self, event: Event) -> bool:
        """Whether an event lies after the seconds that were asked for (a chunk may end just with them)."""
        return self._until_ns is not None and _due_ns(event) > self._until_ns

    def _received(self, sample: Sample) -> Sample:
        now_ns = self._clock.now_ns()
        trace = {"sense": sample.end_ns, "ingest": now_ns}
        return msgspec.structs.replace(sample, recv_ns=sample.recv_ns or now_ns, trace=trace)

    def _finish(self) -> Yield:
        """End what has not ended; the last progress says up to when there was nothing more."""
        for live in self._live:
            live.stop()
        yield from self._polled()
        for stream in self._open:
            epoch = self._epochs.get(stream, self._epoch)
            if self._until_ns is not None:
                yield Progress(stream=stream, epoch=epoch, t_ns=self._until_ns)
            yield End(stream=stream, epoch=epoch, items=self._items.get(stream, 0))
        self._open, self._next = [], None


def _begins_ns(event: Sample | Progress) -> int:
    return event.stamp_ns if isinstance(event, Sample) else event.t_ns


def _due_ns(event: Event) -> int:
    """When an event becomes available, in event time; what is no sample follows the one before it."""
    return event.end_ns if isinstance(event, Sample) else NEVER_NS
