"""How far a long task is, on standard error: a bar for a person, lines for a log."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as SpeedColumn

# A log is told every tenth of the way.
PARTS = 10

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


class _Log:
    def __init__(self) -> None:
        self._told = -1

    def __call__(self, done: int, total: int | None) -> None:
        part = PARTS * done // total if total else -1
        if part > self._told:
            self._told = part
            typer.echo(f"{100 * part // PARTS} % of {(total or 0) / 1e6:,.1f} MB", err=True)
