"""Windower: the samples of one input to its windows, as a pure function of event time."""

from collections.abc import Sequence

import msgspec
import numpy as np

from ..sensors.modalities import MODALITIES
from ..sensors.sample import NS, End, Event, Progress, Sample, StreamInfo
from .card import WindowSpec
from .embedding import Missing, Range
from .track import Ledger, Slice, Track
from .window import Window

COVERAGE = 0.9
"""How much of a window every sampled (not pictured) member must cover for it to be encoded."""

LONGEST_GAP_NS = 120 * NS
"""A gap longer than this is passed over: a clock that jumps must not become a million missing windows."""

LEDGERS = 64
"""Of so many epochs the accounts are kept: a loop has one a round."""


class InputSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One input: a stream, or a group whose members are interpolated onto the last member's stamps."""

    name: str
    modality: str
    members: tuple[StreamInfo, ...]


class Windower:
    """Cuts one input into windows; an epoch that follows another closes it first.

    Window k closes when the progress of every member has passed its end. The first is the earliest that
    could be encoded at all; at the end of the input, windows still open are `tail`.
    """

    def __init__(self, spec: InputSpec, window: WindowSpec, *, joined_late: bool = False) -> None:
        self.spec = spec
        self.window = window
        self.epoch: int | None = None
        self.ended = True
        self.closed = 0
        self._joined_late = joined_late
        self._ledgers: dict[tuple[str, int], Ledger] = {}
        self._tracks: dict[str, Track] = {}
        self._next: int | None = None
        self._pictures = MODALITIES[spec.members[0].modality].item == "frame"

    def feed(self, event: Event) -> list[Window | Missing]:
        """Take one event of a member; return the windows that it closes, in order."""
        closed: list[Window | Missing] = []
        if self.epoch is None or event.epoch > self.epoch:
            closed += self._finish()
            self._start(event.epoch)
        if event.epoch < (self.epoch or 0) or self.ended:
            self._reject(event)
            return closed
        track = self._tracks[event.stream]
        match event:
            case Sample():
                track.add(event)
            case Progress():
                track.advance(event.t_ns)
            case End():
                track.end(event.items)
        closed += self._close_until(self.progress_ns)
        return closed + self._finish() if self._all_ended else closed

    def refine(self, info: StreamInfo) -> None:
        """A member is known better (an opened device tells its intrinsics): windows say so from now on."""
        members = tuple(info if member.stream == info.stream else member for member in self.spec.members)
        self.spec = msgspec.structs.replace(self.spec, members=members)

    @property
    def progress_ns(self) -> int:
        """No window ending at or before this time is still open: the least of the running members'."""
        running = [t.progress_ns for t in self._tracks.values() if not t.ended]
        return min(running or [t.progress_ns for t in self._tracks.values()])

    @property
    def _all_ended(self) -> bool:
        return all(t.ended for t in self._tracks.values())

    def ledgers(self) -> dict[tuple[str, int], Ledger]:
        """Every member's accounts, by stream and epoch: those of the newest LEDGERS epochs."""
        return self._ledgers

    def _start(self, epoch: int) -> None:
        late = self._joined_late
        self._tracks = {info.stream: Track(info, joined_late=late) for info in self.spec.members}
        self._ledgers |= {(name, epoch): track.ledger for name, track in self._tracks.items()}
        for oldest in list(self._ledgers)[: -LEDGERS * len(self._tracks)]:
            del self._ledgers[oldest]
        self.epoch, self.ended, self._next, self._joined_late = epoch, False, None, False

    def _reject(self, event: Event) -> None:
        """Count a sample of an epoch that is over."""
        if isinstance(event, Sample):
            ledger = self._ledgers.setdefault((event.stream, event.epoch), Ledger())
            ledger.known += event.items
            ledger.received += event.items
            ledger.dropped["epoch over"] = ledger.dropped.get("epoch over", 0) + event.items

    def _close_until(self, t_ns: int) -> list[Window | Missing]:
        closed: list[Window | Missing] = []
        index = self._first_open()
        while index is not None and self._end(index) <= t_ns:
            if t_ns - self._end(index) > LONGEST_GAP_NS and all(t.empty for t in self._tracks.values()):
                self._next = (t_ns - self.window.length_ns) // self.window.hop_ns + 1
                break
            closed.append(self._close(index))
            index += 1
            for track in self._tracks.values():
                track.forget(index * self.window.hop_ns)
            self._next = index
        return closed

    def _first_open(self) -> int | None:
        """The next window to close; the first of an epoch is the earliest that could be covered."""
        if self._next is None:
            firsts = [t.first_ns for t in self._tracks.values() if t.first_ns is not None]
            if not firsts:
                return None
            slack = 0 if self._pictures else round((1 - COVERAGE) * self.window.length_ns)
            before = self.window.length_ns - 1 if self._pictures else slack
            self._next = -((before - min(firsts)) // self.window.hop_ns)
        return self._next

    def _finish(self) -> list[Window | Missing]:
        """Close the epoch: its open windows that hold anything are its tail."""
        if self.ended:
            return []
        self.ended = True
        lasts = [t.last_ns for t in self._tracks.values() if not t.empty]
        index, tail = self._first_open(), list[Window | Missing]()
        while lasts and index is not None and index * self.window.hop_ns <= max(lasts):
            tail.append(self._missing(index, "tail"))
            index += 1
        for track in self._tracks.values():
            track.close()
        return tail

    def _close(self, index: int) -> Window | Missing:
        start, end = index * self.window.hop_ns, self._end(index)
        slices = {name: track.inside(start, end) for name, track in self._tracks.items()}
        encoded = all(self._covered(self._tracks[name].info, pieces) for name, pieces in slices.items())
        for name, pieces in slices.items():
            self._tracks[name].mark(pieces, windowed=encoded)
        if not encoded:
            return self._missing(index, "short")
        self.closed += 1
        main = self.spec.members[-1]
        newest = slices[main.stream][-1].sample
        data, stamps = self._content(slices, start)
        return Window(
            input=self.spec.name,
            modality=self.spec.modality,
            epoch=self.epoch or 0,
            index=index,
            start_ns=start,
            end_ns=end,
            ranges=tuple(r for name, pieces in slices.items() for r in _ranges(name, pieces)),
            encoding=newest.encoding,
            data=data,
            stamps=stamps,
            info=main,
            trace=newest.trace,
        )

    def _missing(self, index: int, cause: str) -> Missing:
        self.closed += 1
        return Missing(
            input=self.spec.name,
            modality=self.spec.modality,
            epoch=self.epoch or 0,
            seq=0,
            index=index,
            start_ns=index * self.window.hop_ns,
            end_ns=self._end(index),
            cause="tail" if cause == "tail" else "short",
        )

    def _end(self, index: int) -> int:
        return index * self.window.hop_ns + self.window.length_ns

    def _covered(self, info: StreamInfo, pieces: Sequence[Slice]) -> bool:
        count = sum(piece.last - piece.first for piece in pieces)
        if self._pictures:
            return count > 0
        return count >= COVERAGE * info.rate_hz * self.window.length_ns / NS

    def _content(self, slices: dict[str, list[Slice]], start_ns: int) -> tuple[np.ndarray, np.ndarray | None]:
        main = slices[self.spec.members[-1].stream]
        if self._pictures:
            return main[-1].sample.data, None
        if self.spec.modality == "audio":
            return _pcm(main, start_ns, self.window.length_ns, self.spec.members[-1]), None
        stamps, rows = _rows(main)
        others = [_rows(slices[info.stream]) for info in self.spec.members[:-1]]
        columns = [_interpolated(stamps, s, r) for s, r in others]
        return np.concatenate([*columns, rows], axis=1), stamps


def _ranges(stream: str, pieces: Sequence[Slice]) -> list[Range]:
    """Contiguous item ranges of the slices, holes apart."""
    ranges: list[Range] = []
    for piece in pieces:
        first, last = piece.sample.item + piece.first, piece.sample.item + piece.last
        if ranges and ranges[-1].last == first:
            first = ranges.pop().first
        ranges.append(Range(stream, piece.sample.epoch, first, last))
    return ranges


def _pcm(pieces: Sequence[Slice], start_ns: int, length_ns: int, info: StreamInfo) -> np.ndarray:
    """PCM on the window's own grid of `round(length * rate)` frames, silence where some was lost."""
    rate = round(info.rate_hz)
    pcm = np.zeros((round(length_ns * rate / NS), info.channels), np.int16)
    for piece in pieces:
        part = piece.sample.data[piece.first : piece.last]
        offset = piece.first + -((start_ns - piece.sample.stamp_ns) * rate // NS)
        offset = min(max(offset, 0), len(pcm))
        part = part[: len(pcm) - offset]
        pcm[offset : offset + len(part)] = part
    return pcm


def _rows(pieces: Sequence[Slice]) -> tuple[np.ndarray, np.ndarray]:
    """Stamps int64 (n,) and rows float32 (n, columns) of the slices."""
    stamps = [p.sample.stamps[p.first : p.last] for p in pieces if p.sample.stamps is not None]
    return np.concatenate(stamps), np.concatenate([p.sample.data[p.first : p.last] for p in pieces])


def _interpolated(at_ns: np.ndarray, stamps_ns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows linearly interpolated at other stamps, float32 (len(at_ns), columns)."""
    x, xp = (at_ns - at_ns[0]).astype(np.float64), (stamps_ns - at_ns[0]).astype(np.float64)
    return np.stack([np.interp(x, xp, column) for column in rows.T.astype(np.float64)], axis=1).astype(
        np.float32
    )
