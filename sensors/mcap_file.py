"""An MCAP file as messages on topics: chunked or not, compressed, without an index, cut off or damaged.

With an index only the chunks that are asked for are read, in the order of their times; without one the file
is read through from its beginning, in its own order.
"""

import heapq
import os
import struct
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import msgspec

from .container import Losses
from .errors import SourceError
from .message_log import Logged
from .messages import decoder
from .ros import MessageError, normal_name
from .sample import NS
from .topics import Topic
from .video_messages import VIDEO

if TYPE_CHECKING:
    from mcap.records import Channel, Chunk, ChunkIndex, Message, Schema
    from mcap.summary import Summary

MAGIC = b"\x89MCAP0\r\n"

FOOTER = struct.Struct("<QQI")

# A chunk is unpacked in memory; recorders write some megabytes.
MAX_CHUNK = 1 << 30

# So many first messages of a topic are looked at: one that cannot be read must not hide a sensor.
PROBED = 3
PROBED_VIDEO = 300
"""Of video up to the first key frame."""

# The rate of a topic is that of its first messages: it may begin late and pause for long.
RATED = 50


class Seen(msgspec.Struct):
    """What a file holds of one topic; `rate_hz` is that of the first RATED messages."""

    count: int = 0
    first: list[bytes] = []
    start_ns: int = 1 << 62
    end_ns: int = 0
    rate_hz: float = 0.0
    probed: int = PROBED

    def add(self, logged_ns: int, data: bytes) -> None:
        self.count += 1
        self.start_ns, self.end_ns = min(self.start_ns, logged_ns), max(self.end_ns, logged_ns)
        if len(self.first) < self.probed:
            self.first.append(data)
        if self.count <= RATED and self.end_ns > self.start_ns:
            self.rate_hz = (self.count - 1) * NS / (self.end_ns - self.start_ns)


def unseen(schema: str) -> Seen:
    """A topic before its first message."""
    return Seen(probed=PROBED_VIDEO if normal_name(schema) == VIDEO else PROBED)


class Table(NamedTuple):
    """The channels and schemas of a file, by their numbers."""

    channels: "dict[int, Channel]"
    schemas: "dict[int, Schema]"

    def schema_of(self, channel: "Channel") -> str:
        schema = self.schemas.get(channel.schema_id)
        return schema.name if schema else ""


class McapFile:
    """A file of messages, as `message_log.Messages` says."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.losses = Losses()
        self._summary = _summary(path)
        seen = self._indexed_seen(self._summary) if self._summary else self._scanned_seen()
        table = _table(self._summary) if self._summary else self._table
        spans = [one for one in seen.values() if one.count]
        if not spans:
            damage = f" ({', '.join(self.losses)})" if self.losses else ""
            raise SourceError(f"{path} has no messages{damage}. Record it again, or give another file.")
        self.start_ns = min(one.start_ns for one in spans)
        self.end_ns = max(one.end_ns for one in spans)
        self._keys = _keys(table)
        self.topics = tuple(
            _topic(table, channel, self._keys[channel], seen) for channel in _named(self._keys)
        )

    def read(self, topics: Collection[str], from_ns: int | None) -> Iterator[Logged]:
        """Messages of these topics from `from_ns` on; damaged chunks are counted and passed over."""
        self.losses.clear()
        since = -1 if from_ns is None else from_ns
        wanted = {channel: name for channel, name in self._keys.items() if name in topics}
        for message in self._indexed(self._summary, wanted, since) if self._summary else self._scanned():
            if message.channel_id in wanted and message.log_time >= since:
                yield Logged(wanted[message.channel_id], message.log_time, message.data)

    def _indexed(self, summary: "Summary", wanted: Collection[int], since: int) -> "Iterator[Message]":
        """By time: a chunk is unpacked when nothing that comes before its first message is left."""
        chunks = [chunk for chunk in summary.chunk_indexes if _holds(chunk, wanted, since)]
        heap: list[tuple[int, int, int, Any]] = [
            (chunk.message_start_time, chunk.chunk_start_offset, -1, chunk) for chunk in chunks
        ]
        heapq.heapify(heap)
        with _opened(self.path) as file:
            while heap:
                _, offset, number, item = heapq.heappop(heap)
                if number >= 0:
                    yield item
                    continue
                file.seek(offset + 9)
                for number, message in enumerate(self._chunk_at(file)):
                    if message.channel_id in wanted and message.log_time >= since:
                        heapq.heappush(heap, (message.log_time, offset, number, message))

    def _chunk_at(self, file: BinaryIO) -> "list[Message]":
        from mcap.data_stream import ReadDataStream
        from mcap.records import Chunk

        return self._unpacked(lambda: Chunk.read(ReadDataStream(file)))

    def _unpacked(self, chunk: "Callable[[], Chunk]") -> "list[Message]":
        """A chunk's messages, its channels and schemas noted; none where it is `corrupt`."""
        from mcap.records import Channel, Message, Schema
        from mcap.stream_reader import breakup_chunk

        try:
            held = chunk()
            if held.uncompressed_size > MAX_CHUNK:
                raise ValueError(held.uncompressed_size)
            records = breakup_chunk(held, validate_crc=True)
        except Exception:
            # Decompressors and record parsers have no error in common.
            self.losses["corrupt"] += 1
            return []
        for record in records:
            if isinstance(record, Channel):
                self._table.channels[record.id] = record
            elif isinstance(record, Schema):
                self._table.schemas[record.id] = record
        return [record for record in records if isinstance(record, Message)]

    def _scanned(self) -> "Iterator[Message]":
        """In the file's order, to its end or to where it cannot be read on."""
        from mcap.records import Channel, Chunk, DataEnd, Footer, Message, Schema
        from mcap.stream_reader import StreamReader

        with _opened(self.path) as file:
            records = StreamReader(
                file, emit_chunks=True, record_size_limit=os.path.getsize(self.path)
            ).records
            while True:
                try:
                    record = next(records, None)
                except Exception as error:
                    # A cut inside a record or garbage in its place: nothing tells where the next one begins.
                    self.losses["truncated" if type(error).__name__ == "EndOfFile" else "corrupt"] += 1
                    return
                if record is None or isinstance(record, (DataEnd, Footer)):
                    return
                if isinstance(record, Chunk):
                    yield from self._unpacked(lambda chunk=record: chunk)
                elif isinstance(record, Message):
                    yield record
                elif isinstance(record, Channel):
                    self._table.channels[record.id] = record
                elif isinstance(record, Schema):
                    self._table.schemas[record.id] = record

    def _scanned_seen(self) -> dict[int, Seen]:
        self._table = Table({}, {})
        seen: dict[int, Seen] = {}
        for message in self._scanned():
            if message.channel_id in self._table.channels:
                one = seen.setdefault(message.channel_id, self._unseen(message.channel_id))
                one.add(message.log_time, message.data)
        return seen

    def _unseen(self, channel: int) -> Seen:
        return unseen(self._table.schema_of(self._table.channels[channel]))

    def _indexed_seen(self, summary: "Summary") -> dict[int, Seen]:
        """Counts and times by the index, the first messages by looking at them."""
        self._table = _table(summary)
        statistics = summary.statistics
        assert statistics is not None
        seen: dict[int, Seen] = {}
        for channel in summary.channels:
            one = seen[channel] = self._unseen(channel)
            for message in self._indexed(summary, {channel}, -1):
                one.add(message.log_time, message.data)
                if one.count == max(RATED, one.probed):
                    break
            one.count = statistics.channel_message_counts.get(channel, one.count) if one.first else 0
            one.end_ns = max(
                (c.message_end_time for c in summary.chunk_indexes if _holds(c, {channel}, -1)), default=0
            )
        return seen


def open_mcap(path: str) -> McapFile:
    """Open an MCAP file. Raises SourceError for one that has no message that can be read."""
    return McapFile(path)


def _opened(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise SourceError(f"Cannot read {path}: {error.strerror}. Was it moved?") from error


def _summary(path: str) -> "Summary | None":
    """The index, or None where there is none, or none that can be relied on."""
    from mcap.reader import SeekingReader

    size = os.path.getsize(path)
    with _opened(path) as file:
        try:
            summary = SeekingReader(file, record_size_limit=size).get_summary() if _is_sound(file) else None
        except Exception:
            # A file that was cut off ends in anything.
            return None
    if summary is None or not summary.chunk_indexes or summary.statistics is None or not summary.channels:
        return None
    whole = all(chunk.chunk_start_offset + chunk.chunk_length <= size for chunk in summary.chunk_indexes)
    return summary if whole else None


def _is_sound(file: BinaryIO) -> bool:
    """Whether the index has the checksum that the footer says (0: none), as https://mcap.dev/spec has it."""
    file.seek(-FOOTER.size - len(MAGIC), os.SEEK_END)
    start, _, checksum = FOOTER.unpack(file.read(FOOTER.size))
    end = file.tell() - 4
    file.seek(start)
    held = file.read(end - start) if 0 < start < end else b""
    file.seek(0)
    return checksum in (0, zlib.crc32(held))


def _table(summary: "Summary") -> Table:
    return Table(dict(summary.channels), dict(summary.schemas))


def _holds(chunk: "ChunkIndex", wanted: Collection[int], since: int) -> bool:
    held = chunk.message_index_offsets
    return chunk.message_end_time >= since and (not held or any(channel in held for channel in wanted))


def _keys(table: Table) -> dict[int, str]:
    """The name of each channel's topic; one that has another schema than a channel before it is apart."""
    schemas: dict[str, str] = {}
    keys: dict[int, str] = {}
    for number, channel in sorted(table.channels.items()):
        schema = table.schema_of(channel)
        same = schemas.setdefault(channel.topic, schema) == schema
        keys[number] = channel.topic if same else f"{channel.topic} ({schema})"
    return keys


def _named(keys: dict[int, str]) -> list[int]:
    """The first channel of each name."""
    return list({name: channel for channel, name in reversed(keys.items())}.values())


def _topic(table: Table, number: int, name: str, seen: dict[int, Seen]) -> Topic:
    channel, found = table.channels[number], seen.get(number, Seen())
    schema = table.schemas.get(channel.schema_id)
    decode, why = None, ""
    try:
        decode = decoder(
            channel.message_encoding,
            schema.encoding if schema else "",
            schema.name if schema else "",
            schema.data if schema else b"",
        )
    except MessageError as error:
        why = str(error)
    return Topic(name, table.schema_of(channel), found.count, found.rate_hz, tuple(found.first), decode, why)
