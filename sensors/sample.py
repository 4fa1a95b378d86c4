"""Sample, and the two messages about time that travel with it: Progress and End."""

from collections.abc import Iterator
from typing import Annotated, Literal, Protocol

import msgspec
import numpy as np

from .modalities import MODALITIES

NS = 1_000_000_000
ClockKind = Literal["hardware", "driver", "host", "estimated"]
NEVER_NS = -(1 << 62)
"""Before every stamp: how far a stream is of which nothing is known yet."""
Stamp = Annotated[int, msgspec.Meta(ge=NEVER_NS, le=1 << 62)]
Items = Annotated[int, msgspec.Meta(ge=0, le=1 << 60)]
"""What may come from elsewhere: sums and differences of such still travel."""


class StreamInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while a stream runs (latched; published as `info`).

    `rate_hz` is nominal items a second: frames, PCM frames, or IMU rows. `channels` is PCM channels or
    IMU columns. `fx` is in pixels at the stream's own width, `baseline` in metres (both 0 where unknown).
    """

    stream: str
    modality: str
    encoding: str
    rate_hz: float
    clock: ClockKind
    channels: int = 1
    width: int = 0
    height: int = 0
    fx: float = 0.0
    baseline: float = 0.0
    frame_id: str = ""
    source: str = ""
    created: str = ""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One frame, one chunk of PCM, or one batch of IMU rows.

    `seq` counts this stream's messages in this epoch, `item` the items before this sample in it, so that
    a receiver can tell exactly how many were lost. `stamp_ns` (Unix-epoch nanoseconds on the run's
    timeline) is the first item's: mid-exposure, first PCM frame, first row.

    `data` by encoding: jpeg uint8 (n,); rgb8 uint8 (h, w, 3); 32FC1 float32 (h, w) in the modality's
    units, NaN invalid; 16UC1 uint16 (h, w), millimetres or centikelvin, 0 invalid; mono8 uint8 (h, w);
    pcm_s16 int16 (n, channels); f32 float32 (n, channels). `stamps` is int64 (n,), one a row, for rows.
    """

    stream: str
    modality: str
    epoch: int
    seq: int
    item: Items
    stamp_ns: Stamp
    encoding: str
    data: np.ndarray
    stamps: np.ndarray | None = None
    rate_hz: float = 0.0
    recv_ns: int = 0
    clock: ClockKind = "host"
    units: str = ""
    frame_id: str = ""
    trace: dict[str, int] = {}

    @property
    def items(self) -> int:
        """How many items accounting counts in this sample."""
        return 1 if MODALITIES[self.modality].item == "frame" else len(self.data)

    @property
    def end_ns(self) -> int:
        """When the last item of this sample has been sensed: the earliest time a device could deliver it."""
        if self.stamps is not None:
            return int(self.stamps[-1]) if len(self.stamps) else self.stamp_ns
        if MODALITIES[self.modality].item == "pcm":
            return self.stamp_ns + round(len(self.data) * NS / self.rate_hz)
        return self.stamp_ns


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A promise: nothing of `stream` in `epoch` older than `t_ns` will follow."""

    stream: str
    epoch: int
    t_ns: Stamp


class End(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing more of `stream` will follow in `epoch`; `items` were produced in it altogether."""

    stream: str
    epoch: int
    items: Items


Event = Sample | Progress | End


class Source(Protocol):
    """A device or a recording: a few streams, and their events in the order they become available.

    Samples of all streams are ordered by `end_ns`; every stream gets a Progress at least every 100 ms of
    event time (also while silent) and one End. A source opened at `from_ns` starts there, not at its start.
    """

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        """The streams, known as soon as the source is open."""
        ...

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        """Yield Samples, Progress and End. Raises SourceError when reading fails."""
        ...

    def counts(self) -> dict[str, dict[str, int]]:
        """Losses noticed while reading, by stream and cause (`{"camera": {"corrupt": 2}}`)."""
        ...
