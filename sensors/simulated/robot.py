"""The simulated robot: a source of five streams, all sensed from one room and one script."""

from collections.abc import Iterator
from heapq import merge
from itertools import count
from math import isfinite
from typing import Literal, NamedTuple

import msgspec

from ..errors import SourceError
from ..modalities import MODALITIES
from ..sample import NS, End, Event, Progress, Sample, StreamInfo
from .example import Rendering as Rendering
from .example import render_example as render_example
from .path import activities
from .script import MINUTE_NS, Happening, Script
from .senses import INFO, RATES, Senses
from .split import SPLITS, Split

STREAMS = tuple(RATES)
_PROMISE_NS = NS // 10


class SimulatedRobot:
    """A robot that drives about in one room, where alarms sound, people and dogs come in, it gets bumped, or
    is carried up the stairs (`kinds.KINDS`). Worlds of another `split` have other rooms, things and sounds.

    Everything is a function of `seed`, `split`, stream and index, so it can be opened at any time in O(1) and
    goes on exactly where it was. `start_ns` must be a whole minute, so that windows lie alike in every run.
    It runs for `seconds` (for ever when None); a message is sent when it is complete by then.
    """

    def __init__(
        self,
        seed: int,
        *,
        start_ns: int,
        seconds: float | None = None,
        streams: tuple[str, ...] = STREAMS,
        split: Split = "test",
    ) -> None:
        if start_ns % MINUTE_NS:
            raise SourceError(
                f"simulated robot: start_ns={start_ns} is not a whole minute; "
                f"round it to a multiple of {MINUTE_NS}"
            )
        if seconds is not None and not (isfinite(seconds) and seconds >= 0):
            raise SourceError(f"simulated robot: seconds={seconds}; give a positive number, or None for ever")
        if unknown := [name for name in streams if name not in RATES]:
            raise SourceError(f"simulated robot: no stream {unknown[0]!r}; it has {', '.join(RATES)}")
        if split not in SPLITS:
            raise SourceError(f"simulated robot: no split {split!r}; choose one of {', '.join(SPLITS)}")
        self._start_ns = start_ns
        self._length_ns = None if seconds is None else round(seconds * NS)
        self._names = tuple(name for name in STREAMS if name in streams)
        self._script = Script(seed, split)
        self._senses = Senses(self._script)

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        """The streams in use, in the order camera, depth, thermal, microphone, imu."""
        source = f"simulated robot, seed {self._script.seed}, {self._script.split} world"
        return tuple(msgspec.structs.replace(INFO[name], source=source) for name in self._names)

    def counts(self) -> dict[str, dict[str, int]]:
        """A simulation loses nothing."""
        return {name: {} for name in self._names}

    def happenings(self, from_ns: int, to_ns: int) -> list[Happening]:
        """The ground truth: what happens in `[from_ns, to_ns)` of the timeline, while the robot runs."""
        return self._on_timeline(self._script.during(*self._span(from_ns, to_ns)))

    def activities(self, from_ns: int, to_ns: int) -> list[Happening]:
        """What the robot does of its own in `[from_ns, to_ns)` of the timeline: drive, turn, stop."""
        return self._on_timeline(activities(self._script, *self._span(from_ns, to_ns)))

    def _span(self, from_ns: int, to_ns: int) -> tuple[int, int]:
        end = to_ns if self._length_ns is None else min(to_ns, self._start_ns + self._length_ns)
        return from_ns - self._start_ns, end - self._start_ns

    def _on_timeline(self, happenings: list[Happening]) -> list[Happening]:
        start = self._start_ns
        return [
            msgspec.structs.replace(one, start_ns=one.start_ns + start, end_ns=one.end_ns + start)
            for one in happenings
        ]

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        """Samples by `end_ns`, each followed by the Progress it allows: up to the stream's next stamp."""
        since = 0 if from_ns is None else max(0, from_ns - self._start_ns)
        for name in self._names:
            yield self._told(_Entry(since, name, RATES[name].first_from(since), "progress"), epoch, 0)
        timetables = [_timetable(name, since, self._length_ns) for name in self._names]
        for entry in merge(*timetables, key=_when):
            first = RATES[entry.stream].first_from(since)
            yield self._told(entry, epoch, first)

    def _told(self, entry: "_Entry", epoch: int, first: int) -> Event:
        _, name, message, says = entry
        rate = RATES[name]
        if says == "sample":
            return self._sample(name, message, first, epoch)
        if says == "progress":
            return Progress(stream=name, epoch=epoch, t_ns=self._start_ns + rate.stamp(message))
        return End(stream=name, epoch=epoch, items=(message - first) * rate.items)

    def _sample(self, name: str, message: int, first: int, epoch: int) -> Sample:
        rate, info = RATES[name], INFO[name]
        data, stamps = self._senses.sense(name, message)
        return Sample(
            stream=name,
            modality=info.modality,
            epoch=epoch,
            seq=message - first,
            item=(message - first) * rate.items,
            stamp_ns=self._start_ns + rate.stamp(message),
            encoding=info.encoding,
            data=data,
            stamps=None if stamps is None else stamps + self._start_ns,
            rate_hz=info.rate_hz,
            clock=info.clock,
            units=MODALITIES[info.modality].units,
            frame_id=info.frame_id,
        )


class _Entry(NamedTuple):
    """One line of a stream's timetable: at `when_ns`, about which message, to say what."""

    when_ns: int
    stream: str
    message: int
    says: Literal["sample", "progress", "end"]


def _when(entry: _Entry) -> int:
    return entry.when_ns


def _timetable(name: str, since: int, length_ns: int | None) -> Iterator[_Entry]:
    """When a stream says what, from `since` on (ns since the script's start); nothing is rendered for it."""
    rate = RATES[name]
    first = rate.first_from(since)
    last = None if length_ns is None else max(first, rate.complete_by(length_ns))
    told = since
    for message in count(first) if last is None else range(first, last):
        end = rate.end(message)
        yield from (_Entry(t, name, message, "progress") for t in range(told + _PROMISE_NS, end, _PROMISE_NS))
        yield _Entry(end, name, message, "sample")
        yield _Entry(end, name, message + 1, "progress")
        told = end
    if length_ns is not None and last is not None:
        close = max(since, length_ns)
        yield from (_Entry(t, name, last, "progress") for t in range(told + _PROMISE_NS, close, _PROMISE_NS))
        yield _Entry(close, name, last, "end")
