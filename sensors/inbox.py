"""Inbox: what a device's thread has read and nobody has taken: the newest picture, all of sound and rows."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from .device import Reading
from .modalities import MODALITIES
from .sample import NEVER_NS, Sample, StreamInfo

QUEUE = 2000
"""Messages of sound and rows that may wait: 40 s of 20-ms chunks; then the oldest is dropped and counted."""


class Opened(NamedTuple):
    """The device is open, and says what it gives."""

    session: int
    at_ns: int
    streams: tuple[StreamInfo, ...]


class Broke(NamedTuple):
    """The device could not be opened or read; it is closed."""

    session: int
    at_ns: int
    reason: str
    fatal: bool


class Arrived(NamedTuple):
    """A reading, numbered."""

    session: int
    at_ns: int
    sample: Sample


Note = Opened | Broke | Arrived


class Inbox:
    """Numbers readings as samples, in one epoch, and keeps them for one taker in another thread.

    `lost` is what was numbered and not delivered, `refused` what was never numbered: items by stream and
    cause. `why` says of a stream why its newest reading was refused. Stamps of a stream never decrease: what
    is older than its stream's newest is refused.
    """

    def __init__(self, infos: Iterable[StreamInfo], epoch: int, delay_ns: int) -> None:
        self._infos = {info.stream: info for info in infos}
        self._epoch, self._delay_ns = epoch, delay_ns
        self._lock = threading.Lock()
        self._notes: list[Note] = []
        self._seq: Counter[str] = Counter()
        self._item: Counter[str] = Counter()
        self._newest_ns: dict[str, int] = {}
        self._last_ns: dict[str, int] = {}
        self.why: dict[str, str] = {}
        self.lost: dict[str, Counter[str]] = {stream: Counter() for stream in self._infos}
        self.refused: dict[str, Counter[str]] = {stream: Counter() for stream in self._infos}

    def post(self, note: Opened | Broke) -> None:
        """Tell what became of the device."""
        with self._lock:
            self._notes.append(note)

    def refuse(self, stream: str, cause: str, items: int, reason: str) -> None:
        """Count a reading that is not delivered."""
        with self._lock:
            self.refused[stream][cause] += items
            self.why[stream] = f"{cause}: {reason}"

    def explain(self, before: Mapping[str, Mapping[str, int]], now: Mapping[str, Mapping[str, int]]) -> None:
        """What the device counted between two readings of nothing is why nothing came."""
        with self._lock:
            for stream, causes in now.items():
                known = before.get(stream, {})
                if grown := [cause for cause, n in causes.items() if n > known.get(cause, 0)]:
                    self.why[stream] = f"nothing that can be used: {', '.join(grown)}"

    def put(self, session: int, now_ns: int, reading: Reading) -> None:
        """Number a reading and keep it."""
        info = self._infos[reading.stream]
        with self._lock:
            ordered = self._ordered(reading, MODALITIES[info.modality].item)
            if ordered is not None:
                self.why.pop(info.stream, None)
                self._make_room(info)
                self._notes.append(Arrived(session, now_ns, self._numbered(ordered, info, now_ns)))

    def take(self) -> list[Note]:
        """Everything since the last call, in order."""
        with self._lock:
            notes, self._notes = self._notes, []
        return notes

    def _ordered(self, reading: Reading, item: str) -> Reading | None:
        """The reading without what is older than its stream's newest, rows in the order of their stamps."""
        newest_ns = self._newest_ns.get(reading.stream, NEVER_NS)
        if item != "row":
            if reading.stamp_ns < newest_ns:
                count = len(reading.data) if item == "pcm" else 1
                self.refused[reading.stream]["out of order"] += count
                return None
            self._newest_ns[reading.stream] = reading.stamp_ns
            return reading
        assert reading.stamps is not None
        order = np.argsort(reading.stamps, kind="stable")
        order = order[reading.stamps[order] >= newest_ns]
        self.refused[reading.stream]["out of order"] += len(reading.stamps) - len(order)
        if not len(order):
            return None
        stamps = reading.stamps[order]
        self._newest_ns[reading.stream] = int(stamps[-1])
        stamps = _rising(stamps, self._last_ns.get(reading.stream, NEVER_NS))
        self._last_ns[reading.stream] = int(stamps[-1])
        return reading._replace(data=reading.data[order], stamps=stamps, stamp_ns=int(stamps[0]))

    def _make_room(self, info: StreamInfo) -> None:
        """A picture takes the place of the one before; a full queue lets go of its oldest."""
        if MODALITIES[info.modality].traffic == "lossy":
            self._drop(info.stream, "slot")
        elif len(self._notes) >= QUEUE:
            self._drop(info.stream, "queue")

    def _drop(self, stream: str, cause: str) -> None:
        for index, note in enumerate(self._notes):
            if isinstance(note, Arrived) and note.sample.stream == stream:
                self.lost[stream][cause] += note.sample.items
                del self._notes[index]
                return

    def _numbered(self, reading: Reading, info: StreamInfo, now_ns: int) -> Sample:
        stamps = None if reading.stamps is None else reading.stamps - self._delay_ns
        sample = Sample(
            stream=info.stream,
            modality=info.modality,
            epoch=self._epoch,
            seq=self._seq[info.stream],
            item=self._item[info.stream],
            stamp_ns=reading.stamp_ns - self._delay_ns,
            encoding=reading.encoding,
            data=reading.data,
            stamps=stamps,
            rate_hz=info.rate_hz,
            recv_ns=now_ns,
            clock=reading.clock,
            units=MODALITIES[info.modality].units,
            frame_id=info.frame_id,
        )
        self._seq[info.stream] += 1
        self._item[info.stream] += sample.items
        return sample


def _rising(stamps: np.ndarray, last_ns: int) -> np.ndarray:
    """Ascending stamps, each at least a nanosecond after the one before: rows are interpolated between them.

    A unit's own clock may be coarser than its rows are apart.
    """
    steps = np.arange(len(stamps))
    return np.maximum(np.maximum.accumulate(stamps - steps), last_ns + 1) + steps
