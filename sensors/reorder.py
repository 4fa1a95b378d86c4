"""Pieces of many streams, in the order of a file, as Samples and Progress in the order of their stamps.

A log has the order in which messages arrived, which is that of their stamps up to some delay. Pieces wait
SLACK_NS for what arrives later, then come out in slices of the timeline, each stream's rows of a slice as
one Sample. So memory holds SLACK_NS of the log, however long it is, and the events depend on nothing but
the file.
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np

from .container import MAX_GAP_NS, Losses
from .modalities import MODALITIES
from .sample import NEVER_NS, NS, End, Event, Progress, Sample, StreamInfo

SLACK_NS = NS
SLICE_NS = 20_000_000
PROGRESS_NS = 50_000_000


class Piece(NamedTuple):
    """One frame, at most SLICE_NS of PCM, or one row (1, n), of stream number `stream`."""

    end_ns: int
    stream: int
    stamp_ns: int
    encoding: str
    data: np.ndarray


Arrived = tuple[int, list[Piece]]
"""When a message was logged, and what it holds."""


class Reorder:
    """Made for one reading of a log: `streams` with what each has lost, counted on here.

    `duplicate` items have the stamp of another; `disorder` items came more than SLACK_NS after what was
    logged when they were sensed.
    """

    def __init__(
        self, streams: list[StreamInfo], losses: list[Losses], epoch: int, from_ns: int | None
    ) -> None:
        self._streams, self._losses, self._epoch = streams, losses, epoch
        self._from_ns = from_ns
        self._heap: list[tuple[int, int, int, Piece]] = []
        self._arrived = 0
        self._edge_ns: int | None = None
        self._items = [0] * len(streams)
        self._seqs = [0] * len(streams)

    def events(self, messages: Iterable[Arrived]) -> Iterator[Event]:
        """Samples by `end_ns`, Progress every PROGRESS_NS, and one End a stream."""
        horizon_ns = NEVER_NS
        for logged_ns, pieces in messages:
            for piece in pieces:
                self._add(piece)
            horizon_ns = max(horizon_ns, logged_ns - SLACK_NS)
            yield from self._released(horizon_ns)
        if self._heap:
            yield from self._released(max(entry[0] for entry in self._heap) + SLICE_NS)
        for n, info in enumerate(self._streams):
            yield End(stream=info.stream, epoch=self._epoch, items=self._items[n])

    def _add(self, piece: Piece) -> None:
        if self._from_ns is not None and piece.stamp_ns < self._from_ns:
            return
        if self._edge_ns is not None and piece.end_ns < self._edge_ns:
            self._lose("disorder", piece)
            return
        heapq.heappush(self._heap, (piece.end_ns, piece.stream, self._arrived, piece))
        self._arrived += 1

    def _released(self, horizon_ns: int) -> Iterator[Event]:
        """Everything of the slices that end by `horizon_ns`."""
        while self._heap:
            first_ns = self._heap[0][0]
            if self._edge_ns is None or first_ns > self._edge_ns + MAX_GAP_NS:
                if first_ns > horizon_ns:
                    return
                self._edge_ns = first_ns // SLICE_NS * SLICE_NS
            edge_ns = self._edge_ns + SLICE_NS
            if edge_ns > horizon_ns:
                return
            self._edge_ns = edge_ns
            yield from sorted(self._slice(edge_ns), key=lambda sample: sample.end_ns)
            if edge_ns // PROGRESS_NS != (edge_ns - SLICE_NS) // PROGRESS_NS:
                yield from self._progress(edge_ns)

    def _slice(self, edge_ns: int) -> Iterator[Sample]:
        pieces: list[Piece] = []
        while self._heap and self._heap[0][0] < edge_ns:
            pieces.append(heapq.heappop(self._heap)[-1])
        pieces.sort(key=lambda piece: piece.stream)
        for stream, mine in groupby(pieces, lambda piece: piece.stream):
            distinct = list(self._distinct(mine))
            if MODALITIES[self._streams[stream].modality].item == "row":
                yield self._rows(stream, distinct)
            else:
                yield from (self._sample(stream, piece, piece.data) for piece in distinct)

    def _distinct(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        before_ns: int | None = None
        for piece in pieces:
            if piece.stamp_ns == before_ns:
                self._lose("duplicate", piece)
                continue
            before_ns = piece.stamp_ns
            yield piece

    def _rows(self, stream: int, pieces: list[Piece]) -> Sample:
        stamps = np.array([piece.stamp_ns for piece in pieces], np.int64)
        return self._sample(stream, pieces[0], np.concatenate([piece.data for piece in pieces]), stamps)

    def _sample(
        self, stream: int, piece: Piece, data: np.ndarray, stamps: np.ndarray | None = None
    ) -> Sample:
        info = self._streams[stream]
        sample = Sample(
            stream=info.stream,
            modality=info.modality,
            epoch=self._epoch,
            seq=self._seqs[stream],
            item=self._items[stream],
            stamp_ns=piece.stamp_ns,
            encoding=piece.encoding,
            data=data,
            stamps=stamps,
            rate_hz=info.rate_hz,
            clock=info.clock,
            units=MODALITIES[info.modality].units,
            frame_id=info.frame_id,
        )
        self._seqs[stream] += 1
        self._items[stream] += sample.items
        return sample

    def _progress(self, edge_ns: int) -> Iterator[Progress]:
        """Later pieces end after the edge; sound may begin as much as a slice before it ends."""
        for info in self._streams:
            ahead_ns = 2 * SLICE_NS if MODALITIES[info.modality].item == "pcm" else 0
            yield Progress(stream=info.stream, epoch=self._epoch, t_ns=edge_ns - ahead_ns)

    def _lose(self, cause: str, piece: Piece) -> None:
        is_frame = MODALITIES[self._streams[piece.stream].modality].item == "frame"
        self._losses[piece.stream][cause] += 1 if is_frame else len(piece.data)
