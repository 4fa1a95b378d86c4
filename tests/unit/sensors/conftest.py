"""Small media files, encoded here: a grey ramp with a moving bar, and a 440 Hz tone; ROS 2's messages."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from ros_logs import Ros


@pytest.fixture(scope="session")
def ros() -> Ros:
    return Ros()


def picture(index: int) -> np.ndarray:
    image = np.full((48, 64, 3), 3 * index % 255, np.uint8)
    image[:, : 2 * index % 64] = 200
    return image


def tone(rate: int, seconds: float, channels: int) -> np.ndarray:
    wave = 8000 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    return np.repeat(wave.astype(np.int16)[:, None], channels, axis=1)


def write_media(
    path: Path, *, video: str = "", audio: str = "", seconds: float = 2.0, rate: int = 48000,
    channels: int = 2, pts: list[int] | None = None, start_s: float = 0.0,
) -> Path:  # fmt: skip
    """Encode `seconds` of 25 Hz video and sound; `pts` replaces the frames' own, in 1/25 s."""
    import av

    with av.open(str(path), "w") as file:
        picture_stream = file.add_stream(video, rate=25) if video else None
        if picture_stream is not None:
            picture_stream.width, picture_stream.height = 64, 48
            picture_stream.pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
        sound_stream = file.add_stream(audio, rate=rate) if audio else None
        if sound_stream is not None:
            sound_stream.layout = "stereo" if channels == 2 else "mono"
        if picture_stream is not None:
            for index in range(round(25 * seconds)):
                frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
                frame.pts = pts[index] if pts else index
                file.mux(picture_stream.encode(frame))
            file.mux(picture_stream.encode(None))
        if sound_stream is not None:
            pcm = tone(rate, seconds, channels).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=sound_stream.layout.name)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = round(start_s * rate)
            file.mux(sound_stream.encode(frame))
            file.mux(sound_stream.encode(None))
    return path


@pytest.fixture
def media(tmp_path: Path) -> Callable[..., Path]:
    """`media("a.mp4", video="libx264", audio="aac")` writes that file and gives its path."""
    return lambda name, **how: write_media(tmp_path / name, **how)
