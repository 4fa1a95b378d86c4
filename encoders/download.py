"""A large file over HTTP: resumed where it was cut off, whole and checked before it gets its name."""

import fcntl
import http.client
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from .digest import compute_sha256, remember_sha256
from .errors import DownloadError

CHUNK = 1 << 20
TIMEOUT_S = 30.0
# Tries in a row that brought nothing new; the pauses between them are 1, 2 and 4 s.
TRIES = 4
MEGA = 1e6

Progress = Callable[[int, int | None], None]
"""Told how many bytes there are, and how many there will be where the server says."""

Check = Callable[[Path, str], None]
"""Given the whole file and its SHA-256 before it is accepted; raises to refuse it."""


def download(
    url: str,
    to: Path,
    *,
    check: Check,
    progress: Progress,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """Fetch `url` as the file `to` and return its SHA-256, 64 hexadecimal digits.

    Bytes gather in `<to>.part` until the length is the server's and `check` has accepted them. A cut
    connection is taken up again where it ended, in this call or a later one, if the server still has the
    same file (its entity tag or date); else from the start. Raises DownloadError, and what `check` raises;
    `<to>.part` is then kept.
    """
    if not url.startswith(("https://", "http://")):
        raise DownloadError(f"{url}: no address of the web; give one that begins with https://")
    with _writing(to) as part:
        _fetch_all(part, url, progress, wait)
        digest = compute_sha256(part.path)
        check(part.path, digest)
        # A robot may lose its power at any time; a name then never stands for half a file.
        os.fsync(part.file.fileno())
        part.path.replace(to)
        part.note.unlink(missing_ok=True)
    remember_sha256(to, digest)
    return digest


class _Part(NamedTuple):
    """What has come so far, and a note of which file of the server's it is the beginning of."""

    path: Path
    note: Path
    file: IO[bytes]

    def size(self) -> int:
        return self.file.seek(0, 2)

    def tag(self) -> str:
        """The server's name for this version of the file, "" where it must be fetched from the start."""
        try:
            return str(json.loads(self.note.read_bytes())["tag"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, size: int, tag: str) -> None:
        """Keep the first `size` bytes as the beginning of version `tag`."""
        self.file.truncate(size)
        self.note.write_text(json.dumps({"tag": tag}))

    def append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest) :]


class _CutError(Exception):
    """The connection failed; it may work again."""


@contextmanager
def _writing(to: Path) -> Generator[_Part]:
    """The file to add to, for this process alone. Raises DownloadError where it cannot be written."""
    path = to.with_name(to.name + ".part")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield _Part(path, to.with_name(to.name + ".part.json"), file)
    except BlockingIOError as error:
        raise DownloadError(f"{path}: another process is downloading it; wait for it") from error
    except OSError as error:
        raise DownloadError(
            f"{path}: cannot be written ({error.strerror}); free or change the disk, then run it again"
        ) from error


def _fetch_all(part: _Part, url: str, progress: Progress, wait: Callable[[float], None]) -> None:
    failures = 0
    while True:
        before = part.size()
        try:
            return _fetch(part, url, progress)
        except _CutError as cut:
            failures = 1 if part.size() > before else failures + 1
            if failures == TRIES:
                raise DownloadError(
                    f"{url}: {cut}; {part.size() / MEGA:.1f} MB are kept in {part.path}; run it again"
                ) from cut
            wait(2.0 ** (failures - 1))


def _fetch(part: _Part, url: str, progress: Progress) -> None:
    """One connection, until the file is whole. Raises _CutError and DownloadError."""
    response = _open(part, url)
    if response is None:
        return
    with response:
        total = _begin(part, url, response)
        progress(part.size(), total)
        while data := _read(response):
            part.append(data)
            progress(part.size(), total)
    if total is not None and part.size() != total:
        raise _CutError(f"cut off after {part.size()} of {total} bytes")


def _open(part: _Part, url: str) -> Any:
    """The server's answer; None where it says that nothing is missing any more."""
    headers = {"User-Agent": "sixsense", "Accept-Encoding": "identity"}
    have, tag = part.size(), part.tag()
    if have and tag:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    try:
        return urlopen(Request(url, headers=headers), timeout=TIMEOUT_S)
    except HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            if _extent(error.headers) == (None, have):
                return None
            part.begin(0, "")
        elif error.code < 500 and error.code != http.client.TOO_MANY_REQUESTS:
            raise DownloadError(f"{url}: the server says {error.code} {error.reason}") from error
        raise _CutError(f"the server says {error.code} {error.reason}") from error
    except (URLError, http.client.HTTPException, OSError) as error:
        raise _CutError(f"no connection ({getattr(error, 'reason', None) or error})") from error


def _begin(part: _Part, url: str, response: Any) -> int | None:
    """Go on, or start again where the server sends everything; the length of the whole file."""
    headers = response.headers
    partial = response.status == http.client.PARTIAL_CONTENT
    start, total = _extent(headers) if partial else (0, _length(headers))
    if start is None or start not in (0, part.size()):
        raise DownloadError(f"{url}: asked for bytes from {part.size()} on, the server sends from {start}")
    part.begin(start, _tag(headers))
    if total is not None:
        _check_space(part, total)
    return total


def _read(response: Any) -> bytes:
    try:
        return response.read(CHUNK)
    except (http.client.HTTPException, OSError) as error:
        raise _CutError(f"cut off ({error})") from error


def _check_space(part: _Part, total: int) -> None:
    folder = part.path.parent
    needed, free = total - part.size(), shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError(
            f"{folder}: {needed / MEGA:.0f} MB are still to come and {free / MEGA:.0f} MB are free; "
            "make room, or set XDG_CACHE_HOME to a folder on another disk"
        )


def _extent(headers: Any) -> tuple[int | None, int | None]:
    """First byte and length of the whole, of `bytes 5-9/10` or `bytes */10`; None where it is not said."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range") or "")
    start, total = found.groups() if found else (None, None)
    return (int(start) if start else None, int(total) if total and total != "*" else None)


def _length(headers: Any) -> int | None:
    text = headers.get("Content-Length") or ""
    return int(text) if text.isdecimal() else None


def _tag(headers: Any) -> str:
    """The strong entity tag, else the date: what If-Range takes (RFC 9110, 13.1.5)."""
    tag = headers.get("ETag") or ""
    return tag if tag.startswith('"') else headers.get("Last-Modified") or ""
