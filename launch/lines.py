"""A run as plain lines, for logs and pipes: one a second, one an event, and the account at the end."""

from collections.abc import Mapping

from ..fusion.fused import Fused
from ..nodes.wire.status import Status, StreamCounts, WindowCounts
from .board import Board, Entry, Message, clock_text, losses


class Lines:
    """Messages in, lines out. `now_s` is any steady clock in seconds."""

    def __init__(self) -> None:
        self.board = Board()
        self._due_s = 0.0

    def update(self, message: Message, now_s: float) -> list[str]:
        """What to print after this message: events at once, the state at most once a second."""
        lines = [entry_line(entry) for entry in self.board.update(message, now_s)]
        if self.board.fused is not None and now_s >= self._due_s:
            self._due_s = now_s + 1
            lines.append(self._state(self.board.fused))
        return lines

    def _state(self, fused: Fused) -> str:
        shares = "".join(f" {part.input} {100 * part.share:.0f}%" for part in fused.parts)
        count = self.board.fused_count
        line = f"{clock_text(fused.stamp_ns)} fused {count} coverage {fused.coverage:.2f}{shares}"
        status = self.board.status
        away = [node.name for node in status.nodes if node.state in ("DOWN", "FAILED")] if status else []
        away += [n for n, sensor in status.sensors.items() if sensor.state != "RUNNING"] if status else []
        active = [f"{match.query} {match.score:.1f}" for match in self.board.active.values()]
        more = [f"now {', '.join(active)}"] * bool(active) + [f"AWAY {', '.join(away)}"] * bool(away)
        return " | ".join([line, *more])


def entry_line(entry: Entry) -> str:
    """One line of the log: `00:00:08.25 alarm begins: ...`."""
    return entry.text if entry.stamp_ns is None else f"{clock_text(entry.stamp_ns)} {entry.text}"


def summary(status: Status) -> list[str]:
    """The final account: every item of every stream, every window, every tick, and what was lost."""
    ticks = status.ticks
    span = f"ticks {clock_text(ticks.first_ns)} to {clock_text(ticks.last_ns)}, " if ticks.fused else ""
    return [
        *_columns(("stream", *_STREAM_COLUMNS), {n: _stream_cells(c) for n, c in status.streams.items()}),
        *_columns(("input", *_WINDOW_COLUMNS), {n: _window_cells(c) for n, c in status.windows.items()}),
        f"fused {ticks.fused}: {span}{ticks.complete} complete, {ticks.deadline} at the deadline, "
        f"{ticks.empty} without any embedding; {ticks.events} events",
        *(f"note: {note}" for note in status.notes),
        *(f"LOST {loss}" for loss in losses(status)),
    ]


_STREAM_COLUMNS = (
    "items",
    "produced",
    "received",
    "windowed",
    "skipped",
    "late",
    "dropped",
    "lost",
    "pending",
)
_WINDOW_COLUMNS = ("modality", "closed", "embedded", "reused", "none", "pending")


def _stream_cells(counts: StreamCounts) -> tuple[str, ...]:
    return (
        counts.unit,
        str(counts.produced),
        str(counts.received),
        str(counts.windowed),
        _causes(counts.skipped),
        str(counts.late),
        _causes(counts.dropped),
        _causes(counts.lost_in_transport),
        str(counts.pending),
    )


def _window_cells(counts: WindowCounts) -> tuple[str, ...]:
    none = _causes(counts.none)
    numbers = (counts.closed, counts.embedded, counts.reused)
    return (counts.modality, *map(str, numbers), none, str(counts.pending))


def _causes(causes: Mapping[str, int]) -> str:
    """`3 (short 1, tail 2)`, or 0."""
    named = ", ".join(f"{cause} {count}" for cause, count in sorted(causes.items()) if count)
    return f"{sum(causes.values())} ({named})" if named else "0"


def _columns(header: tuple[str, ...], rows: Mapping[str, tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    table = [header, *((name, *cells) for name, cells in rows.items())]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
