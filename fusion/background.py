"""Background: what each standing query's score does while nothing happens, learnt as it goes on."""

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
import numpy as np

from ..encoders.tail import Tail
from ..sensors.sample import NS
from .errors import QueryError
from .tail import fit_tail

APART_NS = 5 * NS
"""Two peaks closer than this are one (declustering by runs, Coles 2001, section 5.3)."""
ENOUGH_H = 3.0
"""Hours of background after which a query's own tail is used."""
KEPT = 2048
_LONGEST_TICK_S = 1.0
_SPREAD_H = 0.3
_GROWTH = 1.1
_LATEST = 2**62


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """What is saved of one query on one target: float32 bytes of its peaks, their bounds and seconds.

    `value` at `since_ns` is the highest score since the last peak (None: none), `pending_s` the background
    since then, `due` the number of peaks with which the tail is fitted next, `last_ns` the last tick.
    """

    peaks: bytes
    bounds: bytes
    seconds: bytes
    tail: Tail | None
    count: int
    hours: float
    value: float | None
    since_ns: int
    pending_s: float
    due: int | None
    last_ns: int


class Learner:
    """The peaks of every standing query on one target, declustered, and the tails fitted to them.

    A peak is the highest score within APART_NS. Scores inside an event are left out, with the time that it
    takes; `bounds` says from which score a peak would have opened one. Everything depends on event time and
    the query alone. The newest KEPT peaks count, four hours and more.
    """

    def __init__(self, names: Sequence[str]) -> None:
        count = len(names)
        self.names = list(names)
        self.tails: list[Tail | None] = [None] * count
        self._last_ns: int | None = None
        self._value = np.full(count, -np.inf)
        self._since_ns = np.zeros(count, np.int64)
        self._pending_s = np.zeros(count)
        self._rings = np.zeros((count, 3, 64), np.float32)
        self._count = np.zeros(count, np.int64)
        self._hours = np.zeros(count)
        self._due = np.full(count, np.inf)
        self._first_h = np.array([ENOUGH_H + _SPREAD_H * _fraction(name) for name in names])

    @property
    def hours(self) -> np.ndarray:
        """Hours of background seen of each query, float64 (n,), those of forgotten peaks not counted."""
        return self._hours

    def observe(self, stamp_ns: int, score: np.ndarray, bound: np.ndarray, quiet: np.ndarray) -> np.ndarray:
        """Take in one tick: scores (n,), -inf where there are none; `quiet` (n,) is False inside an event.

        Returns the rows of the queries whose tail has changed.
        """
        gap_s = 0.0 if self._last_ns is None else (stamp_ns - self._last_ns) / NS
        self._last_ns = stamp_ns
        seen = quiet & np.isfinite(score)
        self._pending_s[seen] += min(max(gap_s, 0.0), _LONGEST_TICK_S)
        # Saved by a run whose clock was ahead of this one's: its last peak would never be five seconds old.
        self._value[~quiet | (gap_s < 0)] = -np.inf
        over = seen & np.isfinite(self._value) & (stamp_ns - self._since_ns >= APART_NS)
        for row in np.flatnonzero(over):
            self._keep(int(row), float(bound[row]))
        higher = seen & (over | (score > self._value))
        self._value[higher] = score[higher]
        self._since_ns[higher] = stamp_ns
        return self._refit()

    def take(self, other: "Learner") -> None:
        """Go on with what `other` knows of the queries that both have."""
        there = {name: row for row, name in enumerate(other.names)}
        rows = [row for row, name in enumerate(self.names) if name in there]
        old = [there[self.names[row]] for row in rows]
        self._last_ns = other._last_ns
        while self._rings.shape[2] < other._rings.shape[2]:
            self._grow()
        self._rings[rows, :, : other._rings.shape[2]] = other._rings[old]
        for mine, theirs in zip(self._vectors(), other._vectors(), strict=True):
            mine[rows] = theirs[old]
        for row, before in zip(rows, old, strict=True):
            self.tails[row] = other.tails[before]

    def saved(self) -> dict[str, Pair]:
        """By query, oldest peak first."""
        seen = (self._count > 0) | (self._pending_s > 0)
        return {name: self._saved(row) for row, name in enumerate(self.names) if seen[row]}

    def restore(self, saved: dict[str, Pair]) -> None:
        """Go on from `saved()`. Raises QueryError where its numbers do not fit together."""
        for row, name in enumerate(self.names):
            if name in saved:
                self._restore(row, saved[name])

    def _vectors(self) -> tuple[np.ndarray, ...]:
        return self._value, self._since_ns, self._pending_s, self._count, self._hours, self._due

    def _keep(self, row: int, bound: float) -> None:
        capacity = self._rings.shape[2]
        if self._count[row] == capacity < KEPT:
            self._grow()
            capacity = self._rings.shape[2]
        slot = self._count[row] % capacity
        dropped_s = self._rings[row, 2, slot] if self._count[row] >= capacity else 0.0
        self._rings[row, :, slot] = self._value[row], bound, self._pending_s[row]
        self._hours[row] += (self._pending_s[row] - dropped_s) / 3600
        self._count[row] += 1
        self._pending_s[row] = 0.0
        if np.isinf(self._due[row]) and self._hours[row] >= self._first_h[row]:
            self._due[row] = self._count[row]

    def _grow(self) -> None:
        self._rings = np.concatenate([self._rings, np.zeros_like(self._rings)], axis=2)

    def _refit(self) -> np.ndarray:
        due = np.flatnonzero(self._count >= self._due)
        for row in due:
            peaks, bounds, _ = self._ring(int(row))
            self.tails[row] = fit_tail(peaks, bounds, float(self._hours[row])) or self.tails[row]
            self._due[row] = self._count[row] + max(1, round(len(peaks) * (_GROWTH - 1)))
        return due

    def _ring(self, row: int) -> np.ndarray:
        """Float64 (3, n): peaks, bounds, seconds, oldest first."""
        count, capacity = int(self._count[row]), self._rings.shape[2]
        order = np.arange(max(0, count - capacity), count) % capacity
        return self._rings[row][:, order].astype(np.float64)

    def _saved(self, row: int) -> Pair:
        peaks, bounds, seconds = (part.astype("<f4").tobytes() for part in self._ring(row))
        return Pair(
            peaks=peaks,
            bounds=bounds,
            seconds=seconds,
            tail=self.tails[row],
            count=int(self._count[row]),
            hours=float(self._hours[row]),
            value=float(self._value[row]) if np.isfinite(self._value[row]) else None,
            since_ns=int(self._since_ns[row]),
            pending_s=float(self._pending_s[row]),
            due=int(self._due[row]) if np.isfinite(self._due[row]) else None,
            last_ns=self._last_ns or 0,
        )

    def _restore(self, row: int, pair: Pair) -> None:
        parts = check_pair(pair)
        count = parts.shape[1]
        while self._rings.shape[2] < min(KEPT, pair.count):
            self._grow()
        slots = np.arange(pair.count - count, pair.count) % self._rings.shape[2]
        self._rings[row][:, slots] = parts
        self._count[row], self._hours[row] = pair.count, pair.hours
        self.tails[row] = pair.tail
        self._value[row] = -np.inf if pair.value is None else pair.value
        self._since_ns[row], self._pending_s[row] = pair.since_ns, pair.pending_s
        self._due[row] = np.inf if pair.due is None else pair.due
        self._last_ns = max(pair.last_ns, self._last_ns or 0)


def check_pair(pair: Pair) -> np.ndarray:
    """Peaks, their bounds and seconds, float32 (3, n). Raises QueryError where they do not fit together."""
    raws = (pair.peaks, pair.bounds, pair.seconds)
    alike = all(len(raw) == len(pair.peaks) for raw in raws) and len(pair.peaks) % 4 == 0
    parts = np.array([np.frombuffer(raw, "<f4") for raw in raws]) if alike else np.full((3, 1), np.nan)
    numbers = [pair.hours, pair.pending_s, pair.value or 0.0]
    if pair.tail is not None:
        numbers += [pair.tail.threshold, pair.tail.shape, pair.tail.per_h, pair.tail.scale]
    stamps = (pair.since_ns, pair.last_ns, pair.count, pair.due or 0)
    fits = (
        parts.shape[1] <= min(KEPT, max(0, pair.count))
        and not np.isnan(parts).any()
        and np.isfinite(parts[[0, 2]]).all()
        and (parts[2] >= 0).all()
        and np.isfinite(numbers).all()
        and min(pair.hours, pair.pending_s) >= 0
        and (pair.tail is None or (pair.tail.scale > 0 and pair.tail.per_h > 0))
        and all(abs(stamp) <= _LATEST for stamp in stamps)
    )
    if not fits:
        raise QueryError(f"a saved background of {pair.count} peaks does not fit together")
    return parts


def _fraction(name: str) -> float:
    """In [0, 1), by name: queries that began together are not all fitted in the same tick."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "little") / 2**32
