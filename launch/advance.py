"""How far a long task is, on standard error: a bar for a person, lines for a log."""

import itertools
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as SpeedColumn

if TYPE_CHECKING:
    from ..encoders.bind.trainer import Advance

# A log is told every tenth of the way; where that is not known, every ten seconds.
PARTS, QUIET_S = 10, 10.0

BytesDone = Callable[[int, int | None], None]


@contextmanager
def bytes_advance() -> Generator[BytesDone]:
    """Takes the bytes that are there and the bytes there will be, None where that is not known."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Log()
        return
    with Progress(
        BarColumn(), DownloadColumn(), SpeedColumn(), TimeRemainingColumn(), console=console
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def files_advance(count: int) -> Generator[Callable[[str], None]]:
    """Takes the name of each file as it is begun; shown to a person only, and gone at the end."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total} {task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=count)
        begun = iter(range(count))
        yield lambda name: bar.update(task, completed=next(begun), description=name)


@contextmanager
def counted_advance(
    done: str, clock: Callable[[], float] = time.monotonic
) -> Generator[Callable[[str], None]]:
    """Takes the name of each thing as it is begun, however many come; `done` says what becomes of them."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Count(done, clock).tell
        return
    columns = (TextColumn("{task.completed} " + done + " {task.description}", markup=False),)
    with Progress(*columns, console=console, transient=True) as line:
        task = line.add_task("", total=None)
        begun = itertools.count()
        yield lambda name: line.update(task, completed=next(begun), description=name)


@contextmanager
def steps_advance() -> Generator[Callable[["Advance"], None]]:
    """Takes how far a training is: loss, held-out figures and time left, a bar or a line every tenth."""
    console = Console(stderr=True)
    if not console.is_terminal:
        parts = _Parts()
        yield lambda at: parts.tell(at.step, at.steps, steps_line(at))
        return
    with Progress(BarColumn(), TextColumn("{task.description}", markup=False), console=console) as bar:
        task = bar.add_task("", total=None)
        yield lambda at: bar.update(task, completed=at.step, total=at.steps, description=steps_line(at))


class _Count:
    """For a log: how many, every ten seconds, as nobody knows how many there will be."""

    def __init__(self, done: str, clock: Callable[[], float]) -> None:
        self._done, self._clock = done, clock
        self._told_s, self._begun = clock(), 0

    def tell(self, name: str) -> None:
        if self._clock() - self._told_s >= QUIET_S:
            self._told_s = self._clock()
            typer.echo(f"{self._begun} {self._done} {name}", err=True)
        self._begun += 1


def steps_line(at: "Advance") -> str:
    """`step 200/1000  loss 1.234  R@1 thermal>vision 0.31  2:05 left`."""
    figures = "".join(f"  {name} {value:.2f}" for name, value in at.figures.items())
    minutes, seconds = divmod(round(at.left_s), 60)
    return f"step {at.step}/{at.steps}  loss {at.loss:.3f}{figures}  {minutes}:{seconds:02} left"


class _Parts:
    """A line for a log whenever another tenth is done."""

    def __init__(self) -> None:
        self._told = -1

    def tell(self, done: int, total: int, line: str) -> None:
        if PARTS * done // total > self._told:
            self._told = PARTS * done // total
            typer.echo(line, err=True)


class _Log:
    def __init__(self) -> None:
        self._told = -1

    def __call__(self, done: int, total: int | None) -> None:
        part = PARTS * done // total if total else -1
        if part > self._told:
            self._told = part
            typer.echo(f"{100 * part // PARTS} % of {(total or 0) / 1e6:,.1f} MB", err=True)
