"""`sixsense sync-check`: how late each sensor is stamped, from claps, flashes or taps that several notice."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import typer

from ..encoders.pictures import decode_jpeg
from ..nodes.spec import SourceSpec
from ..sensors.activity import Activity, Brightening, Loudness, Shaking
from ..sensors.clock import Timeline
from ..sensors.delays import Alignment, UnmatchedError, align
from ..sensors.drivers import live_row, make_device
from ..sensors.errors import SixsenseError, SourceError
from ..sensors.live import LiveSource
from ..sensors.logs import open_log
from ..sensors.onsets import Kind, onsets
from ..sensors.sample import NS, Sample, StreamInfo
from .config import find_config, load_config
from .delay_table import write_delays
from .jsonl import json_line
from .plan import plan_sensor
from .schema import Config, LiveSensor

READY_S = 10.0
"""How long devices may take to deliver something."""
POLL_S = 0.005
Say = Callable[[str], None]


def _grey(sample: Sample) -> np.ndarray:
    return decode_jpeg(sample.data) if sample.encoding == "jpeg" else sample.data


class Followed(NamedTuple):
    """A stream that is followed: how its events are found in it, and what has happened in it so far."""

    kind: Kind
    activity: Activity


FOLLOWED: dict[str, tuple[Kind, Callable[[], Activity]]] = {
    "vision": ("vision", lambda: Brightening(_grey)),
    "audio": ("audio", Loudness),
    "imu": ("imu", Shaking),
    "accelerometer": ("imu", Shaking),
}
"""The modalities in which a clap can be told, how its begin is found in each, and what follows it."""


class PairDelay(msgspec.Struct, frozen=True, kw_only=True):
    """How much later the stamps of `stream` are than those of `other`, and how far that may be off, ms."""

    stream: str
    other: str
    delay_ms: float
    uncertainty_ms: float
    events: int


class NewDelay(msgspec.Struct, frozen=True, kw_only=True):
    """What `delay_ms` of a sensor's table was, and what it should be: `sensor` is its number from 0."""

    sensor: int
    stream: str
    was_ms: float
    delay_ms: float
    uncertainty_ms: float


def main(name: str, seconds: float, recording: Path | None, *, dry_run: bool, json: bool) -> None:
    """Listen, tell, and write. Raises SixsenseError when the delays cannot be known."""
    config, path = load_config(name), find_config(name)
    if not dry_run and not Path(name).is_file():
        raise SixsenseError(
            f"{name} is a packaged configuration; copy {path} and give the copy, or --dry-run"
        )

    def say(text: str) -> None:
        typer.echo(text, err=True)

    followed = from_recording(recording, config) if recording else from_devices(config, seconds, say)
    alignment = aligned(followed, say)
    pairs = [
        PairDelay(
            stream=later,
            other=earlier,
            delay_ms=one.ns / 1e6,
            uncertainty_ms=one.uncertainty_ns / 1e6,
            events=one.events,
        )
        for (later, earlier), one in alignment.pairs.items()
    ]
    delays = new_delays(config, alignment)
    for one in pairs:
        typer.echo(json_line("pair", one) if json else _pair_line(one))
    for one in delays:
        typer.echo(json_line("delay", one) if json else _delay_line(one))
    _tell_unwritten(config, alignment, say)
    if not dry_run and delays:
        write_delays(path, {one.sensor: one.delay_ms for one in delays})
        say(f"written to {path}")


def aligned(followed: Mapping[str, Followed], say: Say) -> Alignment:
    """What the activities of the streams say. Raises UnmatchedError."""
    kinds: dict[str, Kind] = {stream: one.kind for stream, one in followed.items()}
    if len(kinds) < 2:
        what = ", ".join(kinds) or "none"
        raise UnmatchedError(
            f"two of camera, microphone and accelerometer are needed, there is {what}: add a [[sensor]]"
        )
    found = {stream: onsets(one.activity.trace(), one.kind) for stream, one in followed.items()}
    say("noticed: " + ", ".join(f"{stream} {len(events)} events" for stream, events in found.items()))
    return align(found, kinds)


def new_delays(config: Config, alignment: Alignment) -> list[NewDelay]:
    """What each live sensor's `delay_ms` should be: of its streams, the one that is known best says it.

    The reference keeps its own: only differences can be seen.
    """
    found: list[NewDelay] = []
    for number, sensor, spec in _live(config):
        streams = [info.stream for info in spec.streams]
        known = [name for name in streams if name in alignment.delays and name != alignment.reference]
        if alignment.reference in streams or not known:
            continue
        best = min(known, key=lambda name: alignment.delays[name].uncertainty_ns)
        one = alignment.delays[best]
        found.append(
            NewDelay(
                sensor=number,
                stream=best,
                was_ms=sensor.delay_ms,
                delay_ms=round(sensor.delay_ms + one.ns / 1e6, 1),
                uncertainty_ms=one.uncertainty_ns / 1e6,
            )
        )
    return found


def from_recording(path: Path, config: Config) -> dict[str, Followed]:
    """The activities of a whole recording. Raises SourceError."""
    source = open_log(path, topics=msgspec.to_builtins(config.topics))
    followed = _followed(source.streams)
    for event in source.events(0):
        if isinstance(event, Sample) and event.stream in followed:
            followed[event.stream].activity.add(event)
    return followed


def from_devices(config: Config, seconds: float, say: Say) -> dict[str, Followed]:
    """Start the configuration's live sensors and follow them for `seconds` from when all deliver.

    Raises SourceError when one does not deliver within READY_S.
    """
    specs = [spec for _, _, spec in _live(config) if _followed(spec.streams)]
    followed = _followed([info for spec in specs for info in spec.streams])
    # Stamps are compared with each other only: any offset does.
    clock = Timeline(time.time_ns() - time.monotonic_ns())
    say(f"opening {', '.join(followed) or 'nothing'}")
    sources = [_started(spec, clock) for spec in specs]
    try:
        _wait_for(sources, set(followed), clock)
        say(f"now: clap, flash or tap three times within {seconds:g} s, with uneven pauses of 1 to 3 s")
        until_ns = clock.now_ns() + round(seconds * NS)
        while clock.now_ns() < until_ns:
            for sample in _polled(sources, clock):
                if sample.stream in followed:
                    followed[sample.stream].activity.add(sample)
            time.sleep(POLL_S)
    finally:
        for source in sources:
            source.stop()
    return followed


def _started(spec: SourceSpec, clock: Timeline) -> LiveSource:
    device = make_device(spec.driver, spec.options, clock)
    source = LiveSource(device, clock, 0, live_row(spec.driver), round(spec.delay_ms * 1e6))
    source.start()
    return source


def _wait_for(sources: Sequence[LiveSource], streams: set[str], clock: Timeline) -> None:
    """Wait until every one of the streams has delivered something."""
    silent, until_ns = set(streams), clock.now_ns() + round(READY_S * NS)
    while silent:
        silent -= {sample.stream for sample in _polled(sources, clock)}
        if clock.now_ns() > until_ns:
            states = {name: one for source in sources for name, one in source.status().items()}
            why = "; ".join(
                f"{name} is {states[name].state} {states[name].reason}" for name in sorted(silent)
            )
            raise SourceError(f"nothing came within {READY_S:g} s: {why}; `sixsense check` says more")
        time.sleep(POLL_S)


def _polled(sources: Sequence[LiveSource], clock: Timeline) -> Iterable[Sample]:
    for source in sources:
        yield from (event for event in source.poll(clock.now_ns()) if isinstance(event, Sample))


def _followed(streams: Iterable[StreamInfo]) -> dict[str, Followed]:
    """An activity for each stream in which a clap can be told."""
    told = {info.stream: FOLLOWED[info.modality] for info in streams if info.modality in FOLLOWED}
    return {stream: Followed(kind, follow()) for stream, (kind, follow) in told.items()}


def _live(config: Config) -> Iterator[tuple[int, LiveSensor, SourceSpec]]:
    """The live sensors with their number in the file and what they open."""
    for number, sensor in enumerate(config.sensor):
        if isinstance(sensor, LiveSensor):
            yield number, sensor, plan_sensor(sensor, config)


def _pair_line(one: PairDelay) -> str:
    later = "later" if one.delay_ms >= 0 else "earlier"
    return (
        f"{one.stream} is stamped {abs(one.delay_ms):.1f} ms {later} than {one.other}"
        f" (± {one.uncertainty_ms:.1f} ms, {one.events} events)"
    )


def _delay_line(one: NewDelay) -> str:
    return f"{one.stream}: delay_ms = {one.delay_ms:.1f} (± {one.uncertainty_ms:.1f}; was {one.was_ms:.1f})"


def _tell_unwritten(config: Config, alignment: Alignment, say: Say) -> None:
    written = {info.stream for _, _, spec in _live(config) for info in spec.streams}
    say(f"{alignment.reference} is taken to be right, and keeps its delay_ms")
    for stream in alignment.delays:
        if stream not in written:
            say(f"{stream} is no stream of a live [[sensor]] of this configuration: it has no delay_ms")
