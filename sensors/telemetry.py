"""The telemetry track of an action camera: its motion sensors as rows, each with a stamp.

A payload comes about once a second and has one time of its own; its rows are spread evenly over it. The
last one is usually cut short while the file gives it a full length: its rows keep the median rate of the
payloads before. Where the camera writes STMP, the microseconds of each payload's first row, these are used
instead of the payload's time (github.com/gopro/gpmf-parser, issue 80: "the first sample in each payload").
"""

from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .container import About, Losses, open_media, packets, select, stamp_of, steady
from .errors import SourceError
from .gpmf import Motion, parse
from .sample import NS, Sample, StreamInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

BATCH_NS = 20_000_000
STREAMS = {"ACCL": "accelerometer", "GYRO": "gyroscope"}
UNITS = {"ACCL": "m/s^2", "GYRO": "rad/s"}

# An unreadable first payload must not hide a sensor; a sensor that begins later is not one of the camera's.
PROBED_PAYLOADS = 5

# STMP counts from about the start of the recording. Further off than this it counts from something else.
STAMP_SLACK_NS = 2 * NS


class Piece(NamedTuple):
    """One payload: its float32 (n, 3) rows, n > 0, when it begins, how long it lasts, and the camera's own
    stamp of its first row, if it has one."""

    rows: np.ndarray
    start_ns: int
    length_ns: int
    stamp_ns: int | None


class MotionTrack:
    """Stream "accelerometer" (m/s^2) or "gyroscope" (rad/s): float32 (n, 3), xyz of REP-103."""

    def __init__(self, about: About, key: str, info: StreamInfo) -> None:
        self.info = info
        self.losses = Losses()
        self._about = about
        self._key = key

    def samples(self, epoch: int, from_ns: int | None = None) -> Iterator[Sample]:
        """Batches of the rows of one BATCH_NS of the timeline. Read from the beginning: it is small."""
        seq = item = 0
        for rows, stamps in batches(spread(self._pieces())):
            keep = int(np.searchsorted(stamps, from_ns or 0))
            if keep == len(rows):
                continue
            yield self._sample(rows[keep:], stamps[keep:], epoch, seq, item)
            seq, item = seq + 1, item + len(rows) - keep

    def _pieces(self) -> Iterator[Piece]:
        with open_media(self._about.path) as container:
            stream = telemetry_stream(container)
            if stream is None:
                raise SourceError(f"{self._about.path} has no telemetry any more. Was the file replaced?")
            start_ns, length_ns = -1, 1
            for packet in packets(container, stream, self.losses):
                if not packet.size:
                    continue
                stamp_ns = stamp_of(packet.pts, packet.time_base, self._about.start)
                start_ns, good = steady(stamp_ns, start_ns, length_ns)
                self.losses["clock"] += not good
                length_ns = round((packet.duration or 0) * (packet.time_base or 0) * NS)
                motion = parse(bytes(packet)).get(self._key)
                if motion is None:
                    self.losses["malformed"] += 1
                elif len(motion.rows):
                    yield Piece(motion.rows, start_ns, length_ns, _nanoseconds(motion, start_ns))

    def _sample(self, rows: np.ndarray, stamps: np.ndarray, epoch: int, seq: int, item: int) -> Sample:
        return Sample(
            stream=self.info.stream,
            modality=self.info.modality,
            epoch=epoch,
            seq=seq,
            item=item,
            stamp_ns=int(stamps[0]),
            encoding="f32",
            data=rows,
            stamps=stamps,
            rate_hz=self.info.rate_hz,
            clock=self.info.clock,
            units=UNITS[self._key],
            frame_id=self.info.frame_id,
        )


def spread(pieces: Iterator[Piece]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and their int64 stamps, strictly rising, one payload after the other."""
    periods: list[float] = []
    after_ns = -1
    piece = next(pieces, None)
    while piece is not None:
        following = next(pieces, None)
        start_ns = max(_begin(piece), after_ns + 1)
        period = _period(piece, following, start_ns, periods)
        periods.append(period)
        stamps = start_ns + np.floor(np.arange(len(piece.rows)) * period).astype(np.int64)
        after_ns = int(stamps[-1])
        yield piece.rows, stamps
        piece = following


def _begin(piece: Piece) -> int:
    return piece.start_ns if piece.stamp_ns is None else piece.stamp_ns


def _period(piece: Piece, following: Piece | None, start_ns: int, periods: list[float]) -> float:
    """Nanoseconds between the rows of a payload: at least 1, so that stamps rise."""
    if following is None and periods:
        return median(periods)
    end_ns = _begin(piece) + piece.length_ns
    if following is not None and following.start_ns <= piece.start_ns + 1.5 * piece.length_ns:
        end_ns = _begin(following)
    return max(1.0, (end_ns - start_ns) / len(piece.rows))


def batches(
    spans: Iterator[tuple[np.ndarray, np.ndarray]],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut payloads where the timeline passes a multiple of BATCH_NS."""
    for rows, stamps in spans:
        cuts = np.flatnonzero(np.diff(stamps // BATCH_NS)) + 1
        yield from zip(np.split(rows, cuts), np.split(stamps, cuts), strict=True)


def _nanoseconds(motion: Motion, start_ns: int) -> int | None:
    """The camera's own stamp on the recording's timeline, unless it counts from something else."""
    if motion.stamp_us is None or abs(motion.stamp_us * 1000 - start_ns) > STAMP_SLACK_NS:
        return None
    return motion.stamp_us * 1000


def open_telemetry(about: About) -> list[MotionTrack]:
    """The motion sensors found in the first payloads; none where the file has no telemetry track."""
    with open_media(about.path) as container:
        stream = telemetry_stream(container)
        if stream is None:
            return []
        found: dict[str, StreamInfo] = {}
        payloads = (packet for packet in packets(container, stream, Losses()) if packet.size)
        for packet, _ in zip(payloads, range(PROBED_PAYLOADS), strict=False):
            length_s = float((packet.duration or 0) * (packet.time_base or 0))
            for key, motion in parse(bytes(packet)).items():
                if len(motion.rows) and key not in found:
                    found[key] = _info(key, motion, length_s, about)
    return [MotionTrack(about, key, found[key]) for key in STREAMS if key in found]


def _info(key: str, motion: Motion, length_s: float, about: About) -> StreamInfo:
    return StreamInfo(
        stream=STREAMS[key],
        modality=STREAMS[key],
        encoding="f32",
        rate_hz=len(motion.rows) / length_s if length_s else 0.0,
        clock="estimated" if motion.stamp_us is None else "driver",
        channels=3,
        frame_id="imu",
        source=about.source,
        created=about.created,
    )


def telemetry_stream(container: "InputContainer") -> "Stream | None":
    """The GPMF track. FFmpeg calls its codec bin_data; cameras call it "GoPro MET"."""
    for stream in container.streams.data:
        if stream.name == "bin_data" and "MET" in stream.metadata.get("handler_name", "MET"):
            select(container, stream.index)
            return stream
    return None
