"""Ring: what a sender keeps of one traffic class, with every consumer's own position on it. No sockets."""

from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

from ..sensors.sample import NS


class Entry(NamedTuple):
    """One message: what it is of, when (event time), how many items are lost with it, and its frames."""

    number: int
    stream: str
    stamp_ns: int
    items: int
    frames: Sequence[bytes]


class _Reader:
    """A consumer's place: everything before `acked` is done with, `next` is sent next, the numbers under way
    have been sent and not acknowledged (also those that the ring has let go of since)."""

    def __init__(self) -> None:
        self.acked = 0
        self.next = 0
        self.under_way: deque[int] = deque()
        self.dropped: Counter[str] = Counter()


class Ring:
    """The consumers are known from the plan, so nothing is let go before the slowest has attached.

    Live, an entry older than `keep_s` of event time is dropped, and counted for every consumer it had not
    been sent to. Where `lossless` (replay), nothing is dropped: `room` is False until the slowest consumer
    is within `keep_s` again.
    """

    def __init__(self, consumers: Sequence[str], *, keep_s: float, lossless: bool) -> None:
        self._readers = {name: _Reader() for name in consumers}
        self._guests: set[str] = set()
        self._gone: dict[str, Counter[str]] = {}
        self._keep_ns = round(keep_s * NS)
        self._lossless = lossless
        self._entries: deque[Entry] = deque()
        self._next = 0
        self._newest_ns: int | None = None

    def put(self, stream: str, stamp_ns: int | None, items: int, frames: Sequence[bytes]) -> None:
        """Append a message (without a stamp: as new as the newest); live, drop what has become too old."""
        if self._newest_ns is None and stamp_ns is not None:
            # What came before any stamp is as old as the first.
            self._entries = deque(entry._replace(stamp_ns=stamp_ns) for entry in self._entries)
        # Not the highest so far: one stamp from the future must not make old what comes after it.
        self._newest_ns = self._newest_ns if stamp_ns is None else stamp_ns
        self._entries.append(Entry(self._next, stream, self._newest_ns or 0, items, frames))
        self._next += 1
        if not self._lossless:
            self._drop_old()
        self._trim()

    @property
    def room(self) -> bool:
        """Whether the source may go on: always live, in replay unless a consumer is `keep_s` behind."""
        return not self._lossless or not self._too_old()

    @property
    def idle(self) -> bool:
        """Every consumer of the plan is done with everything."""
        return not any(r.acked < self._next for n, r in self._readers.items() if n not in self._guests)

    def guests_behind(self) -> list[str]:
        """The guests that are not."""
        return [name for name in self._guests if self._readers[name].acked < self._next]

    def attach(self, consumer: str) -> bool:
        """A consumer (re)connected: what it has not acknowledged is sent again. A guest, which is not in the
        plan, gets what comes from now on; True where it is a new one."""
        if is_new := consumer not in self._readers:
            self._readers[consumer] = _Reader()
            self._readers[consumer].acked = self._next
            self._guests.add(consumer)
        reader = self._readers[consumer]
        reader.next = reader.acked
        reader.under_way.clear()
        return is_new

    def admits(self, consumer: str) -> bool:
        """Whether a consumer may attach: one of the plan, or live a guest, which cannot hold anything up."""
        return consumer in self._readers or not self._lossless

    def leave(self, consumer: str) -> None:
        """A guest reads no more. Its losses stay counted."""
        if consumer in self._guests:
            self._guests.discard(consumer)
            self._gone[consumer] = self._readers.pop(consumer).dropped
            self._trim()

    def following(self, consumer: str, credit: int) -> Entry | None:
        """The next message for a consumer with at most `credit` unacknowledged ones, and count it sent."""
        reader = self._readers[consumer]
        first = self._next - len(self._entries)
        number = max(reader.next, first)
        if number >= self._next or len(reader.under_way) >= credit:
            return None
        reader.next = number + 1
        reader.under_way.append(number)
        return self._entries[number - first]

    def ack(self, consumer: str, upto: int) -> None:
        """The consumer is done with everything before index `upto`."""
        reader = self._readers[consumer]
        reader.acked = min(max(reader.acked, upto), self._next)
        while reader.under_way and reader.under_way[0] < reader.acked:
            reader.under_way.popleft()
        self._trim()

    def skip(self, consumer: str, before_ns: int) -> None:
        """The consumer does not want the entries older than `before_ns` that come first."""
        wanted = (entry.number for entry in self._entries if entry.stamp_ns >= before_ns)
        self.ack(consumer, next(wanted, self._next))

    def left(self, consumer: str) -> Counter[str]:
        """Items in the ring that the consumer is not done with, by stream."""
        items: Counter[str] = Counter()
        for entry in self._entries:
            items[entry.stream] += entry.items * (entry.number >= self._readers[consumer].acked)
        return items

    def dropped(self) -> dict[str, Counter[str]]:
        """Items dropped unread, by consumer and stream."""
        return self._gone | {name: reader.dropped for name, reader in self._readers.items()}

    def _too_old(self) -> bool:
        newest_ns = self._newest_ns or 0
        return bool(self._entries) and newest_ns - self._entries[0].stamp_ns > self._keep_ns

    def _drop_old(self) -> None:
        while self._too_old():
            entry = self._entries.popleft()
            for reader in self._readers.values():
                if reader.next <= entry.number:
                    reader.dropped[entry.stream] += entry.items

    def _trim(self) -> None:
        done = min((r.acked for r in self._readers.values()), default=self._next)
        while self._entries and self._entries[0].number < done:
            self._entries.popleft()
