"""How a run is shown: a live picture in a terminal, lines in a pipe, or JSON for programs."""

import sys
from collections.abc import Callable
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live

from ..fusion.fused import Fused, Labels, Match
from ..nodes.wire.status import Status
from .board import Message
from .display import View
from .jsonl import json_line
from .lines import Lines, summary

REPAINT_S = 0.1
JSON_KINDS: dict[type[Message], str] = {Fused: "fused", Labels: "labels", Match: "match", Status: "status"}


class Presenter(Protocol):
    """Shows a run while its `with` block lasts."""

    def say(self, text: str) -> None:
        """A line of progress for a person."""
        ...

    def show(self, message: Message) -> None:
        """The run's next message."""
        ...

    def idle(self) -> None:
        """Nothing came for a while: ages go on growing."""
        ...

    def finish(self, final: Status) -> None:
        """The account of the whole run, after its `with` block."""
        ...

    def __enter__(self) -> "Presenter": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def presenter(title: str, *, json: bool) -> Presenter:
    """The presenter that fits where standard output goes."""
    if json:
        return JsonPresenter(sys.stdout, sys.stderr)
    console = Console()
    return LivePresenter(title, console) if console.is_terminal else LinesPresenter(sys.stdout)


class _Plain:
    """What presenters without a screen have in common."""

    def idle(self) -> None:
        pass

    def __enter__(self) -> "Presenter":
        return self  # pyright: ignore[reportReturnType]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class JsonPresenter(_Plain):
    """One JSON object a line: fused (without its vector), labels, match, status; people's text elsewhere."""

    def __init__(self, out: TextIO, people: TextIO) -> None:
        self._out, self._people = out, people

    def say(self, text: str) -> None:
        print(text, file=self._people, flush=True)

    def show(self, message: Message) -> None:
        if type(message) in JSON_KINDS:
            print(json_line(JSON_KINDS[type(message)], message), file=self._out, flush=True)

    def finish(self, final: Status) -> None:
        for line in summary(final):
            self.say(line)


class LinesPresenter(_Plain):
    """One line a second and one an event."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = monotonic) -> None:
        self._out, self._clock, self._lines = out, clock, Lines()

    def say(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def show(self, message: Message) -> None:
        for line in self._lines.update(message, self._clock()):
            self.say(line)

    def finish(self, final: Status) -> None:
        for line in summary(final):
            self.say(line)


class LivePresenter:
    """A picture that is repainted in place, at most ten times a second."""

    def __init__(self, title: str, console: Console, clock: Callable[[], float] = monotonic) -> None:
        self._view, self._console, self._clock = View(title), console, clock
        self._live = Live(console=console, auto_refresh=False)
        self._painted_s = float("-inf")
        # A service says what it does from a thread of its own.
        self._lock = Lock()

    def say(self, text: str) -> None:
        with self._lock:
            self._view.say(text)
            self._paint(force=True)

    def show(self, message: Message) -> None:
        with self._lock:
            self._view.update(message, self._clock())
            self._paint()

    def idle(self) -> None:
        with self._lock:
            self._paint()

    def finish(self, final: Status) -> None:
        for line in summary(final):
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _paint(self, *, force: bool = False) -> None:
        now_s = self._clock()
        if self._live.is_started and (force or now_s - self._painted_s >= REPAINT_S):
            self._painted_s = now_s
            picture = self._view.render(now_s, self._console.size.height - 1)
            self._live.update(picture, refresh=True)

    def __enter__(self) -> "Presenter":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._paint(force=True)
        self._live.stop()
