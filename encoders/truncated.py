"""The first key that a weights file which was cut off has not whole: what is left of it tells."""

import json
import mmap
import pickletools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

# A record of a ZIP archive begins so; 26 bytes on are the lengths of its name and of what follows the name.
RECORD, LENGTHS, NAME = b"PK\x03\x04", 26, 30
ITEM_BYTES = {"Double": 8, "Long": 8, "Float": 4, "Int": 4, "Half": 2, "BFloat16": 2, "Short": 2}


def first_cut_key(path: Path) -> str | None:
    """Of a `.pth`, as torch.save writes it, or a `.safetensors`; None where all are whole or none is told."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _cut_tensor(data) if path.suffix == ".safetensors" else _cut_record(data)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error):
        return None


def _cut_tensor(data: mmap.mmap) -> str | None:
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    ends = [(entry["data_offsets"][1], key) for key, entry in header.items() if key != "__metadata__"]
    return next((key for end, key in sorted(ends) if 8 + length + end > len(data)), None)


def _cut_record(data: mmap.mmap) -> str | None:
    """The archive's directory was at its end; its first record is the pickle that names all others."""
    _, start = _record(data, 0)
    data.seek(start)
    left = {record: (key, size) for key, record, size in _stored(cast(IO[bytes], data))}
    at = start
    while (at := data.find(RECORD, at, len(data) - NAME)) >= 0:
        name, at = _record(data, at)
        record = name.rpartition("/data/")[2]
        at += left.get(record, ("", 0))[1]
        if at <= len(data):
            left.pop(record, None)
    return next((key for key, _ in left.values()), None)


def _record(data: mmap.mmap, at: int) -> tuple[str, int]:
    """The name of the record whose header is at `at`, and where its data begin."""
    name, extra = struct.unpack_from("<HH", data, at + LENGTHS)
    return data[at + NAME : at + NAME + name].decode(), at + NAME + name + extra


def _stored(pickle: IO[bytes]) -> Iterator[tuple[str, str, int]]:
    """Of a pickled state dict, read and not executed: each key, its record's name, and its bytes."""
    key = record = kind = ""
    kinds: dict[object, str] = {}
    for op, argument, _ in pickletools.genops(pickle):
        if record and isinstance(argument, int) and op.name.startswith("BININT"):
            yield key, record, argument * ITEM_BYTES[kind]
            record = ""
        elif record:
            continue
        elif op.name == "GLOBAL":
            kind = str(argument).removeprefix("torch ").removesuffix("Storage")
        elif op.name in ("BINPUT", "LONG_BINPUT"):
            kinds[argument] = kind
        elif op.name in ("BINGET", "LONG_BINGET"):
            kind = kinds.get(argument, kind)
        elif op.name == "BINUNICODE" and str(argument).isdecimal():
            record = str(argument)
        elif op.name == "BINUNICODE" and argument != "storage":
            key = str(argument)
