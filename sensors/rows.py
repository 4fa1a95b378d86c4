"""A table of motion rows in a file as a track: batches of rows, each row with its stamp."""

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np

from .container import Losses
from .modalities import MODALITIES
from .reorder import SLICE_NS
from .sample import Sample, StreamInfo

Row = tuple[int, tuple[float, ...]]
"""Unix-epoch nanoseconds and the columns in the units of the modality."""


class RowTrack:
    """A stream of rows. `read` begins a reading of the file and counts rows it cannot use in the losses."""

    def __init__(self, info: StreamInfo, read: Callable[[Losses], Iterator[Row]]) -> None:
        self.info, self.losses, self._read = info, Losses(), read

    def samples(self, epoch: int, from_ns: int | None = None) -> Iterator[Sample]:
        """Batches of the rows of one SLICE_NS of the timeline."""
        self.losses.clear()
        rows = (row for row in rising(self._read(self.losses), self.losses) if row[0] >= (from_ns or 0))
        item = 0
        for seq, (_, batch) in enumerate(groupby(rows, lambda row: row[0] // SLICE_NS)):
            stamps, columns = zip(*batch, strict=True)
            yield Sample(
                stream=self.info.stream,
                modality=self.info.modality,
                epoch=epoch,
                seq=seq,
                item=item,
                stamp_ns=stamps[0],
                encoding="f32",
                data=np.array(columns, np.float32),
                stamps=np.array(stamps, np.int64),
                rate_hz=self.info.rate_hz,
                clock=self.info.clock,
                units=MODALITIES[self.info.modality].units,
                frame_id=self.info.frame_id,
            )
            item += len(stamps)


def rising(rows: Iterator[Row], losses: Losses) -> Iterator[Row]:
    """Rows whose stamps rise; one that is not later than the one before it is `disorder`."""
    before_ns = -1
    for row in rows:
        if row[0] <= before_ns:
            losses["disorder"] += 1
            continue
        before_ns = row[0]
        yield row


def span(rows: Iterator[Row]) -> tuple[int, int, float]:
    """First and last stamp and the rate in Hz of rows; (0, 0, 0.0) where there is none."""
    first_ns = last_ns = count = 0
    for last_ns, _ in rows:
        first_ns = first_ns or last_ns
        count += 1
    return first_ns, last_ns, (count - 1) * 1e9 / (last_ns - first_ns) if last_ns > first_ns else 0.0
