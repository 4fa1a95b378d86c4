"""The simulated robot's five senses: their rates, and what each message of theirs carries."""

from typing import NamedTuple

import msgspec
import numpy as np

from ..modalities import MODALITIES
from ..sample import NS, StreamInfo
from .motion import IMU_HZ, imu_rows
from .optics import BASELINE_M, CAMERA, DEPTH_FX, DEPTH_STEP, THERMAL, Optics
from .script import Script
from .sound import Sound
from .tones import RATE_HZ


class Rate(NamedTuple):
    """A stream's modality, its items a second, and how many of them a message has."""

    modality: str
    items_hz: int
    items: int = 1

    def stamp(self, message: int) -> int:
        """When the first item of a message is sensed, ns since the script's start."""
        return message * self.items * NS // self.items_hz

    def end(self, message: int) -> int:
        """When its last item has been sensed (of PCM: has ended)."""
        item = MODALITIES[self.modality].item
        last = message * self.items + (self.items if item == "pcm" else self.items - 1)
        return last * NS // self.items_hz

    def first_from(self, t_ns: int) -> int:
        """The first message whose stamp is at or after `t_ns`."""
        return -(-t_ns * self.items_hz // (self.items * NS))

    def complete_by(self, t_ns: int) -> int:
        """How many messages have wholly happened by `t_ns`."""
        return t_ns * self.items_hz // (self.items * NS)


RATES = {
    "camera": Rate("vision", 30),
    "depth": Rate("depth", 30),
    "thermal": Rate("thermal", 9),
    "microphone": Rate("audio", RATE_HZ, RATE_HZ // 50),
    "imu": Rate("imu", IMU_HZ, 2),
}
STREAMS = tuple(RATES)


class Senses:
    """What each stream's message carries: a pure function of the script and the message's number."""

    def __init__(self, script: Script) -> None:
        self._script, self._optics, self._sound = script, Optics(script), Sound(script)

    def sense(self, stream: str, message: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Its data, and for rows their stamps (int64 ns since the script's start)."""
        return self.several(stream, message, 1)

    def several(self, stream: str, message: int, count: int) -> tuple[np.ndarray, np.ndarray | None]:
        """The data of `count` messages of sound or motion at once, as one; of pictures, the first's."""
        rate = RATES[stream]
        first, items = message * rate.items, count * rate.items
        if stream == "imu":
            stamps = np.arange(first, first + items) * NS // rate.items_hz
            return imu_rows(self._script, first, items), stamps
        if stream == "microphone":
            return self._sound.pcm(first, items), None
        frame = {"camera": self._optics.jpeg, "depth": self._optics.depth, "thermal": self._optics.thermal}
        return frame[stream](message, rate.stamp(message)), None

    def picture(self, message: int) -> np.ndarray:
        """The camera's frame before it becomes a JPEG, RGB uint8 (240, 320, 3)."""
        return self._optics.rgb(message, RATES["camera"].stamp(message))


def _info(stream: str, encoding: str, **optics: float) -> StreamInfo:
    rate = RATES[stream]
    return msgspec.convert(
        {
            "stream": stream,
            "modality": rate.modality,
            "encoding": encoding,
            "rate_hz": float(rate.items_hz),
            "clock": "hardware",
            "channels": 6 if stream == "imu" else 1,
            "frame_id": "imu_link" if stream == "imu" else f"{stream}_optical_frame",
            **optics,
        },
        StreamInfo,
    )


INFO = {
    "camera": _info("camera", "jpeg", width=CAMERA.width, height=CAMERA.height, fx=CAMERA.fx),
    "depth": _info(
        "depth",
        "32FC1",
        width=CAMERA.width // DEPTH_STEP,
        height=CAMERA.height // DEPTH_STEP,
        fx=DEPTH_FX,
        baseline=BASELINE_M,
    ),
    "thermal": _info("thermal", "32FC1", width=THERMAL.width, height=THERMAL.height, fx=THERMAL.fx),
    "microphone": _info("microphone", "pcm_s16"),
    "imu": _info("imu", "f32"),
}
