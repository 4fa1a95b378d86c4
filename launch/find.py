"""`sixsense find`: which sensors are there, under which ids, and the configuration that runs them."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module

import msgspec
import typer

from ..sensors import drivers
from ..sensors.device import Found
from ..sensors.errors import SixsenseError

QUICK_S = 1.5
"""After this a person is told who keeps them waiting."""
PATIENCE_S = 10.0
UNSURE = {
    "imu_serial": "whether an inertial unit is on this port cannot be seen: set its columns, then uncomment",
    "phone": "phones push when they are told to: uncomment to listen for one (host and token to be reached)",
}
"""Kinds that cannot be seen for certain, and why: they are comments in a written configuration."""
SHOWN_MODES = 3


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What looking for one kind came to; `problem` says why it could not be searched."""

    driver: str
    found: tuple[Found, ...] = ()
    problem: str = ""


def main(*, as_json: bool, as_toml: bool) -> None:
    """Print what is found: a table for a person, plain text in a pipe, JSON lines, or a configuration.

    Raises SixsenseError when a configuration is asked for and there is nothing to put into it.
    """
    searches = list(search(on_wait=lambda text: typer.echo(text, err=True)))
    if as_json:
        for one in searches:
            typer.echo(msgspec.json.encode(one).decode())
        return
    if as_toml:
        typer.echo(configuration(searches), nl=False)
    elif sys.stdout.isatty():
        _print_table(searches)
    else:
        typer.echo("\n".join(plain(searches)))
    for one in searches if as_toml else ():
        if one.problem:
            typer.echo(f"not searched: {one.driver}: {one.problem}", err=True)


def search(
    wanted: Iterable[str] | None = None,
    *,
    on_wait: Callable[[str], None] = lambda _: None,
    patience_s: float = PATIENCE_S,
) -> Iterator[Search]:
    """Look for every kind of the drivers' table (or the `wanted`) at once; results in the table's order."""
    kinds = [driver for driver in drivers.DEVICES if wanted is None or driver in wanted]
    results: dict[str, Search] = {}
    threads = {
        driver: threading.Thread(
            target=lambda d=driver: results.__setitem__(d, _searched(d)), name=f"find {driver}", daemon=True
        )
        for driver in kinds
    }
    for thread in threads.values():
        thread.start()
    began = time.monotonic()
    for limit_s in (min(QUICK_S, patience_s), patience_s):
        for thread in threads.values():
            thread.join(max(0.0, began + limit_s - time.monotonic()))
        if waiting := [driver for driver in kinds if driver not in results]:
            on_wait(f"still looking for {', '.join(waiting)}")
    silent = f"no answer in {patience_s:g} s; unplug it and plug it in again"
    for driver in kinds:
        yield results.get(driver, Search(driver=driver, problem=silent))


def _searched(driver: str) -> Search:
    module = drivers.DEVICES[driver].place.split(":")[0]
    try:
        found: list[Found] = import_module(module, drivers.__package__).find()
    except PermissionError as error:
        problem = f"no permission to open {error.filename}; `sudo usermod -aG video $USER`, then log in again"
        return Search(driver=driver, problem=problem)
    except SixsenseError as error:
        return Search(driver=driver, problem=str(error))
    except Exception as error:
        # Whatever a driver's library raises, the other kinds are still told.
        return Search(driver=driver, problem=f"{type(error).__name__}: {error}")
    return Search(driver=driver, found=tuple(found))


def configuration(searches: Sequence[Search]) -> str:
    """A TOML file that runs everything that was found. Raises SixsenseError when that is nothing."""
    everything = [found for one in searches for found in one.found]
    certain = [found for found in everything if found.driver not in UNSURE]
    if not certain:
        why = "; ".join(f"{one.driver}: {one.problem}" for one in searches if one.problem)
        raise SixsenseError(f"no sensor was found to write a configuration of{f' ({why})' if why else ''}")
    names = unique_names(everything)
    parts = [
        "# What `sixsense find` saw. `sixsense check` says whether it still holds; `sixsense run` runs it.\n"
    ]
    has_depth = any(found.driver == "depth" for found in certain)
    for found, name in zip(everything, names, strict=True):
        twice = found.driver == "camera" and has_depth and "RealSense" in found.name
        why = "a part of the depth camera below" if twice else UNSURE.get(found.driver, "")
        text = snippet(found, name)
        parts.append(_commented(text, why) if why else f"# {found.name}\n{text}")
    return "\n".join(parts)


def unique_names(found: Iterable[Found]) -> list[str]:
    """A stream name for each: its kind, with a number from the second on."""
    counts: dict[str, int] = {}
    names: list[str] = []
    for one in found:
        counts[one.driver] = counts.get(one.driver, 0) + 1
        names.append(one.driver if counts[one.driver] == 1 else f"{one.driver}{counts[one.driver]}")
    return names


def snippet(found: Found, name: str = "") -> str:
    """The `[[sensor]]` table of a device; `name` where it is not the first of its kind."""
    options = dict(found.options)
    if name and name != found.driver:
        options["name"] = name
    lines = [f"{key} = {toml_value(value)}" for key, value in options.items()]
    return "\n".join(["[[sensor]]", f"driver = {toml_value(found.driver)}", *lines, ""])


def toml_value(value: str | int | float | bool) -> str:
    """A value as TOML writes it: as JSON does, but for the one control character that JSON lets through."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _commented(text: str, why: str) -> str:
    return "".join(f"# {line}\n" for line in (why, *text.splitlines()))


def plain(searches: Iterable[Search]) -> Iterator[str]:
    """Lines for a pipe: a device, its modes and its table; then what could not be searched."""
    searches = list(searches)
    for one in searches:
        for found in one.found:
            yield f"{found.driver}: {found.name}"
            yield f"    id: {found.id}"
            if found.modes:
                yield f"    modes: {', '.join(found.modes)}"
            yield from (f"    {line}" for line in snippet(found).splitlines())
    yield from _rest(searches)


def _rest(searches: Sequence[Search]) -> Iterator[str]:
    """What was not found, and what could not be searched."""
    if none := [one.driver for one in searches if not one.found and not one.problem]:
        yield f"none found: {', '.join(none)}"
    yield from (f"not searched: {one.driver}: {one.problem}" for one in searches if one.problem)


def _print_table(searches: Sequence[Search]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("kind", "name", "id", "modes", box=None, header_style="bold")
    found = [found for one in searches for found in one.found]
    for one in found:
        more = len(one.modes) - SHOWN_MODES
        modes = "\n".join((*one.modes[:SHOWN_MODES], *([f"and {more} more"] if more > 0 else [])))
        table.add_row(*map(escape, (one.driver, one.name, one.id, modes)))
    console = Console(highlight=False)
    if found:
        console.print(table)
    for one in found:
        console.print(f"\n[dim]{escape(snippet(one).rstrip())}[/dim]")
    for line in _rest(searches):
        console.print(escape(line), soft_wrap=True)
