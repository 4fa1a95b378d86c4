"""A log of ours as a Source: what the recorded sources told, in the order of event time."""

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..modalities import MODALITIES
from ..sample import NEVER_NS, NS, End, Event, Progress, Sample, StreamInfo
from ..topics import Ignored
from .cdr import CdrError, decode
from .head import INFO, KINDS, OWN, Head, parts_of, read_head
from .samples import Envelope, Standard, message_type, to_sample
from .scan import Raw, Scan

PATIENCE_NS = 5 * NS
"""A stream that said nothing for so long (its process died) holds the others up no longer."""
CHUNKS_OF_START = CHUNKS_OF_END = 32


class Log:
    """One recording, in one file or several parts. Can be read again, for another epoch.

    A stream's samples, promises and ends come in the order in which they were recorded, so that what was
    late is late again; `item` and `seq` count from the first sample that the log has of the stream. Each
    recorded epoch of a stream is one of the replay: `epoch`, `epoch + 1` ...
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self.head: Head = with_infos(read_head(self.paths[0]), Scan(self.paths[0]))
        self._names = [info.stream for info in self.head.streams]
        self._losses: dict[str, Counter[str]] = {}
        self.ignored: tuple[Ignored, ...] = ()

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return self.head.streams

    def counts(self) -> dict[str, dict[str, int]]:
        """By stream `damaged` samples, which cannot be decoded; for `log` `damaged` chunks and
        `unclosed` files."""
        return {name: dict(+losses) for name, losses in self._losses.items() if +losses}

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        """Yield Samples by `end_ns`, with the recorded promises, and one End a stream and epoch."""
        self._losses = {name: Counter() for name in ("log", *self._names)}
        told = renumbered(self._told(), self._names, epoch, NEVER_NS if from_ns is None else from_ns)
        return by_event_time(told, self._names)

    @property
    def start_ns(self) -> int:
        """The stamp of the first sample."""
        return self._span_ns[0]

    @property
    def duration_ns(self) -> int:
        """From the first sample to the end of the last: results are told later."""
        return max(0, self._span_ns[1] - self._span_ns[0])

    @cached_property
    def _span_ns(self) -> tuple[int, int]:
        start_ns = min((one.stamp_ns for one in self._first().values()), default=0)
        return start_ns, max(end_ns(Scan(path), self.streams) for path in self.paths)

    def bases(self) -> dict[str, int]:
        """The item that each stream begins with: not 0 where the recorder joined a running service."""
        return {name: one.item for name, one in self._first().items()}

    def _first(self) -> dict[str, Envelope]:
        """The first sample of each stream, without its data."""
        found: dict[str, Envelope] = {}
        for raw in self.messages(f"{OWN}sample/"):
            name = raw.topic.removeprefix(f"{OWN}sample/")
            if name not in found:
                found[name] = decode(Envelope, raw.data)
            if len(found) == len(self._names):
                break
        return found

    def messages(self, prefix: str = "") -> Iterator[Raw]:
        """Every recorded message, or those whose topic begins with `prefix`, part after part."""
        for path in self.paths:
            yield from Scan(path).messages(prefix=prefix)

    def _told(self) -> Iterator[Event]:
        """The sources' own events in the file's order; samples are put together again."""
        topics = {f"{OWN}{kind}/{name}": (kind, name) for kind in KINDS for name in self._names}
        topics |= {f"/{name}": ("data", name) for name in self._names}
        types = {info.stream: message_type(info.modality, info.encoding) for info in self.streams}
        pending: dict[str, _Pending] = {}
        for path in self.paths:
            scan = Scan(path)
            for raw in scan.messages(topics):
                kind, stream = topics[raw.topic]
                try:
                    if kind == "data":
                        yield from _completed(pending, stream, decode(types[stream], raw.data))
                    elif kind == "sample":
                        pending[stream] = _Pending(decode(Envelope, raw.data), [])
                    else:
                        yield decode(KINDS[kind], raw.data)
                except CdrError:
                    self._losses[stream]["damaged"] += 1
                    pending.pop(stream, None)
            self._losses["log"].update(damaged=scan.damaged, unclosed=int(not scan.closed))


def with_infos(head: Head, scan: Scan) -> Head:
    """The head, its streams as their devices described them once they were open: soon after the start."""
    infos = {info.stream: info for info in head.streams}
    for chunk in islice(scan.chunks(), CHUNKS_OF_START):
        for number, _, _, data in scan.entries(chunk.records):
            row = scan.channels.get(number)
            if row is not None and row.topic.removeprefix(INFO) in infos and row.topic.startswith(INFO):
                infos[row.topic.removeprefix(INFO)] = decode(StreamInfo, data)
    return msgspec.structs.replace(head, streams=tuple(infos.values()))


def end_ns(scan: Scan, streams: Sequence[StreamInfo]) -> int:
    """When the last frame was taken, or the last chunk or batch was complete, as its promise says; as far as
    the file's last chunks have some."""
    kinds = {"frame": "sample", "pcm": "progress", "row": "progress"}
    topics = {f"{OWN}{kinds[MODALITIES[info.modality].item]}/{info.stream}" for info in streams}
    # Which channel is which, only its first message says: the first chunks are looked at too.
    times = [
        stamp_ns
        for chunk in scan.ends(CHUNKS_OF_END)
        for number, stamp_ns, _, _ in scan.entries(chunk.records)
        if number in scan.channels and scan.channels[number].topic in topics
    ]
    return max(times, default=0)


class _Pending(NamedTuple):
    envelope: Envelope
    messages: list[Standard]


def _completed(pending: dict[str, _Pending], stream: str, message: Standard) -> Iterator[Sample]:
    """The sample whose last message this is, if it is."""
    waiting = pending.get(stream)
    if waiting is None:
        return
    waiting.messages.append(message)
    if len(waiting.messages) == waiting.envelope.messages:
        del pending[stream]
        yield to_sample(waiting.envelope, waiting.messages)


def open_log(path: str | os.PathLike[str]) -> Log:
    """Open a log that sixsense recorded, with the parts that follow it. Raises SourceError."""
    return Log(parts_of(Path(path)))


def renumbered(events: Iterator[Event], names: Sequence[str], epoch: int, from_ns: int) -> Iterator[Event]:
    """The events since `from_ns` with the replay's epochs, items and messages counted from 0 in each stream's
    first; an epoch that was never ended ends where the next begins, or with the log."""
    known: dict[str, list[int]] = {name: [] for name in names}
    first: dict[str, tuple[int, int]] = {}
    items = dict.fromkeys(names, 0)
    open_: dict[str, int] = {}
    for event in events:
        if (event.t_ns if isinstance(event, Progress) else getattr(event, "end_ns", from_ns)) < from_ns:
            continue
        epochs = known[event.stream]
        if event.epoch not in epochs:
            if event.stream in open_:
                yield End(stream=event.stream, epoch=open_.pop(event.stream), items=items[event.stream])
            epochs.append(event.epoch)
            items[event.stream] = 0
        if event.epoch != epochs[-1]:
            continue
        now = epoch + len(epochs) - 1
        if isinstance(event, Sample):
            if len(epochs) == 1:
                item, seq = first.setdefault(event.stream, (event.item, event.seq))
                event = msgspec.structs.replace(event, item=event.item - item, seq=event.seq - seq)
            items[event.stream] = event.item + event.items
        elif isinstance(event, End):
            base = first.get(event.stream, (0, 0))[0] if len(epochs) == 1 else 0
            event = msgspec.structs.replace(event, items=max(items[event.stream], event.items - base))
        yield msgspec.structs.replace(event, epoch=now)
        open_[event.stream] = now
        if isinstance(event, End):
            del open_[event.stream]
    for name in names:
        if name in open_ or not known[name]:
            yield End(stream=name, epoch=open_.get(name, epoch), items=items[name])


class _Lane:
    """A stream's events that wait for their turn, and up to which time it has promised to say nothing."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, Event]] = deque()
        self.key = self.promised_ns = NEVER_NS

    def add(self, event: Event) -> None:
        match event:
            case Sample():
                self.key = max(self.key, event.end_ns)
            case Progress():
                self.promised_ns = max(self.promised_ns, event.t_ns)
            case End():
                self.promised_ns = -NEVER_NS
        self.waiting.append((self.key, event))

    @property
    def reached_ns(self) -> int:
        return max(self.key, self.promised_ns)


def by_event_time(events: Iterator[Event], names: Sequence[str]) -> Iterator[Event]:
    """Order events by event time, each stream's own order kept; ties go by the order of `names`.

    An event has its turn when no stream can still tell an earlier one, so no more is held than the recorder
    was late with some stream.
    """
    lanes = {name: _Lane() for name in names}
    for event in events:
        lanes[event.stream].add(event)
        yield from _due(lanes, waiting=True)
    yield from _due(lanes, waiting=False)


def _due(lanes: dict[str, _Lane], *, waiting: bool) -> Iterator[Event]:
    while heads := [lane for lane in lanes.values() if lane.waiting]:
        lane = min(heads, key=lambda lane: lane.waiting[0][0])
        key = lane.waiting[0][0]
        silent = [one.reached_ns for one in lanes.values() if not one.waiting]
        newest = max(one.key for one in lanes.values())
        if waiting and any(reached < key and newest - reached <= PATIENCE_NS for reached in silent):
            return
        # A stream that has not said anything yet has its chance for as long.
        if waiting and NEVER_NS in silent and newest - key <= PATIENCE_NS:
            return
        yield lane.waiting.popleft()[1]
