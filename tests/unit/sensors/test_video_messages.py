"""Foxglove's CompressedVideo in a log: pictures in order, none before a key frame, damage is counted."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from sixsense.sensors.errors import SourceError
from sixsense.sensors.logs import open_log
from sixsense.sensors.ros import MessageError
from sixsense.sensors.sample import NS, Sample
from sixsense.sensors.video_messages import CODECS, read_video

T0 = 1_700_000_000 * NS
RATE, COUNT, KEY = 10, 30, 10


def coded(count: int = COUNT) -> list[bytes]:
    """H.264 in Annex B, a key frame every KEY pictures, each picture of a brightness of its own."""
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = 64, 48, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, RATE), Fraction(RATE)
    codec.options = {
        "tune": "zerolatency",
        "x264-params": f"keyint={KEY}:min-keyint={KEY}:scenecut=0:annexb=1",
    }
    packets: list[bytes] = []
    for k in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), brightness(k), np.uint8), format="rgb24")
        frame.pts = k
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets + [bytes(packet) for packet in codec.encode(None)]


def brightness(k: int) -> int:
    return 20 + 7 * k


def log_of(path: Path, pictures: list[bytes], form: str = "h264") -> Path:
    """As Foxglove's own library writes it."""
    import foxglove
    from foxglove import messages
    from foxglove.channels import CompressedVideoChannel

    context = foxglove.Context()
    with foxglove.open_mcap(path, context=context):
        channel = CompressedVideoChannel("/camera/video", context=context)
        for k, data in enumerate(pictures):
            after = k * NS // RATE
            stamp = messages.Timestamp(sec=(T0 + after) // NS, nsec=(T0 + after) % NS)
            video = messages.CompressedVideo(timestamp=stamp, frame_id="eye", data=data, format=form)
            channel.log(video, log_time=T0 + after + 5_000_000)
    return path


def shown(path: Path) -> tuple[list[int], list[int], dict[str, int]]:
    """Which pictures come of a log, their stamps, and its losses."""
    log = open_log(path)
    samples = [event for event in log.events(1) if isinstance(event, Sample)]
    numbers = [round((float(s.data.mean()) - 20) / 7) for s in samples]
    return numbers, [s.stamp_ns - T0 for s in samples], log.counts()["camera.video"]


def test_every_picture_comes_with_its_stamp(tmp_path: Path) -> None:
    path = log_of(tmp_path / "v.mcap", coded())
    (info,) = open_log(path).streams
    assert (info.modality, info.encoding, info.width, info.height) == ("vision", "rgb8", 64, 48)
    assert (info.frame_id, info.clock, round(info.rate_hz)) == ("eye", "driver", RATE)
    numbers, stamps, losses = shown(path)
    assert numbers == list(range(COUNT))
    assert stamps == [k * NS // RATE for k in range(COUNT)]
    assert not losses


def test_a_log_that_begins_between_key_frames_begins_at_the_next(tmp_path: Path) -> None:
    numbers, stamps, losses = shown(log_of(tmp_path / "v.mcap", coded()[3:]))
    assert numbers == list(range(KEY, COUNT))
    assert stamps[0] == (KEY - 3) * NS // RATE
    assert losses == {"undecoded": KEY - 3}


def test_what_is_damaged_is_counted_and_the_next_key_frame_mends_it(tmp_path: Path) -> None:
    pictures = coded()
    pictures[KEY + 2] = b"\0\0\0\1garbage"
    numbers, _, losses = shown(log_of(tmp_path / "v.mcap", pictures))
    assert [n for n in numbers if n < KEY + 2 or n >= 2 * KEY] == [
        *range(KEY + 2),
        *range(2 * KEY, COUNT),
    ]
    assert len(numbers) + losses["undecoded"] == COUNT


def test_a_log_without_a_key_frame_or_of_another_codec_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no key frame|cannot be decoded"):
        open_log(log_of(tmp_path / "none.mcap", coded()[1:KEY]))
    with pytest.raises(SourceError, match="'prores'; h264, h265"):
        open_log(log_of(tmp_path / "other.mcap", coded(3), "prores"))


@pytest.mark.parametrize("form", CODECS)
def test_garbage_of_every_codec_is_an_error(form: str) -> None:
    message = SimpleNamespace(data=bytes(range(256)), format=form)
    with pytest.raises(MessageError):
        read_video(message, "vision")
    with pytest.raises(MessageError, match="cannot be depth"):
        read_video(message, "depth")
