"""One rig of synthetic payloads: 219 messages and 22 MB a second, as the budgets count it."""

from collections.abc import Iterator

import cv2
import numpy as np
from sixsense.sensors.sample import NS, Event, Progress, Sample, StreamInfo

RATES = {"camera": 30, "depth": 30, "thermal": 9, "microphone": 50, "imu": 100}
"""Messages a second."""
SPAN = {"camera": 0.0, "depth": 0.0, "thermal": 0.0, "microphone": 1.0, "imu": 0.5}
"""How much of its period has passed when a message can be had: a chunk is complete at its end."""
INFOS = {
    "camera": StreamInfo(
        stream="camera", modality="vision", encoding="jpeg", rate_hz=30, clock="host", width=1280, height=720
    ),
    "depth": StreamInfo(
        stream="depth",
        modality="depth",
        encoding="16UC1",
        rate_hz=30,
        clock="host",
        width=640,
        height=480,
        fx=520,
        baseline=0.075,
    ),
    "thermal": StreamInfo(
        stream="thermal", modality="thermal", encoding="16UC1", rate_hz=9, clock="host", width=160, height=120
    ),
    "microphone": StreamInfo(
        stream="microphone", modality="audio", encoding="pcm_s16", rate_hz=48_000, clock="host"
    ),
    "imu": StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=200, clock="host", channels=6),
}


def payload(stream: str, rng: np.random.Generator) -> np.ndarray:
    """One message's array, of the budget's size: 100 kB JPEG, 614 kB depth, 38 kB thermal, 2 kB, 48 B."""
    match stream:
        case "camera":
            picture = cv2.resize(rng.integers(0, 256, (135, 240, 3), np.uint8), (1280, 720))
            jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
            return jpeg.reshape(-1)
        case "depth":
            # A slope, and what a depth camera is unsure of: PNG takes it to a quarter, as it does real ones.
            y, x = np.mgrid[0:480, 0:640]
            return (1500 + x + y // 2 + rng.integers(0, 4, (480, 640))).astype(np.uint16)
        case "thermal":
            return rng.integers(29_000, 31_500, (120, 160), np.uint16)
        case "microphone":
            return rng.integers(-3000, 3000, (960, 1), np.int16)
        case _:
            return rng.normal(0, 1, (2, 6)).astype(np.float32) + np.float32([0, 0, 9.81, 0, 0, 0])


class Rig:
    """A Source that sends a few prepared payloads of each stream for ever."""

    def __init__(self, start_ns: int = 0) -> None:
        rng = np.random.default_rng(0)
        self._start_ns = start_ns
        self._payloads = {stream: [payload(stream, rng) for _ in range(4)] for stream in RATES}

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return tuple(INFOS.values())

    def counts(self) -> dict[str, dict[str, int]]:
        return {}

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        start, sent = from_ns or self._start_ns, dict.fromkeys(RATES, 0)
        while True:
            stream = min(RATES, key=lambda name: (sent[name] + SPAN[name]) / RATES[name])
            sample = self._sample(stream, sent[stream], start, epoch)
            sent[stream] += 1
            yield sample
            yield Progress(stream=stream, epoch=epoch, t_ns=start + sent[stream] * NS // RATES[stream])

    def _sample(self, stream: str, index: int, start_ns: int, epoch: int) -> Sample:
        info, data = INFOS[stream], self._payloads[stream][index % 4]
        stamp = start_ns + index * NS // RATES[stream]
        stamps = np.array([stamp, stamp + NS // 200], np.int64) if stream == "imu" else None
        return Sample(
            stream=stream,
            modality=info.modality,
            epoch=epoch,
            seq=index,
            item=index * (len(data) if stream in ("microphone", "imu") else 1),
            stamp_ns=stamp,
            encoding=info.encoding,
            data=data,
            stamps=stamps,
            rate_hz=info.rate_hz,
        )
