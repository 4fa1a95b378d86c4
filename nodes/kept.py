"""Kept: what a robot remembers from one live run to the next: its clients' queries, and all backgrounds."""

import logging
import os
import re
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgpack

from ..fusion.query import Query
from ..sensors.errors import SixsenseError
from .wire.arrays import check_arrays
from .wire.errors import WireError
from .wire.fields import MAX_PAYLOAD_BYTES, VERSION, from_fields, pack, unpack_map

log = logging.getLogger(__name__)
QUERY_SUFFIX = ".query"


def state_folder(robot: str) -> Path:
    """`$XDG_STATE_HOME/sixsense/<robot>`, else below `~/.local/state`."""
    root = os.environ.get("XDG_STATE_HOME")
    return (Path(root) if root else Path.home() / ".local" / "state") / "sixsense" / robot


def background_file(folder: Path, space_id: str) -> Path:
    """Where backgrounds of that space are kept: those of another are of no use to it."""
    return folder / f"background-{re.sub(r'[^A-Za-z0-9.-]', '-', space_id)}.msgpack"


def write_whole(path: Path, raw: bytes) -> None:
    """A file for its owner alone, whole or not at all. Raises SixsenseError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.touch(mode=0o600)
        draft.write_bytes(raw)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise SixsenseError(f"{path} cannot be written ({error}); set XDG_STATE_HOME elsewhere") from error


class KeptQueries:
    """The queries that clients have added and not removed, a file each; a damaged one harms no other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "queries"

    def load(self) -> list[Query]:
        """All of them, by name; what cannot be read is said and left where it is."""
        found: list[Query] = []
        for path in sorted(self._folder.glob(f"*{QUERY_SUFFIX}")):
            try:
                found.append(_decode(path.read_bytes()))
            except (OSError, WireError) as error:
                log.error("the kept query %s cannot be read (%s): delete it, and ask it again", path, error)
        return sorted(found, key=lambda query: query.name)

    def add(self, query: Query) -> None:
        """Raises SixsenseError where it cannot be written."""
        write_whole(self._path(query.name), _encode(query))

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / (blake2b(name.encode(), digest_size=12).hexdigest() + QUERY_SUFFIX)


def _encode(query: Query) -> bytes:
    payloads: list[bytes] = []
    header = pack({"v": VERSION}, query, payloads)
    return msgpack.packb([header, *payloads])  # pyright: ignore[reportReturnType]


def _decode(raw: bytes) -> Query:
    """Raises WireError for anything but what `_encode` writes."""
    try:
        frames = msgpack.unpackb(raw, max_bin_len=MAX_PAYLOAD_BYTES)
    except (ValueError, TypeError) as error:
        raise WireError(f"no query: {error or type(error).__name__}") from error
    if not (isinstance(frames, list) and frames and all(isinstance(frame, bytes) for frame in frames)):
        raise WireError("no query: expected a list of frames")
    header = unpack_map(frames[0])
    del header["v"]
    query = from_fields(Query, header, frames[1:])
    check_arrays(query)
    return query
