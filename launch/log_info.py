"""`info`: what is in a recording, read through once: streams, rates, gaps, damage, and what is ignored."""

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import msgspec
import typer

from ..sensors.errors import SourceError
from ..sensors.looped import Recorded
from ..sensors.modalities import MODALITIES
from ..sensors.sample import NS, Sample, StreamInfo
from .config import load_config
from .remaining import clock

# A pause is a gap where it is longer than this many periods of its stream, and longer than LEAST_GAP_NS.
GAP_PERIODS = 4
COUNTED = {"frame": "frames", "pcm": "PCM frames", "row": "rows"}
LEAST_GAP_NS = NS // 10


class StreamSummary(msgspec.Struct, kw_only=True):
    """One stream: its items, when it begins and ends (seconds from the log's start), pauses in it, losses."""

    stream: str
    modality: str
    encoding: str
    clock: str
    unit: str
    items: int = 0
    rate_hz: float = 0.0
    start_s: float = 0.0
    end_s: float = 0.0
    width: int = 0
    height: int = 0
    channels: int = 1
    gaps: int = 0
    longest_gap_s: float = 0.0
    lost: dict[str, int] = {}


class LogSummary(msgspec.Struct, kw_only=True):
    """A recording. `read` is false where only its headers were looked at, so that nothing was counted."""

    path: str
    start_ns: int
    duration_s: float
    created: str
    read: bool
    streams: list[StreamSummary]
    ignored: dict[str, str]
    damage: dict[str, dict[str, int]]


def info(path: Path, config: str, *, json: bool, quick: bool, repair: bool) -> Generator[str]:
    """A line for each thing worth knowing, or one JSON object. Raises SixsenseError."""
    from ..sensors.logs import open_log

    if repair:
        yield from _repaired(path, json=json)
    log = open_log(path, topics=msgspec.to_builtins(load_config(config).topics))
    if not (json or quick):
        typer.echo(
            f"reading {path} ({clock(log.duration_ns / NS)}); --quick only looks at its headers", err=True
        )
    summary = summarise(log, path.name, read=not quick)
    yield msgspec.json.encode(summary).decode() if json else "\n".join(lines(summary))


def summarise(log: Recorded, name: str, *, read: bool) -> LogSummary:
    """Reads the log through, unless only its headers are wanted."""
    rows = {info.stream: _Row(info) for info in log.streams}
    for event in log.events(1) if read else ():
        if isinstance(event, Sample):
            rows[event.stream].add(event)
    counts = log.counts() if read else {}
    return LogSummary(
        path=name,
        start_ns=log.start_ns,
        duration_s=log.duration_ns / NS,
        created=next((info.created for info in log.streams if info.created), ""),
        read=read,
        streams=[row.summary(log.start_ns, counts.get(stream, {})) for stream, row in rows.items()],
        ignored=dict(log.ignored),
        damage={part: lost for part, lost in counts.items() if part not in rows and lost},
    )


class _Row:
    """What is counted of one stream while its log is read."""

    def __init__(self, info: StreamInfo) -> None:
        self._info = info
        self._items = self._gaps = self._longest_ns = 0
        self._first_ns: int | None = None
        self._last_ns = 0

    def add(self, sample: Sample) -> None:
        pause_ns = sample.stamp_ns - self._last_ns
        if self._first_ns is None:
            self._first_ns = sample.stamp_ns
        elif pause_ns > max(LEAST_GAP_NS, GAP_PERIODS * NS / max(self._info.rate_hz, 1e-3)):
            self._gaps += 1
            self._longest_ns = max(self._longest_ns, pause_ns)
        self._items += sample.items
        self._last_ns = sample.end_ns

    def summary(self, start_ns: int, lost: dict[str, int]) -> StreamSummary:
        info, first_ns = self._info, start_ns if self._first_ns is None else self._first_ns
        return StreamSummary(
            stream=info.stream,
            modality=info.modality,
            encoding=info.encoding,
            clock=info.clock,
            unit=MODALITIES[info.modality].item,
            items=self._items,
            rate_hz=info.rate_hz,
            start_s=(first_ns - start_ns) / NS,
            end_s=(max(first_ns, self._last_ns) - start_ns) / NS,
            width=info.width,
            height=info.height,
            channels=info.channels,
            gaps=self._gaps,
            longest_gap_s=self._longest_ns / NS,
            lost=lost,
        )


def lines(summary: LogSummary) -> Iterable[str]:
    """A summary for a person."""
    begins = f", from {summary.start_ns / NS:.3f} s since 1970" if summary.start_ns else ""
    created = f", recorded {summary.created}" if summary.created else ""
    yield f"{summary.path}: {clock(summary.duration_s)} ({summary.duration_s:.3f} s){begins}{created}"
    for row in summary.streams:
        yield "  " + ", ".join(part for part in _parts(row, read=summary.read) if part)
    for part, lost in summary.damage.items():
        yield f"  damaged: {part}: {_listed(lost)}"
    for topic, why in summary.ignored.items():
        yield f"  ignored: {topic}: {why}"


def number(text: str | None) -> float | int | None:
    """What `--start` and `--end` take: whole numbers stay exact. Raises typer.BadParameter."""
    if text is None:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise typer.BadParameter(f"{text!r} is no number of seconds; write for example 12.5")


def _parts(row: StreamSummary, *, read: bool) -> Iterable[str]:
    yield f"{row.stream}: {row.modality} {row.encoding}"
    yield f"{row.width}x{row.height}" if row.width else f"{row.channels} channels"
    yield f"{row.items} {COUNTED[row.unit]} at {row.rate_hz:g} Hz" if read else f"{row.rate_hz:g} Hz"
    yield f"{row.start_s:z.2f} to {row.end_s:z.2f} s" if read else ""
    yield f"{row.gaps} gaps, the longest {row.longest_gap_s:.2f} s" if row.gaps else ""
    yield f"lost: {_listed(row.lost)}" if row.lost else ""


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{cause} {count}" for cause, count in counts.items())


def _repaired(path: Path, *, json: bool) -> Iterable[str]:
    from ..sensors.mcap.scan import repair

    if path.is_dir():
        raise SourceError(f"{path} is a folder; give the path of the log in it that is to be repaired")
    done: Any = repair(path)
    if not json:
        yield f"repaired {path.name}: it is closed now" if done else f"{path.name} needs no repair"
