"""LogWriter: messages into one MCAP file, in chunks that are whole on the disk when `flush` returns."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ..errors import SourceError
from .cdr import Buffer, definition, encoded, type_name
from .records import (
    MESSAGE,
    MESSAGE_HEAD,
    ChannelRow,
    ChunkRow,
    channel,
    chunk_head,
    ending,
    header,
    message_indexes,
    schema,
)

LIBRARY = "sixsense"
CHUNK_BYTES = 4 << 20
MAX_PARTS = os.sysconf("SC_IOV_MAX")


class LogWriter:
    """Writes a new file; what is there already is never overwritten. Raises SourceError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._channels: dict[str, ChannelRow] = {}
        self._chunks: list[ChunkRow] = []
        self._parts: list[Buffer] = []
        self._size = 0
        self._index: dict[int, list[tuple[int, int]]] = {}
        self._sequence: dict[int, int] = {}
        self._written = self._flushed = 0
        self.newest_ns = 0
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise SourceError(f"cannot write {path}: {error.strerror}; give another path with -o") from error
        self._write([header(LIBRARY)])

    @property
    def total_bytes(self) -> int:
        """How large the file is, with what is not written yet."""
        return self._written + self._size

    def put(self, topic: str, stamp_ns: int, message: msgspec.Struct) -> None:
        """Add a message under a topic, which always has the same type. MCAP's times are not negative."""
        row = self._channels.get(topic) or self._channel(topic, type(message))
        parts, log_ns = encoded(message), max(0, stamp_ns)
        size = sum(map(len, parts))
        self.newest_ns = max(self.newest_ns, log_ns)
        sequence = self._sequence[row.id] = self._sequence[row.id] + 1
        self._index.setdefault(row.id, []).append((log_ns, self._size))
        self._add(MESSAGE_HEAD.pack(MESSAGE, 22 + size, row.id, sequence & 0xFFFFFFFF, log_ns, log_ns))
        self._parts += parts
        self._size += size
        if self._size >= CHUNK_BYTES:
            self._end_chunk()

    def flush(self) -> None:
        """Everything that was put is on the disk, and survives whatever happens. Raises SourceError."""
        self._end_chunk()
        os.fdatasync(self._file)
        # Nobody reads it soon: pages that are given back are written to again, which costs half of what new
        # ones do, and other files keep theirs.
        os.posix_fadvise(self._file, self._flushed, self._written - self._flushed, os.POSIX_FADV_DONTNEED)
        self._flushed = self._written

    def close(self) -> None:
        """End the file with its summary, as far as the disk has room for it; a full one is read without."""
        try:
            self._end_chunk()
            self._write([ending(self._written, self._channels.values(), self._chunks)])
            os.fdatasync(self._file)
        finally:
            os.close(self._file)

    def _channel(self, topic: str, type_: type[msgspec.Struct]) -> ChannelRow:
        row = ChannelRow(len(self._channels) + 1, topic, type_name(type_), definition(type_))
        self._channels[topic], self._sequence[row.id] = row, 0
        self._add(schema(row))
        self._add(channel(row))
        return row

    def _add(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)

    def _end_chunk(self) -> None:
        if not self._parts:
            return
        parts, size, index = self._parts, self._size, self._index
        self._parts, self._size, self._index = [], 0, {}
        times = [stamp for entries in index.values() for stamp, _ in entries]
        first, last = min(times, default=0), max(times, default=0)
        head = chunk_head(parts, size, first, last)
        row = ChunkRow(self._written, len(head) + size, size, first, last, index)
        self._write([head, *parts, *message_indexes(index).values()])
        self._chunks.append(row)

    def _write(self, parts: Sequence[Buffer]) -> None:
        """Write it all or nothing: half a chunk is taken back."""
        try:
            for batch in _batches(parts):
                written = os.writev(self._file, batch)
                rest = memoryview(b"".join(batch))[written:] if written < sum(map(len, batch)) else b""
                while rest:
                    rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            os.ftruncate(self._file, self._written)
            os.lseek(self._file, self._written, os.SEEK_SET)
            raise SourceError(f"cannot write on to {self.path}: {error.strerror}") from error
        self._written += sum(map(len, parts))


def _batches(parts: Sequence[Buffer]) -> Iterator[Sequence[Buffer]]:
    """As many as one call of the system takes."""
    return (parts[at : at + MAX_PARTS] for at in range(0, len(parts), MAX_PARTS))
