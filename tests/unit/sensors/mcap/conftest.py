"""A few seconds of made-up sources, as they would be recorded."""

from collections.abc import Iterator

import numpy as np
import pytest
from sixsense.sensors.sample import NS, End, Event, Progress, Sample, StreamInfo

START = 1_700_000_000 * NS
INFOS = (
    StreamInfo(stream="camera", modality="vision", encoding="jpeg", rate_hz=10, clock="host", fx=4.0),
    StreamInfo(stream="depth", modality="depth", encoding="16UC1", rate_hz=5, clock="host"),
    StreamInfo(stream="thermal", modality="thermal", encoding="32FC1", rate_hz=5, clock="host"),
    StreamInfo(stream="front", modality="vision", encoding="rgb8", rate_hz=5, clock="host"),
    StreamInfo(stream="mic", modality="audio", encoding="pcm_s16", rate_hz=1000, clock="host", channels=2),
    StreamInfo(stream="accelerometer", modality="accelerometer", encoding="f32", rate_hz=50, clock="host"),
    StreamInfo(stream="gyroscope", modality="gyroscope", encoding="f32", rate_hz=50, clock="host"),
    StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=50, clock="host"),
)
SHAPES = {
    "jpeg": ((50,), np.uint8),
    "16UC1": ((3, 4), np.uint16),
    "32FC1": ((3, 4), np.float32),
    "rgb8": ((3, 4, 3), np.uint8),
    "pcm_s16": ((100, 2), np.int16),
}


def sample(info: StreamInfo, seq: int, epoch: int) -> Sample:
    """The message of a tenth of a second."""
    rng = np.random.default_rng([seq, len(info.stream)])
    stamp, stamps = START + seq * NS // 10, None
    if info.encoding == "f32":
        width = 6 if info.modality == "imu" else 3
        data = rng.normal(size=(5, width)).astype(np.float32)
        stamps = stamp + np.arange(5) * NS // 50
    else:
        shape, dtype = SHAPES[info.encoding]
        data = rng.integers(0, 200, shape).astype(dtype)
    return Sample(
        stream=info.stream,
        modality=info.modality,
        epoch=epoch,
        seq=seq,
        item=seq * (100 if info.modality == "audio" else 5 if info.encoding == "f32" else 1),
        stamp_ns=stamp,
        encoding=info.encoding,
        data=data,
        stamps=stamps,
        rate_hz=info.rate_hz,
        recv_ns=stamp + 5,
        clock="host",
        units="x",
        trace={"sense": stamp},
    )


def told(seconds: float, epoch: int = 7, first: int = 0) -> Iterator[Event]:
    """What the sources tell, as a recorder gets it: pictures a little later than the rest."""
    late: list[Event] = []
    count = round(seconds * 10)
    for seq in range(first, first + count):
        for info in INFOS:
            one = sample(info, seq, epoch)
            both = [one, Progress(stream=info.stream, epoch=epoch, t_ns=one.stamp_ns + NS // 10)]
            if info.modality == "vision":
                late += both
            else:
                yield from both
        if len(late) > 12:
            yield from late
            late = []
    yield from late
    for info in INFOS:
        last = sample(info, first + count - 1, epoch)
        yield End(stream=info.stream, epoch=epoch, items=last.item + last.items)


@pytest.fixture(scope="session")
def sources():
    """`infos`, and `told(seconds, epoch, first)`."""

    class Sources:
        infos = INFOS
        start_ns = START
        told = staticmethod(told)

    return Sources
