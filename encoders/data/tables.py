"""Tables as items: a CSV of pairs, and recordings of labelled motion."""

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...sensors.sample import NS
from ..architecture import TRUNKS
from ..card import WindowSpec
from ..errors import InputError
from .folders import files_below
from .item import Item, Motion

COLUMNS = ("x_acc", "y_acc", "z_acc", "x_gyro", "y_gyro", "z_gyro")
# The protocol of the activity set: windows every half second, named by what fills most of them.
HOP_S, MAJORITY = 0.5, 0.6
# A window with fewer of the rows that its recording's rate promises has a hole in it.
FILLED = 0.8


def pair_items(path: Path) -> Iterator[Item]:
    """Items of a CSV whose header names modalities: a row's cells belong together.

    A cell is a path, relative to the CSV, or under `text` the text itself. Raises InputError for a header
    with no two modalities.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        named = [name for name in reader.fieldnames or () if name in TRUNKS]
        if len(named) < 2:
            raise InputError(
                f"{path}: the header {reader.fieldnames} names no two modalities; "
                f"write for example `thermal,vision`, of {', '.join(TRUNKS)}"
            )
        for number, row in enumerate(reader, start=2):
            for name in named:
                cell = (row[name] or "").strip()
                if not cell:
                    raise InputError(f"{path}:{number}: {name} is empty; give every pair both its sides")
                content = cell if name == "text" else path.parent / cell
                key = f"{path}:{number}"
                yield Item(name, content, cell if name == "text" else key, key)


def is_motion_table(path: Path) -> bool:
    """Whether a file is a recording of labelled motion, by its header."""
    if not path.name.endswith((".csv", ".csv.gz")):
        return False
    try:
        with _opened(path) as file:
            header = next(csv.reader(file), [])
    except (OSError, EOFError, UnicodeDecodeError):
        return False
    return {"timestamp", "label", *COLUMNS} <= set(header)


def motion_items(folder: Path, window: WindowSpec, left_out: Counter[str]) -> Iterator[Item]:
    """Windows of `<person>/<recording>.csv` or `.csv.gz`; key is the label, source the person.

    The header names x_acc, y_acc, z_acc (m/s^2 with gravity), x_gyro, y_gyro, z_gyro (rad/s), timestamp
    (Unix milliseconds) and label; a recording right inside `folder` is a person of its own. A window is as
    long as the model's, one every HOP_S, its label what MAJORITY of its rows have. What is left out is
    counted by cause.
    """
    for path in filter(is_motion_table, files_below(folder)):
        person = path.parent.name if path.parent != folder else path.name
        yield from _windows(path, person, window, left_out)


def _windows(path: Path, person: str, window: WindowSpec, left_out: Counter[str]) -> Iterator[Item]:
    rows, stamps, labels = _read(path, left_out)
    if len(stamps) < 2:
        left_out["recordings of fewer than two rows"] += 1
        return
    expected = window.length_ns / float(np.median(np.diff(stamps)))
    for start in range(int(stamps[0]), int(stamps[-1]) - window.length_ns + 1, round(HOP_S * NS)):
        first, last = np.searchsorted(stamps, [start, start + window.length_ns])
        if last - first < FILLED * expected:
            left_out["windows with holes"] += 1
            continue
        names, counts = np.unique(labels[first:last], return_counts=True)
        if counts.max() < MAJORITY * (last - first):
            left_out["windows between two labels"] += 1
            continue
        motion = Motion(rows[first:last], stamps[first:last])
        middle = start + window.length_ns // 2
        yield Item("imu", motion, str(names[counts.argmax()]), person, middle)


def _read(path: Path, left_out: Counter[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows float32 (n, 6), stamps int64 ns (n,) strictly increasing, labels str (n,). Raises InputError."""
    try:
        with _opened(path) as file:
            lines = list(csv.DictReader(file))
        rows = np.array([[float(line[name]) for name in COLUMNS] for line in lines], np.float32)
        stamps = np.array([round(float(line["timestamp"]) * 1e6) for line in lines], np.int64)
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise InputError(f"{path}: no table of motion ({error})") from error
    labels = np.array([line["label"] for line in lines], np.str_)
    kept = np.diff(np.maximum.accumulate(stamps), prepend=-1) > 0 if len(stamps) else np.zeros(0, bool)
    left_out["rows that go back in time or repeat"] += int((~kept).sum())
    return rows.reshape(-1, len(COLUMNS))[kept], stamps[kept], labels[kept]


def _opened(path: Path):
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", newline="", encoding="utf-8")
