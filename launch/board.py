"""What a run has said so far, kept for showing: a pure function of its messages and the times given."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..encoders.embedding import Embedding, Missing
from ..fusion.fused import Fused, Labels, Match, Part
from ..nodes.wire.status import Outage, Status
from ..sensors.liveness import Change
from ..sensors.sample import NS

Message = Embedding | Missing | Fused | Labels | Match | Status
LOG_LINES = 200


@dataclass
class InputRow:
    """One input: the streams it is made of, its windows so far, its newest embedding and fused part."""

    modality: str
    streams: tuple[str, ...] = ()
    quality: float | None = None
    embedded: int = 0
    none: int = 0
    part: Part | None = None


@dataclass
class Entry:
    """One line of the log: `kind` begin, end, outage or say."""

    kind: str
    stamp_ns: int | None
    text: str


@dataclass
class Board:
    """Everything a view shows. `update` takes the run's messages in order, `now_s` any steady clock."""

    inputs: dict[str, InputRow] = field(default_factory=dict)
    fused: Fused | None = None
    fused_count: int = 0
    fused_s: float = 0.0
    start: tuple[int, float] | None = None
    status: Status | None = None
    rates: dict[str, float] = field(default_factory=dict)
    active: dict[str, Match] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    log: deque[Entry] = field(default_factory=lambda: deque[Entry](maxlen=LOG_LINES))
    _outages: set[Outage] = field(default_factory=set)

    def update(self, message: Message, now_s: float) -> list[Entry]:
        """Take a message; returns what it adds to the log."""
        entries: Iterable[Entry] = ()
        match message:
            case Embedding():
                self._embedding(message)
            case Missing():
                self._row(message.input, message.modality).none += 1
            case Fused():
                self._fused(message, now_s)
            case Match():
                entries = self._match(message)
            case Status():
                entries = self._status(message)
            case Labels():
                pass  # `sixsense listen labels` shows them.
        added = list(entries)
        self.log.extend(added)
        return added

    def say(self, text: str) -> Entry:
        """Add a line of progress to the log."""
        entry = Entry("say", None, text)
        self.log.append(entry)
        return entry

    def speed(self) -> float | None:
        """Seconds of event time for each second of real time; None before two ticks."""
        if self.start is None or self.fused is None or self.fused_s <= self.start[1]:
            return None
        return (self.fused.stamp_ns - self.start[0]) / NS / (self.fused_s - self.start[1])

    def age_s(self, part: Part, now_s: float) -> float:
        """How old an input's newest window is now: its age at the tick, and the time since."""
        return part.age_ns / NS + max(0.0, now_s - self.fused_s)

    def _row(self, name: str, modality: str) -> InputRow:
        return self.inputs.setdefault(name, InputRow(modality))

    def _embedding(self, embedding: Embedding) -> None:
        row = self._row(embedding.input, embedding.modality)
        row.streams = tuple(dict.fromkeys(part.stream for part in embedding.ranges))
        row.quality = embedding.quality
        row.embedded += 1

    def _fused(self, fused: Fused, now_s: float) -> None:
        self.start = self.start or (fused.stamp_ns, now_s)
        self.fused, self.fused_s = fused, now_s
        self.fused_count += 1
        parts = {part.input: part for part in fused.parts}
        for name, part in parts.items():
            self._row(name, part.modality).quality = part.quality
        for name, row in self.inputs.items():
            row.part = parts.get(name)

    def _match(self, match: Match) -> Iterable[Entry]:
        self.peaks[match.query] = max(match.peak, self.peaks.get(match.query, match.peak))
        if match.phase == "end":
            self.active.pop(match.query, None)
            return (Entry("end", match.stamp_ns, f"{match.query} ended: {end_text(match)}"),)
        self.active[match.query] = match
        if match.phase == "update":
            return ()
        return (Entry("begin", match.begin_ns, f"{match.query} begins: {score_text(match)}"),)

    def _status(self, status: Status) -> Iterable[Entry]:
        if self.status and status.stamp_ns > self.status.stamp_ns:
            seconds = (status.stamp_ns - self.status.stamp_ns) / NS
            for name, counts in status.streams.items():
                before = self.status.streams.get(name)
                self.rates[name] = (counts.received - (before.received if before else 0)) / seconds
        self.status = status
        for name, windows in status.windows.items():
            self._row(name, windows.modality)
        fresh = [outage for outage in status.outages if outage not in self._outages]
        self._outages.update(fresh)
        return [
            *(Entry("outage", outage.until_ns or outage.from_ns, outage_text(outage)) for outage in fresh),
            *(_change_entry(change) for change in status.changes if change.state != "STARTING"),
        ]


def score_text(match: Match) -> str:
    """`score 7.3 in microphone`, and that it is not a false-alarm rate yet where it is not."""
    text = f"score {match.score:.1f} in {match.input}"
    return text if match.calibrated else f"{text} (uncalibrated)"


def end_text(match: Match) -> str:
    """`lasted 3.00 s, peak 9.1`: from the first tick at `on` to the last at `off`."""
    return f"lasted {(match.last_ns - match.begin_ns) / NS:.2f} s, peak {match.peak:.1f}"


def outage_text(outage: Outage) -> str:
    if not outage.until_ns:
        return f"{outage.node} is away: {outage.cause}"
    return f"{outage.node} is back after {(outage.until_ns - outage.from_ns) / NS:.1f} s: {outage.cause}"


def _change_entry(change: Change) -> Entry:
    is_well = change.state == "RUNNING" and not change.reason
    reason = f": {change.reason}" if change.reason else ""
    return Entry("say" if is_well else "outage", change.at_ns, f"{change.stream} is {change.state}{reason}")


def losses(status: Status) -> list[str]:
    """Every count that means lost data, `dropped(ring) microphone 200 pcm`; empty when all is well."""
    found = [
        f"{what}({cause}) {name} {count} {counts.unit}"
        for name, counts in status.streams.items()
        for what, causes in (
            ("unread", counts.unread),
            ("lost", counts.lost_in_transport),
            ("dropped", counts.dropped),
        )
        for cause, count in causes.items()
        if count
    ]
    late = [f"late {name} {one.late} {one.unit}" for name, one in status.streams.items() if one.late]
    nodes = [
        f"dropped({cause}) {node.name} {count}"
        for node in status.nodes
        for cause, count in node.dropped.items()
        if count
    ]
    return [*found, *late, *nodes]


def clock_text(stamp_ns: int) -> str:
    """Time of day of a stamp, UTC, to 10 ms; a recording without absolute time starts at 00:00:00."""
    seconds, rest = divmod(stamp_ns, NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}.{rest // 10_000_000:02d}"
