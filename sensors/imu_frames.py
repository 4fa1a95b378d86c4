"""The bytes of a serial inertial unit as rows of numbers: lines of text, or frames with sync and checksum."""

import binascii
import math
import struct
from collections import Counter
from collections.abc import Sequence
from functools import reduce
from operator import xor
from typing import Literal, NamedTuple, Protocol

from .device import DeviceFailedError

ImuColumn = Literal["t", "ax", "ay", "az", "gx", "gy", "gz", "_"]
"""Time, acceleration, rotation; `_` is one that is not wanted."""
ImuChecksum = Literal["none", "sum8", "xor8", "crc16"]
MAX_LINE = 1024
"""A line longer than this is no line of an inertial unit."""


class Check(NamedTuple):
    """One row: a checksum's bytes, and how it is computed from what is between sync and it."""

    size: int
    of: "_Of"


class _Of(Protocol):
    def __call__(self, data: bytes, /) -> int: ...


CHECKS: dict[str, Check] = {
    "none": Check(0, lambda _: 0),
    "sum8": Check(1, lambda data: sum(data) & 0xFF),
    "xor8": Check(1, lambda data: reduce(xor, data, 0)),
    "crc16": Check(2, lambda data: binascii.crc_hqx(data, 0)),
}
"""crc16 is CRC-16/XMODEM (polynomial 0x1021, from 0), in the byte order of the frame."""


class Frames(Protocol):
    """Bytes in, rows out; `refused` counts what was no row, by cause."""

    refused: Counter[str]

    def feed(self, data: bytes) -> list[tuple[float, ...]]:
        """The rows that these bytes complete, each as long as the columns."""
        ...


class TextLines:
    """One row a line: `columns` numbers between separators ("" is any white space); # begins a comment.

    What comes before the first line break is the rest of a line that began earlier, and is passed over.
    """

    def __init__(self, columns: int, separator: str) -> None:
        self._columns, self._separator = columns, separator or None
        self._rest: bytes | None = None
        self.refused: Counter[str] = Counter()

    def feed(self, data: bytes) -> list[tuple[float, ...]]:
        *lines, rest = ((self._rest or b"") + data).replace(b"\r", b"\n").split(b"\n")
        if self._rest is None and lines:
            lines = lines[1:]
        elif self._rest is None:
            return []
        if len(rest) > MAX_LINE:
            self.refused["overlong"] += 1
            self._rest = None
        else:
            self._rest = rest
        return [row for line in lines if line.strip() and (row := self._row(line)) is not None]

    def _row(self, line: bytes) -> tuple[float, ...] | None:
        if line.lstrip().startswith(b"#"):
            return None
        try:
            row = tuple(float(text) for text in line.decode("ascii").strip().split(self._separator))
        except ValueError:
            row = ()
        if len(row) != self._columns or not all(map(math.isfinite, row)):
            self.refused["malformed"] += 1
            return None
        return row


class BinaryFrames:
    """Frames of `sync`, the fields of `layout` (as in the module struct), and a checksum of those.

    Bytes that are in no frame are passed over one by one; a frame whose checksum is wrong, or whose numbers
    are not finite, is counted.
    """

    def __init__(self, columns: int, layout: str, sync: str, checksum: str) -> None:
        try:
            self._struct, self._sync = struct.Struct(layout), bytes.fromhex(sync)
            fields = len([float(value) for value in self._struct.unpack(bytes(self._struct.size))])
        except (struct.error, ValueError) as error:
            raise DeviceFailedError(
                f'binary = "{layout}", sync = "{sync}": {error}; write for example'
                ' binary = "<6h", sync = "aa55"'
            ) from error
        if fields != columns or not self._sync:
            raise DeviceFailedError(
                f'binary = "{layout}", sync = "{sync}": {fields} fields for {columns} columns; each column is'
                " one field, and sync (hexadecimal) is what a frame begins with"
            )
        self._check = CHECKS[checksum]
        self._order: Literal["big", "little"] = "big" if layout[0] in ">!" else "little"
        self._rest = b""
        self.refused: Counter[str] = Counter()

    def feed(self, data: bytes) -> list[tuple[float, ...]]:
        buffer, rows = self._rest + data, list[tuple[float, ...]]()
        length = len(self._sync) + self._struct.size + self._check.size
        at = buffer.find(self._sync)
        while at >= 0 and len(buffer) - at >= length:
            row = self._row(buffer[at + len(self._sync) : at + length])
            if row is not None:
                rows.append(row)
            at = buffer.find(self._sync, at + (length if row is not None else 1))
        # Half of a sync may end the buffer.
        self._rest = buffer[at if at >= 0 else max(0, len(buffer) - len(self._sync) + 1) :]
        return rows

    def _row(self, body: bytes) -> tuple[float, ...] | None:
        payload, check = body[: self._struct.size], body[self._struct.size :]
        if self._check.of(payload) != int.from_bytes(check, self._order):
            self.refused["checksum"] += 1
            return None
        row = tuple(map(float, self._struct.unpack(payload)))
        if not all(map(math.isfinite, row)):
            self.refused["malformed"] += 1
            return None
        return row


def frames(columns: Sequence[str], separator: str, binary: str, sync: str, checksum: str) -> Frames:
    """The parser that these options ask for. Raises DeviceFailedError where they are at odds."""
    if binary:
        return BinaryFrames(len(columns), binary, sync, checksum)
    return TextLines(len(columns), separator)
