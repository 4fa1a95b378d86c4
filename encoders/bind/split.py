"""What is trained on and what is held out, so that nothing of one source is on both sides."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..data.item import Item
from ..errors import InputError


class Split(NamedTuple):
    """Indices int64 of items; what lies within the guard of a log's split is in neither."""

    train: np.ndarray
    held: np.ndarray


def split(items: Sequence[Item], held_out: float, guard_ns: int) -> Split:
    """The last share `held_out` of every log by time, or of every class's sources by name.

    Where classes share sources (persons, folds), a source that is held out of one is held out of all.
    Raises InputError where either side would be empty.
    """
    repeated = Counter(item.key for item in items)
    timed = all(item.stamp_ns is not None and repeated[item.key] == 1 for item in items)
    found = _by_time(items, held_out, guard_ns) if timed else _by_source(items, held_out, repeated)
    if len(found.train) < 2 or len(found.held) < 2:
        raise InputError(
            f"{len(items)} pairs: {len(found.train)} to train on and {len(found.held)} held out; "
            "at least two of each are needed: give more data, or a smaller --guard"
        )
    return found


def _by_time(items: Sequence[Item], held_out: float, guard_ns: int) -> Split:
    stamps = np.array([item.stamp_ns for item in items], np.int64)
    sources = np.array([item.source for item in items])
    train, held = np.zeros(len(items), bool), np.zeros(len(items), bool)
    for source in np.unique(sources):
        here = sources == source
        first, last = int(stamps[here].min()), int(stamps[here].max())
        cut = last - round(held_out * (last - first))
        train |= here & (stamps < cut - guard_ns)
        held |= here & (stamps >= cut)
    return Split(np.flatnonzero(train), np.flatnonzero(held))


def _by_source(items: Sequence[Item], held_out: float, repeated: Counter[str]) -> Split:
    classes: dict[str, list[str]] = {}
    for item in items:
        sources = classes.setdefault(item.key if repeated[item.key] > 1 else "", [])
        if item.source not in sources:
            sources.append(item.source)
    out: set[str] = set()
    for sources in classes.values():
        count = round(held_out * len(sources)) if len(sources) > 1 else 0
        out |= set(sorted(sources)[len(sources) - count :])
    held = np.array([item.source in out for item in items])
    return Split(np.flatnonzero(~held), np.flatnonzero(held))
