"""Remote: what the robot knows of a sensor on another machine: its clock, numbers, state. No sockets."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from ..sensors.clock_offset import BURST, EVERY_NS, ClockEstimate, ClockOffset, Probe, Slewed
from ..sensors.device import Reading
from ..sensors.liveness import Change, SensorState, SensorStatus
from ..sensors.modalities import MODALITIES
from ..sensors.plausible import fault
from ..sensors.sample import NEVER_NS, NS, End, Progress, Sample, StreamInfo
from .control import Produced
from .wire.errors import WireError
from .wire.ingest import Begin, Counts, Join, Tell

STALE_NS = NS // 2
"""A sensor promises progress every 50 ms: after this, its connection is in doubt."""
LOST_NS = 3 * NS
ANSWER_NS = NS
"""How long a probe is waited for."""
END_NS = 2 * NS
"""How long the last data of a run that ends may take to arrive."""
DECLARED = ("modality", "channels", "rate_hz", "width", "height")
"""What of a stream the configuration and the sensor must agree on; 0 declares nothing."""


class Remote:
    """One configured sensor. Times are the run's timeline, but for what the sensor itself has stamped."""

    def __init__(self, name: str, infos: tuple[StreamInfo, ...], epoch: int, now_ns: int) -> None:
        self.name, self.infos = name, {info.stream: info for info in infos}
        self._streams = {info.stream: _Stream(info, epoch) for info in infos}
        self._clock = ClockOffset()
        self._last: Probe | None = None
        self._burst: list[Probe] = []
        self._asked_ns: int | None = None
        self._began_ns = self._next_burst_ns = now_ns
        self._until_ns: int | None = None
        self._changes: list[Change] = []
        for stream in self._streams.values():
            self._become(stream, now_ns, "STARTING", f"waiting for the sensor {name} to connect")

    def check(self, join: Join) -> None:
        """Whether what a sensor offers is what the configuration declares. Raises WireError."""
        for info in join.streams:
            declared = self.infos.get(info.stream)
            if declared is None or MODALITIES[declared.modality].traffic != join.traffic:
                known = ", ".join(self.infos)
                raise WireError(f"the robot's [[sensor]] {self.name} declares {known}, and no {info.stream}")
            for field in DECLARED:
                ours, theirs = getattr(declared, field), getattr(info, field)
                if ours != theirs and ours:
                    raise WireError(
                        f"{info.stream} has {field} {theirs}; the robot's configuration says {ours}"
                    )

    def joined(self, join: Join, now_ns: int) -> tuple[StreamInfo, ...]:
        """A connection of this sensor begins; what it knows better of its streams than was declared."""
        theirs = (msgspec.structs.replace(info, clock="estimated") for info in join.streams)
        refined = tuple(info for info in theirs if info != self.infos[info.stream])
        self.infos |= {info.stream: info for info in refined}
        self.heard(join, now_ns)
        return refined

    def heard(self, join: Join, now_ns: int) -> None:
        """Something came on a connection."""
        for info in join.streams:
            self._streams[info.stream].heard_ns = now_ns

    def wants_probe(self, now_ns: int) -> bool:
        """Whether its clock is to be asked for now; what is not answered in time ends the burst."""
        if self._asked_ns is not None and now_ns - self._asked_ns > ANSWER_NS:
            self._end_burst()
        if self._asked_ns is not None or now_ns < self._next_burst_ns:
            return False
        if not self._burst:
            self._began_ns = now_ns
        self._asked_ns = now_ns
        return True

    def told(self, tell: Tell, now_ns: int) -> None:
        """Its clock's answer; one that comes too late says nothing."""
        if tell.t0 != self._asked_ns:
            return
        self._last = Probe(tell.t0, tell.t1, tell.t2, now_ns)
        self._burst.append(self._last)
        self._asked_ns = None
        if len(self._burst) == BURST:
            self._end_burst()

    def estimate(self, now_ns: int) -> ClockEstimate | None:
        """Its clock now; None until the first burst."""
        return self._clock.at(self._last.t2 + now_ns - self._last.t3) if self._last else None

    def begin(self, begin: Begin, join: Join, now_ns: int) -> None:
        """How its samples are numbered in this run. Raises WireError for an epoch that cannot be."""
        for info in join.streams:
            if not self._streams[info.stream].epoch <= begin.epoch <= now_ns:
                raise WireError(
                    f"epoch {begin.epoch} of {info.stream} is not the welcome's, nor one before it"
                )
        for info in join.streams:
            self._streams[info.stream].begin(begin.epoch, begin.bases.get(info.stream, 0))

    def count(self, counts: Counts) -> None:
        """What it says of itself."""
        for name, stream in self._streams.items():
            stream.told = counts if name in counts.produced else stream.told

    def end_at(self, until_ns: int) -> None:
        """The run ends: nothing that begins later is of it."""
        self._until_ns = until_ns

    def take(self, message: Sample | Progress | End, now_ns: int) -> Iterator[Sample | Progress | End]:
        """What follows from a message of one of its streams, on the run's timeline, each item once."""
        stream, estimate = self._streams[message.stream], self.estimate(now_ns)
        if stream.over or estimate is None:
            return
        match message:
            case Sample():
                sample = stream.converted(message, estimate.offset_ns, now_ns)
                if sample is not None and not self._is_after(sample.stamp_ns):
                    stream.missing += sample.item - stream.next_item
                    stream.next_item = sample.item + sample.items
                    yield sample
            case Progress():
                t_ns = message.t_ns + stream.slewed.offset_ns(message.t_ns, estimate.offset_ns)
                if self._until_ns is not None:
                    t_ns = min(t_ns, self._until_ns)
                if t_ns > stream.progress_ns:
                    stream.progress_ns = t_ns
                    yield Progress(stream=message.stream, epoch=stream.epoch, t_ns=t_ns)
            case End():
                stream.ended = True
                yield End(stream=message.stream, epoch=stream.epoch, items=message.items - stream.base)

    def tick(self, now_ns: int) -> Iterator[Progress | End]:
        """Time has passed: see how the streams are; end those of a run that is over."""
        for name, stream in self._streams.items():
            self._become(stream, now_ns, *self._state(stream, now_ns))
            if self._until_ns is None or stream.over:
                continue
            complete = stream.progress_ns >= self._until_ns or stream.ended
            if complete or now_ns > self._until_ns + END_NS:
                stream.over = True
                # What was produced after the end of the run is not of it; on a dead connection nobody knows.
                stream.items = stream.next_item if complete else stream.known
                if not stream.ended:
                    yield Progress(stream=name, epoch=stream.epoch, t_ns=self._until_ns)
                    yield End(stream=name, epoch=stream.epoch, items=stream.items)

    @property
    def done(self) -> bool:
        return all(stream.over for stream in self._streams.values())

    def changes(self) -> list[Change]:
        """The transitions of its streams since the last call."""
        changes, self._changes = self._changes, []
        return changes

    def produced(self) -> tuple[Produced, ...]:
        """Its counts, for the report."""
        return tuple(stream.produced() for stream in self._streams.values())

    def status(self, now_ns: int) -> dict[str, SensorStatus]:
        """Every stream's state, with what is known of the sensor's clock."""
        estimate, statuses = self.estimate(now_ns), dict[str, SensorStatus]()
        for name, stream in self._streams.items():
            told = stream.told.sensors.get(name)
            statuses[name] = SensorStatus(
                state=stream.state.state,
                since_ns=stream.state.at_ns,
                reason=stream.state.reason,
                rate_hz=told.rate_hz if told else None,
                rate_ok=told.rate_ok if told else True,
                clock=estimate,
            )
        return statuses

    def _end_burst(self) -> None:
        self._clock.add(self._burst)
        self._burst, self._asked_ns, self._next_burst_ns = [], None, self._began_ns + EVERY_NS

    def _is_after(self, stamp_ns: int) -> bool:
        return self._until_ns is not None and stamp_ns >= self._until_ns

    def _state(self, stream: "_Stream", now_ns: int) -> tuple[SensorState, str]:
        """How a stream is: as the sensor says, while its connection is."""
        if stream.heard_ns is None:
            return "STARTING", stream.state.reason
        silent_ns = now_ns - stream.heard_ns
        if silent_ns > STALE_NS:
            reason = f"nothing from the sensor {self.name} for {silent_ns / NS:.1f} s"
            return ("RECONNECTING" if silent_ns > LOST_NS else "STALE"), reason
        if told := stream.told.sensors.get(stream.info.stream):
            return told.state, told.reason
        return ("RUNNING", "") if stream.next_item else ("STARTING", "connected; its clock is being compared")

    def _become(self, stream: "_Stream", now_ns: int, state: SensorState, reason: str) -> None:
        is_new = stream.state.state != state or (state == "RUNNING" and stream.state.reason != reason)
        at_ns = now_ns if is_new or not stream.state.at_ns else stream.state.at_ns
        is_first = not stream.state.at_ns
        stream.state = Change(stream=stream.info.stream, at_ns=at_ns, state=state, reason=reason)
        if is_new or is_first:
            self._changes.append(stream.state)


class _Stream:
    """One stream of it."""

    def __init__(self, info: StreamInfo, epoch: int) -> None:
        self.info, self.epoch = info, epoch
        self.state = Change(stream=info.stream, at_ns=0, state="STARTING")
        self.slewed, self.told = Slewed(), Counts()
        self.heard_ns: int | None = None
        self.base, self.next_item, self.missing, self.items = 0, 0, 0, 0
        self.progress_ns = NEVER_NS
        self.garbage: Counter[str] = Counter()
        self.ended = self.over = False

    def begin(self, epoch: int, base: int) -> None:
        """Another epoch begins anew; the same goes on where it was."""
        if epoch != self.epoch:
            self.epoch, self.base, self.next_item, self.missing = epoch, base, 0, 0
            self.told, self.ended = Counts(), False

    @property
    def known(self) -> int:
        """How many items are known to have been produced in this run."""
        return max(self.next_item, self.told.produced.get(self.info.stream, 0) - self.base)

    def converted(self, sample: Sample, wanted_ns: int, now_ns: int) -> Sample | None:
        """The sample on the run's timeline; None for what was taken before, or cannot be."""
        item = sample.item - self.base
        if item < self.next_item or self.ended:
            return None
        offset_ns = self.slewed.offset_ns(sample.stamp_ns, wanted_ns)
        stamps = None if sample.stamps is None else sample.stamps + offset_ns
        stamp_ns = sample.stamp_ns + offset_ns
        newest_ns = sample.end_ns + offset_ns
        reading = Reading(sample.stream, stamp_ns, sample.encoding, sample.data, stamps)
        if fault(reading, self.info, min(now_ns, newest_ns)):
            self.garbage["garbage"] += sample.items
            return None
        return msgspec.structs.replace(
            sample,
            epoch=self.epoch,
            item=item,
            stamp_ns=stamp_ns,
            stamps=stamps,
            recv_ns=now_ns,
            clock="estimated",
            trace={"sense": newest_ns, "ingest": now_ns},
        )

    def produced(self) -> Produced:
        """What it has produced in this run, and why some of it never came."""
        name = self.info.stream
        return Produced(
            stream=name,
            epoch=self.epoch,
            items=self.items if self.over else self.known,
            causes=self.told.unread.get(name, {}),
            unsent={**self.told.unsent.get(name, {}), **self.garbage, "link": self.missing},
        )
