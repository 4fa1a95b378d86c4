"""What may import what, read from the source: `violations(root)` names every import that breaks a rule."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDERS = ("sensors", "encoders", "fusion", "nodes", "launch")
FORBIDDEN = {
    "sensors": {"torch", "ray", "zmq"},
    "encoders": {"ray", "zmq"},
    "fusion": {"ray", "zmq", "torch"},
    "nodes/wire": {"torch", "ray", "cv2", "av"},
}
"""Packages that a folder never imports, not even inside a function."""


class Import(NamedTuple):
    """One imported module: relative ones resolved from the repository's root (`sensors.sample`)."""

    file: str
    line: int
    module: str
    inside: bool


def violations(root: Path) -> list[str]:
    """Every import below `root` that breaks a rule, as `file:line: what`."""
    return [problem for found in imports(root) for problem in _problems(found)]


def imports(root: Path) -> Iterator[Import]:
    """Every import of every Python file of the package, its tests and benches."""
    for folder in (*FOLDERS, "tests", "bench", "docs"):
        for path in sorted((root / folder).rglob("*.py")):
            yield from _imports_of(path, path.relative_to(root).as_posix())


def _imports_of(path: Path, file: str) -> Iterator[Import]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, inside=False)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield Import(file, node.lineno, node.module or "", inside=False)
        elif isinstance(node, ast.ImportFrom):
            parts = file.split("/")[: -node.level]
            for alias in node.names:
                module = [*parts, *(node.module or alias.name).split(".")]
                yield Import(file, node.lineno, ".".join(module), inside=True)


def _is_above(folder: str, home: str) -> bool:
    known = folder in FOLDERS and home in FOLDERS
    return known and FOLDERS.index(folder) > FOLDERS.index(home)


def _problems(found: Import) -> Iterator[str]:
    top, where = found.module.split(".")[0], f"{found.file}:{found.line}"
    home = found.file.split("/")[0]
    if not found.inside and top in FOLDERS:
        yield f"{where}: bare import of {found.module}"
    reached = found.module.split(".") if found.inside else found.module.split(".")[1:]
    ours = found.inside or top == "sixsense"
    if ours and reached and reached[0] == "launch" and home not in ("launch", "tests", "bench", "docs"):
        yield f"{where}: only launch, tests and tools import launch"
    elif ours and reached and _is_above(reached[0], home):
        yield f"{where}: {home} imports {reached[0]}, which is above it"
    for folder, packages in FORBIDDEN.items():
        if found.file.startswith(f"{folder}/") and not found.inside and top in packages:
            yield f"{where}: {folder} never imports {top}"
