"""MCAP's records as bytes, as far as our logs have them: https://mcap.dev/spec."""

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .cdr import Buffer

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(1, 9)
STATISTICS, SUMMARY_OFFSET, DATA_END = 0x0B, 0x0E, 0x0F
PREFIX = struct.Struct("<BQ")
MESSAGE_HEAD = struct.Struct("<BQHIQQ")
MESSAGE_FIELDS = struct.Struct("<HIQQ")
CHUNK_HEAD = struct.Struct("<QQQI")
CHUNK_SIZE = struct.Struct("<Q")


class ChannelRow(NamedTuple):
    """One channel with its schema, both under the same `id`."""

    id: int
    topic: str
    schema: str
    definition: str


class ChunkRow(NamedTuple):
    """Where a chunk is, what times it holds, and by channel where its messages are: (log time, offset)."""

    start: int
    length: int
    size: int
    first_ns: int
    last_ns: int
    messages: Mapping[int, list[tuple[int, int]]]


def record(opcode: int, content: bytes) -> bytes:
    """Any record."""
    return PREFIX.pack(opcode, len(content)) + content


def text(value: str) -> bytes:
    """A string with its length."""
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def header(library: str) -> bytes:
    """Magic and header: what a file begins with."""
    return MAGIC + record(HEADER, text("ros2") + text(library))


def schema(row: ChannelRow) -> bytes:
    """The schema of a channel."""
    definition = row.definition.encode()
    size = struct.pack("<I", len(definition))
    return record(SCHEMA, struct.pack("<H", row.id) + text(row.schema) + text("ros2msg") + size + definition)


def channel(row: ChannelRow) -> bytes:
    """A channel without metadata."""
    return record(
        CHANNEL, struct.pack("<HH", row.id, row.id) + text(row.topic) + text("cdr") + struct.pack("<I", 0)
    )


def chunk_head(parts: Iterable[Buffer], size: int, first_ns: int, last_ns: int) -> bytes:
    """What comes before the records (`size` bytes in `parts`) of an uncompressed chunk."""
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    head = CHUNK_HEAD.pack(first_ns, last_ns, size, checksum) + text("") + CHUNK_SIZE.pack(size)
    return PREFIX.pack(CHUNK, len(head) + size) + head


def message_indexes(index: Mapping[int, list[tuple[int, int]]]) -> dict[int, bytes]:
    """The message index of each channel, as they follow a chunk."""
    return {
        number: record(
            MESSAGE_INDEX,
            struct.pack("<HI", number, 16 * len(entries))
            + b"".join(struct.pack("<QQ", *entry) for entry in entries),
        )
        for number, entries in index.items()
    }


def ending(start: int, channels: Iterable[ChannelRow], chunks: list[ChunkRow]) -> bytes:
    """What closes a file at offset `start`: the summary that foreign readers look for."""
    rows = list(channels)
    data_end = record(DATA_END, struct.pack("<I", 0))
    groups = {
        SCHEMA: b"".join(map(schema, rows)),
        CHANNEL: b"".join(map(channel, rows)),
        STATISTICS: _statistics(rows, chunks),
        CHUNK_INDEX: b"".join(map(_chunk_index, chunks)),
    }
    at = summary_start = start + len(data_end)
    offsets = b""
    for opcode, group in groups.items():
        if group:
            offsets += record(SUMMARY_OFFSET, struct.pack("<BQQ", opcode, at, len(group)))
        at += len(group)
    foot = struct.pack("<QQ", summary_start, at)
    summary = b"".join(groups.values()) + offsets + PREFIX.pack(FOOTER, 20) + foot
    return data_end + summary + struct.pack("<I", zlib.crc32(summary)) + MAGIC


def _statistics(rows: list[ChannelRow], chunks: list[ChunkRow]) -> bytes:
    counts = {row.id: 0 for row in rows}
    for one in chunks:
        for number, entries in one.messages.items():
            counts[number] += len(entries)
    by_channel = b"".join(struct.pack("<HQ", *entry) for entry in counts.items())
    first = min((one.first_ns for one in chunks), default=0)
    last = max((one.last_ns for one in chunks), default=0)
    head = struct.pack(
        "<QHIIIIQQI",
        sum(counts.values()),
        len(rows),
        len(rows),
        0,
        0,
        len(chunks),
        first,
        last,
        len(by_channel),
    )
    return record(STATISTICS, head + by_channel)


def _chunk_index(row: ChunkRow) -> bytes:
    at, offsets = row.start + row.length, b""
    for number, index in message_indexes(row.messages).items():
        offsets += struct.pack("<HQ", number, at)
        at += len(index)
    return record(
        CHUNK_INDEX,
        struct.pack("<QQQQI", row.first_ns, row.last_ns, row.start, row.length, len(offsets))
        + offsets
        + struct.pack("<Q", at - row.start - row.length)
        + text("")
        + struct.pack("<QQ", row.size, row.size),
    )
