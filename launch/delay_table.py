"""Writing `delay_ms` into a configuration, every other character of which stays as it is."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile


def write_delays(path: Path, delays_ms: Mapping[int, float]) -> None:
    """Set `delay_ms` of the `[[sensor]]` tables with these numbers (from 0) in a TOML file, at once or not at
    all. Raises OSError when it cannot be written."""
    import tomlkit

    document = tomlkit.parse(path.read_bytes().decode())
    sensors = document["sensor"]
    for number, delay_ms in delays_ms.items():
        sensors[number]["delay_ms"] = round(delay_ms, 1)  # pyright: ignore[reportArgumentType, reportIndexIssue]
    _replace(path.resolve(), tomlkit.dumps(document))


def _replace(path: Path, text: str) -> None:
    """Never half a file under the old name, whatever happens meanwhile."""
    with NamedTemporaryFile("w", encoding="utf-8", newline="", dir=path.parent, delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(file.name, path.stat().st_mode)
    os.replace(file.name, path)
