"""Scan: the messages of an MCAP file of ours from its start, however the file ends; `repair` closes it."""

import mmap
import os
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import SourceError
from .records import (
    CHANNEL,
    CHUNK,
    CHUNK_HEAD,
    CHUNK_SIZE,
    DATA_END,
    FOOTER,
    HEADER,
    MAGIC,
    MESSAGE,
    MESSAGE_FIELDS,
    PREFIX,
    SCHEMA,
    ChannelRow,
    ChunkRow,
    ending,
    message_indexes,
)
from .writer import LIBRARY


class Raw(NamedTuple):
    """One message, not decoded: its topic, the name of its schema, its time, its bytes."""

    topic: str
    schema: str
    stamp_ns: int
    data: memoryview


class Chunk(NamedTuple):
    """Where a chunk is in the file, and the records in it."""

    start: int
    length: int
    records: memoryview


class Scan:
    """Reads front to back, chunk by chunk; needs no index. `damaged` counts chunks whose checksum is wrong,
    `closed` says whether the file's end was reached and is there."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.damaged = 0
        self.closed = False
        self.good_bytes = 0
        self.channels: dict[int, ChannelRow] = {}
        self._schemas: dict[int, tuple[str, str]] = {}

    def messages(self, topics: Collection[str] | None = None, *, prefix: str = "") -> Iterator[Raw]:
        """Every message, or those of `topics` or whose topic begins with `prefix`, in the file's order.

        Raises SourceError for what is no MCAP file; damage inside is counted and passed over.
        """
        everything = topics is None and not prefix
        for chunk in self.chunks():
            for number, stamp_ns, _, data in self.entries(chunk.records):
                row = self.channels.get(number)
                if row is None:
                    continue
                wanted = (
                    everything or (prefix and row.topic.startswith(prefix)) or row.topic in (topics or ())
                )
                if wanted:
                    yield Raw(row.topic, row.schema, stamp_ns, data)

    def chunks(self) -> Iterator[Chunk]:
        """The chunks that are whole."""
        for start, length, content in self._found():
            yield from self._chunk(start, length, content)

    def ends(self, count: int) -> Iterator[Chunk]:
        """The first and the last `count` chunks; nothing of what is between is read."""
        found = list(self._found())
        self.damaged = 0
        for start, length, content in [*found[:count], *found[max(count, len(found) - count) :]]:
            yield from self._chunk(start, length, content)

    def _found(self) -> Iterator[tuple[int, int, memoryview]]:
        """Where each chunk is, and its content, which is not looked at."""
        view = _mapped(self.path)
        self.damaged, self.closed, at = 0, False, len(MAGIC)
        while at + PREFIX.size <= len(view):
            opcode, length = PREFIX.unpack_from(view, at)
            end = at + PREFIX.size + length
            if end > len(view) or not 0 < opcode <= DATA_END:
                return
            content = view[at + PREFIX.size : end]
            if opcode == DATA_END:
                self.closed = bytes(view[-len(MAGIC) :]) == MAGIC and len(view) >= end + len(MAGIC)
                return
            if opcode == FOOTER:
                return
            self.good_bytes = end
            if opcode == CHUNK:
                yield at, end - at, content
            at = end

    def entries(self, records: memoryview) -> Iterator[tuple[int, int, int, memoryview]]:
        """The messages of a chunk: channel, time, offset, bytes. Notes its schemas and channels."""
        at = 0
        while at + PREFIX.size <= len(records):
            opcode, length = PREFIX.unpack_from(records, at)
            content = records[at + PREFIX.size : at + PREFIX.size + length]
            if len(content) < length:
                return
            if opcode == MESSAGE and length >= MESSAGE_FIELDS.size:
                number, _, stamp_ns, _ = MESSAGE_FIELDS.unpack_from(content)
                yield number, stamp_ns, at, content[MESSAGE_FIELDS.size :]
            elif opcode == SCHEMA:
                self._note_schema(content)
            elif opcode == CHANNEL:
                self._note_channel(content)
            at += PREFIX.size + length

    def _chunk(self, start: int, length: int, content: memoryview) -> Iterator[Chunk]:
        try:
            _, _, size, checksum = CHUNK_HEAD.unpack_from(content)
            compression, at = _text(content, CHUNK_HEAD.size)
            records = content[at + CHUNK_SIZE.size :]
        except (struct.error, UnicodeDecodeError):
            self.damaged += 1
            return
        if compression or len(records) != size or zlib.crc32(records) != checksum:
            self.damaged += 1
        else:
            yield Chunk(start, length, records)

    def _note_schema(self, content: memoryview) -> None:
        name, at = _text(content, 2)
        _, at = _text(content, at)
        definition, _ = _text(content, at)
        self._schemas[struct.unpack_from("<H", content)[0]] = name, definition

    def _note_channel(self, content: memoryview) -> None:
        number, schema = struct.unpack_from("<HH", content)
        topic, _ = _text(content, 4)
        self.channels[number] = ChannelRow(number, topic, *self._schemas.get(schema, ("", "")))


def is_ours(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as our logs do."""
    try:
        with open(path, "rb") as file:
            start = file.read(256)
    except OSError:
        return False
    return start.startswith(MAGIC) and start[8:9] == bytes([HEADER]) and LIBRARY.encode() in start[17:60]


def repair(path: str | os.PathLike[str]) -> bool:
    """Close a log of ours that was cut off, in place, so that foreign readers open it too; nothing that could
    be read is lost. False where it is closed already. Raises SourceError for a file that is not ours."""
    scan = Scan(path)
    if not is_ours(path):
        raise SourceError(f"{path} is not a log that sixsense wrote; the `mcap recover` tool may help")
    rows = [_row(scan, chunk) for chunk in scan.chunks()]
    if scan.closed:
        return False
    chunks, end = [row for row, _ in rows], scan.good_bytes
    with open(path, "r+b") as file:
        last = rows[-1] if rows else None
        if last is not None and end < last[1]:
            # The cut went through the indexes that follow the last chunk.
            end = last[0].start + last[0].length
            file.seek(end)
            file.write(b"".join(message_indexes(last[0].messages).values()))
            end = file.tell()
        file.truncate(end)
        file.seek(end)
        file.write(ending(end, scan.channels.values(), chunks))
        file.flush()
        os.fsync(file.fileno())
    return True


def _row(scan: Scan, chunk: Chunk) -> tuple[ChunkRow, int]:
    """A chunk's row, and where the indexes behind it end."""
    index: dict[int, list[tuple[int, int]]] = {}
    for number, stamp_ns, at, _ in scan.entries(chunk.records):
        index.setdefault(number, []).append((stamp_ns, at))
    times = [stamp for entries in index.values() for stamp, _ in entries]
    first, last = min(times, default=0), max(times, default=0)
    size = sum(len(data) for data in message_indexes(index).values())
    row = ChunkRow(chunk.start, chunk.length, len(chunk.records), first, last, index)
    return row, chunk.start + chunk.length + size


def _mapped(path: Path) -> memoryview:
    """The file's bytes, checked to begin as an MCAP file. Raises SourceError."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}. Check the path.") from error
    if bytes(view[: len(MAGIC)]) != MAGIC:
        raise SourceError(f"{path} is no MCAP file: it begins with {bytes(view[:8])!r}. Give another one.")
    return view


def _text(content: memoryview, at: int) -> tuple[str, int]:
    size = struct.unpack_from("<I", content, at)[0]
    if size > len(content) - at - 4:
        raise struct.error(f"a text of {size} bytes in a record of {len(content)}")
    return str(content[at + 4 : at + 4 + size], "utf-8"), at + 4 + size
