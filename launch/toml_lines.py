"""Where in a TOML file each key stands, which tomllib does not tell."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """A key path as people write it: `sensor[0].driver`."""
    parts = [f"[{key}]" if isinstance(key, int) else f".{key}" for key in path]
    return "".join(parts).lstrip(".")


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table and key of a TOML document that tomllib accepts.

    Keys inside inline tables and arrays are left out: `line_of` gives the line of what holds them.
    """
    lines: dict[Path, int] = {(): 1}
    tables: dict[Path, int] = {}
    table: Path = ()
    for number, header, parsed in _statements(text):
        if header:
            table = _table(parsed, tables)
            lines.setdefault(table, number)
        for path in _key_paths(parsed) if not header else ():
            lines.setdefault(table + path, number)
    return lines


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """The line of `path`, or of the nearest table or key around it."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def syntax_line(error: tomllib.TOMLDecodeError) -> int:
    """The line that a syntax error names in its message (1 where it names none)."""
    found = re.search(r"line (\d+)", str(error))
    return int(found[1]) if found else 1


def _statements(text: str) -> Iterator[tuple[int, bool, dict[str, Any]]]:
    """Each statement as its first line, whether it is a table header, and what it says by itself.

    A statement is the shortest run of lines that parses alone: a value that spans lines does not before
    its last one.
    """
    pending: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        pending.append(line)
        try:
            parsed = tomllib.loads("\n".join(pending))
        except tomllib.TOMLDecodeError:
            continue
        first = number - len(pending) + 1
        header = pending[0].lstrip().startswith("[")
        pending = []
        if parsed:
            yield first, header, parsed


def _table(parsed: dict[str, Any], tables: dict[Path, int]) -> Path:
    """The full path of a table header; `tables` counts the elements of each array of tables so far."""
    path: Path = ()
    value: Any = parsed
    while value:
        key, value = next(iter(value.items()))
        path = (*path, key)
        if isinstance(value, list):
            tables[path] = tables.get(path, -1) + 1
            value = value[0]
        if path in tables:
            path = (*path, tables[path])
    return path


def _key_paths(parsed: dict[str, Any]) -> Iterator[Path]:
    """`a.b = 1` has the path ("a", "b") and its prefix ("a",)."""
    path: Path = ()
    value: Any = parsed
    while isinstance(value, dict) and len(value) == 1:
        key, value = next(iter(value.items()))
        path = (*path, key)
        yield path
