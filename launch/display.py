"""The live view: what is sensed, embedded, fused and matched, and how the service is."""

from itertools import islice

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..nodes.wire.status import NodeStatus, Status
from .bars import EMPTY, bar, colour_of, stacked
from .board import Board, Entry, InputRow, Message, clock_text, losses

SCORE_SCALE = 10.0
"""Deviations from the background at which a score's bar is full."""

LOG_STYLES = {"begin": "bold bright_white", "end": "white", "outage": "bold red", "say": "grey62"}
LOG_MARKS = {"begin": "▶", "end": "■", "outage": "!", "say": "·"}
NODE_STYLES = {"RUNNING": "green3", "STARTING": "yellow3", "STALE": "yellow3", "DONE": "grey50"}


class View:
    """A pure view: messages in, a picture out. `now_s` is any steady clock in seconds."""

    def __init__(self, title: str) -> None:
        self.board = Board()
        self._title = title

    def update(self, message: Message, now_s: float) -> None:
        """Take one message of the run, in order."""
        self.board.update(message, now_s)

    def say(self, text: str) -> None:
        """Add a line of progress to the log."""
        self.board.say(text)

    def render(self, now_s: float, height: int = 30) -> RenderableType:
        """The picture at `now_s`, at most `height` lines high where the inputs leave the log 3 lines."""
        sections = [self._header(), self._senses(now_s), self._watching(), self._nodes()]
        shown = [section for section in sections if section is not None]
        queries = len(self._queries())
        used = 10 + len(self.board.inputs) + (queries + 2 if queries else 0)
        return Group(*shown[:-1], self._log(max(3, height - used)), *shown[-1:])

    def _header(self) -> RenderableType:
        board, status = self.board, self.board.status
        left = Text.assemble(("sixsense ", "bold spring_green2"), (self._title, "bold"))
        if status:
            left.append(f" · {status.model}", "white")
            left.append("".join(f" · {note}" for note in status.notes), "yellow3")
        right = Text(clock_text(board.fused.stamp_ns) if board.fused else "starting ...", "bold")
        speed = board.speed()
        if speed is not None:
            right.append(f"  ×{speed:.1f}", "grey62")
        grid = Table.grid(expand=True)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_row(left, right)
        return grid

    def _senses(self, now_s: float) -> RenderableType:
        table = Table(box=None, expand=True, header_style="grey62", pad_edge=False)
        table.add_column("input", no_wrap=True)
        table.add_column("modality", no_wrap=True)
        table.add_column("sensed /s", no_wrap=True, justify="right")
        table.add_column("windows", no_wrap=True, justify="right")
        table.add_column("quality", no_wrap=True)
        table.add_column("age ms", no_wrap=True, justify="right")
        table.add_column("share of the fused vector", no_wrap=True)
        for name, row in sorted(self.board.inputs.items()):
            table.add_row(*self._input_cells(name, row, now_s))
        return _panel("sensed → embedded → fused", Group(table, Text(""), self._fused_line()))

    def _input_cells(self, name: str, row: InputRow, now_s: float) -> list[Text]:
        colour = colour_of(row.modality)
        rates = [self.board.rates[stream] for stream in row.streams if stream in self.board.rates]
        return [
            Text(name, f"bold {colour}"),
            Text(row.modality, colour),
            Text(" + ".join(_short(rate) for rate in rates) or "–"),
            Text(str(row.embedded)).append(f" -{row.none}" if row.none else "", "yellow3"),
            Text("–") if row.quality is None else bar(row.quality, 8, colour).append(f" {row.quality:.2f}"),
            self._age(row, now_s),
            bar(row.part.share if row.part else 0.0, 20, colour).append(
                f" {100 * row.part.share:3.0f} %" if row.part else "  out", "" if row.part else "red"
            ),
        ]

    def _age(self, row: InputRow, now_s: float) -> Text:
        if row.part is None:
            return Text("–", "red")
        age_s = self.board.age_s(row.part, now_s)
        return Text(f"{1000 * age_s:.0f}", "red" if age_s > 1 else "")

    def _fused_line(self) -> Text:
        fused, status = self.board.fused, self.board.status
        if fused is None:
            return Text("fused     waiting for the first embedding", "grey62")
        shares = ((part.share, colour_of(part.modality)) for part in fused.parts)
        line = Text.assemble(("fused     ", "bold"), stacked(shares, 30))
        line.append(f"  {self.board.fused_count}", "bold").append("  coverage ", "grey62")
        line.append(bar(fused.coverage, 8, "white")).append(f" {100 * fused.coverage:.0f} %")
        if status and status.ticks.deadline:
            line.append(f"  {status.ticks.deadline} at deadline", "yellow3")
        return line

    def _queries(self) -> list[str]:
        status = self.board.status
        known = [query.name for query in status.queries] if status else []
        return list(dict.fromkeys([*known, *self.board.peaks]))

    def _watching(self) -> RenderableType | None:
        if not self._queries():
            return None
        table = Table.grid(padding=(0, 2))
        for name in self._queries():
            table.add_row(*self._query_cells(name))
        return _panel("watching", table)

    def _query_cells(self, name: str) -> list[Text]:
        match = self.board.active.get(name)
        if match:
            style = colour_of(match.modalities[0]) if match.modalities else "white"
            score = bar(match.score / SCORE_SCALE, 20, style).append(f" {match.score:5.1f}")
            since = f"since {clock_text(match.begin_ns)} in {match.input}"
            return [Text(name, "bold"), score, Text(since, "bold")]
        peak = self.board.peaks.get(name)
        return [
            Text(name),
            bar(0, 20, EMPTY).append("     –", "grey62"),
            Text("" if peak is None else f"highest {peak:.1f}", "grey62"),
        ]

    def _log(self, lines: int) -> RenderableType:
        shown = list(islice(reversed(self.board.log), lines))[::-1]
        body = Text("\n").join([_log_line(entry) for entry in shown] or [Text("nothing yet", "grey62")])
        body.no_wrap, body.overflow = True, "ellipsis"
        return _panel("events", body)

    def _nodes(self) -> RenderableType | None:
        status = self.board.status
        if status is None:
            return None
        line = Text("  ", no_wrap=True, overflow="ellipsis")
        for node in status.nodes:
            line.append(_node(node)).append("   ")
        for name, sensor in status.sensors.items():
            if sensor.state != "RUNNING" or sensor.reason:
                line.append(f"{name} {sensor.state} {sensor.reason}   ", "bold red")
        lost = losses(status)
        if lost:
            line.append("LOST " + ", ".join(lost), "bold red")
        return Group(line, _latency(status))


def _panel(title: str, body: RenderableType) -> Panel:
    return Panel(body, title=f"[grey62]{title}", title_align="left", box=box.ROUNDED, border_style=EMPTY)


def _short(rate: float) -> str:
    return f"{rate / 1000:.1f} k" if rate >= 10_000 else f"{rate:.0f}"


def _log_line(entry: Entry) -> Text:
    stamp = clock_text(entry.stamp_ns) if entry.stamp_ns is not None else " " * 11
    style = LOG_STYLES[entry.kind]
    return Text.assemble((f"{stamp}  ", "grey62"), (f"{LOG_MARKS[entry.kind]} {entry.text}", style))


def _node(node: NodeStatus) -> Text:
    style = NODE_STYLES.get(node.state, "bold red")
    text = Text.assemble(("● ", style), (node.name, "bold"))
    if node.state != "RUNNING":
        text.append(f" {node.state}", style)
    if node.restarts:
        text.append(f" restarted {node.restarts}×", "yellow3")
    return text


def _latency(status: Status) -> Text:
    line = Text("  ", no_wrap=True, overflow="ellipsis", style="grey62")
    stages = (f"{name} {median:.1f} / {p99:.1f}" for name, (median, p99) in status.latency_ms.items())
    return line.append("ms (median / p99): " + "   ".join(stages)) if status.latency_ms else line
