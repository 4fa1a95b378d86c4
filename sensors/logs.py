"""Recordings of every kind, told apart by their content: what opens each, and the part that is wanted."""

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .container import check_file
from .errors import SourceError
from .image_folder import open_image_folder
from .looped import Part, Recorded
from .mcap_file import MAGIC as MCAP
from .mcap_file import open_mcap
from .message_log import MessageLog
from .recording import open_recording
from .rosbag2 import MAGIC as SQLITE
from .rosbag2 import METADATA, open_rosbag2
from .sample import NS
from .sensor_logger import looks_like_export, open_export, open_json, open_zip
from .topics import Rules, check_known, rules_of

# Numbers below are seconds from the log's start, from here on Unix-epoch seconds or nanoseconds.
LEAST_UNIX_S = 10**8
LEAST_UNIX_NS = 10**17

Opener = Callable[[str, Rules], Recorded]


def open_log(
    path: str | os.PathLike[str],
    *,
    topics: Mapping[str, Any] | None = None,
    start: float | int | None = None,
    end: float | int | None = None,
    loop: bool = False,
) -> Recorded:
    """Open a recording of any kind; `topics` is the `[topics]` table.

    `start` and `end` are seconds from its first stamp, or stamps in Unix-epoch seconds or nanoseconds; `loop`
    reads it again and again. Raises SourceError for what cannot be opened, or a part that it has not.
    """
    name = os.fspath(path)
    source: Recorded = opener_of(name)(name, rules_of(topics))
    if start is None and end is None and not loop:
        return source
    until = source.start_ns + source.duration_ns
    from_ns = source.start_ns if start is None else instant(start, source.start_ns)
    until_ns = None if end is None else instant(end, source.start_ns)
    if not source.start_ns <= from_ns < until or (until_ns is not None and until_ns <= from_ns):
        raise SourceError(
            f"{name} is {source.duration_ns / NS:.3f} s long, from {source.start_ns} to {until} ns; it has"
            f" nothing from {start if start is not None else 0} to {end if end is not None else 'its end'}"
        )
    return Part(source, from_ns, until_ns, loops=loop)


def instant(given: float | int, start_ns: int) -> int:
    """Seconds from the start, Unix-epoch seconds or Unix-epoch nanoseconds as a stamp."""
    if abs(given) >= LEAST_UNIX_NS:
        return int(given)
    return round(given * NS) + (start_ns if abs(given) < LEAST_UNIX_S else 0)


def opener_of(path: str) -> Opener:
    """What opens a folder or a file, by what is in it. Raises SourceError."""
    if os.path.isdir(path):
        return _folder_opener(Path(path))
    check_file(path)
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error
    if start.startswith(MCAP):
        return _open_mcap
    if start.startswith(SQLITE):
        return lambda name, rules: MessageLog(open_rosbag2(name), rules)
    if start.startswith(b"PK\x03\x04") and looks_like_export(_members(path)):
        return open_zip
    if start.lstrip()[:1] == b"[":
        return open_json
    return _open_media


def _folder_opener(folder: Path) -> Opener:
    names = os.listdir(folder)
    parts = sorted(folder / name for name in names if name.endswith((".mcap", ".db3")))
    if METADATA in names and not (len(parts) == 1 and parts[0].suffix == ".mcap"):
        return lambda name, rules: MessageLog(open_rosbag2(name), rules)
    if len(parts) == 1:
        only = str(parts[0])
        return lambda _, rules: opener_of(only)(only, rules)
    if parts:
        raise SourceError(f"{folder} has {len(parts)} logs and no {METADATA}; give the path of one of them")
    return open_export if looks_like_export(names) else open_image_folder


def _open_mcap(path: str, rules: Rules) -> Recorded:
    from .mcap.log import open_log as open_own
    from .mcap.scan import is_ours

    if not is_ours(path):
        return MessageLog(open_mcap(path), rules)
    check_known(rules, ())
    return open_own(path)


def _open_media(path: str, rules: Rules) -> Recorded:
    check_known(rules, ())
    return open_recording(path)


def _members(path: str) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be unpacked: {error}. Export it again.") from error
