"""Track: the samples of one stream in one epoch that a window may still need, each item accounted for."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from ..sensors.modalities import MODALITIES
from ..sensors.sample import NEVER_NS, NS, Sample, StreamInfo


class Ledger(msgspec.Struct, kw_only=True):
    """Items of one stream in one epoch: `received = windowed + skipped + late + dropped + pending`.

    `base` is the first item this receiver ever expected (not 0 after the receiver was restarted) and
    `known` the items known to be produced since: `known = received + lost`.
    """

    base: int = 0
    known: int = 0
    received: int = 0
    lost: int = 0
    windowed: int = 0
    skipped: dict[str, int] = {}
    late: int = 0
    dropped: dict[str, int] = {}
    pending: int = 0


class Slice(NamedTuple):
    """Items `first` up to `last` (counted from the sample's first) of one sample."""

    sample: Sample
    first: int
    last: int


class Track:
    """Keeps samples in order until no later window can need them."""

    def __init__(self, info: StreamInfo, *, joined_late: bool = False) -> None:
        self.info = info
        self.ledger = Ledger()
        self.progress_ns = NEVER_NS
        self.first_ns: int | None = None
        self.ended = False
        self._joined_late = joined_late
        self._next_item: int | None = None
        self._samples: deque[Sample] = deque()
        self._windowed_to = 0
        self._short_to = 0

    def add(self, sample: Sample) -> None:
        """Take a sample: count what is missing before it, cut off what was seen already or comes too late."""
        expected = self._expected(sample.item)
        fresh = _drop_first(sample, max(0, expected - sample.item))
        if fresh is None:
            return
        self.ledger.lost += fresh.item - expected
        self.ledger.received += fresh.items
        self._next_item = fresh.item + fresh.items
        self.ledger.known = self._next_item - self.ledger.base
        late = _index_at(fresh, self.progress_ns)
        self.ledger.late += late
        timely = _drop_first(fresh, late)
        if timely is not None:
            self.ledger.pending += timely.items
            self.first_ns = timely.stamp_ns if self.first_ns is None else min(self.first_ns, timely.stamp_ns)
            self._samples.append(timely)

    def advance(self, t_ns: int) -> None:
        """Nothing older than `t_ns` will follow."""
        self.progress_ns = max(self.progress_ns, t_ns)

    def end(self, items: int) -> None:
        """Nothing will follow; `items` were produced altogether."""
        missing = max(0, items - self._expected(items))
        self.ledger.lost += missing
        self.ledger.known += missing
        self.ended = True

    @property
    def empty(self) -> bool:
        """Nothing is kept that a window could hold."""
        return not self._samples

    @property
    def last_ns(self) -> int:
        """The stamp of the last item that is kept (the last PCM frame is one nanosecond short of its end)."""
        sample = self._samples[-1]
        return sample.end_ns - (MODALITIES[sample.modality].item == "pcm")

    def inside(self, start_ns: int, end_ns: int) -> list[Slice]:
        """The items stamped in `[start_ns, end_ns)`."""
        slices = (Slice(s, _index_at(s, start_ns), _index_at(s, end_ns)) for s in self._samples)
        return [piece for piece in slices if piece.last > piece.first]

    def mark(self, slices: list[Slice], *, windowed: bool) -> None:
        """Note that these items are in a window that is encoded, or in one that is too short."""
        if not slices:
            return
        last = slices[-1].sample.item + slices[-1].last
        if not windowed:
            self._short_to = max(self._short_to, last)
            return
        fresh = sum(
            max(0, s.sample.item + s.last - max(s.sample.item + s.first, self._windowed_to)) for s in slices
        )
        self.ledger.windowed += fresh
        self.ledger.pending -= fresh
        self._windowed_to = max(self._windowed_to, last)

    def forget(self, before_ns: int) -> None:
        """Let go of items older than `before_ns`; what no encoded window took is skipped, with its cause."""
        while self._samples:
            sample = self._samples[0]
            gone = _index_at(sample, before_ns)
            for cause, count in self._unused(sample.item, sample.item + gone):
                self._skip(cause, count)
            rest = _drop_first(sample, gone)
            if rest is not None:
                self._samples[0] = rest
                return
            self._samples.popleft()

    def close(self) -> None:
        """The stream is over: what no window took is its tail."""
        self._skip("tail", self.ledger.pending)
        self._samples.clear()

    def _expected(self, item: int) -> int:
        if self._next_item is None:
            self._next_item = self.ledger.base = item if self._joined_late else 0
        return self._next_item

    def _unused(self, first: int, last: int) -> Iterator[tuple[str, int]]:
        first = max(first, self._windowed_to)
        yield "short", max(0, min(last, self._short_to) - first)
        yield "decimated", max(0, last - max(first, self._short_to))

    def _skip(self, cause: str, count: int) -> None:
        if count:
            self.ledger.skipped[cause] = self.ledger.skipped.get(cause, 0) + count
            self.ledger.pending -= count


def _index_at(sample: Sample, t_ns: int) -> int:
    """How many of the sample's items are stamped before `t_ns`."""
    if sample.stamps is not None:
        return int(np.searchsorted(sample.stamps, t_ns, side="left"))
    if MODALITIES[sample.modality].item == "frame":
        return int(sample.stamp_ns < t_ns)
    index = -((sample.stamp_ns - t_ns) * round(sample.rate_hz) // NS)
    return min(max(index, 0), len(sample.data))


def _drop_first(sample: Sample, count: int) -> Sample | None:
    """The sample without its first `count` items, or None where nothing is left."""
    if count == 0:
        return sample
    if count >= sample.items:
        return None
    stamps = None if sample.stamps is None else sample.stamps[count:]
    stamp = sample.stamp_ns + count * NS // round(sample.rate_hz) if stamps is None else int(stamps[0])
    return msgspec.structs.replace(
        sample, item=sample.item + count, stamp_ns=stamp, data=sample.data[count:], stamps=stamps
    )
