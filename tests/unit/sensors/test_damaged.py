"""Damaged recordings: counted losses or a clear error, rising stamps, never a hang or another exception."""

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sixsense.sensors.errors import SourceError
from sixsense.sensors.recording import open_recording
from sixsense.sensors.sample import End, Sample

Media = Callable[..., Path]
FILES = [
    ("a.mp4", {"video": "libx264", "audio": "aac"}),
    ("a.mkv", {"video": "libx264", "audio": "libopus"}),
    ("a.avi", {"video": "mjpeg", "audio": "pcm_s16le"}),
    ("a.ts", {"video": "mpeg2video", "audio": "aac"}),
    ("a.wav", {"audio": "pcm_s16le"}),
    ("a.opus", {"audio": "libopus"}),
]


def read(path: Path) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Items and losses by stream, having checked order, numbering and ends."""
    recording = open_recording(path)
    latest = 0
    items: dict[str, int] = {}
    ended: set[str] = set()
    for event in recording.events(1):
        assert event.stream not in ended
        if isinstance(event, Sample):
            assert event.end_ns >= latest
            assert event.item == items.get(event.stream, 0)
            latest, items[event.stream] = event.end_ns, event.item + event.items
        elif isinstance(event, End):
            assert event.items == items.get(event.stream, 0)
            ended.add(event.stream)
    assert ended == {info.stream for info in recording.streams}
    return items, recording.counts()


@pytest.mark.parametrize(("name", "how"), FILES)
def test_flipped_bytes(media: Media, name: str, how: dict) -> None:
    whole = media(name, **how).read_bytes()
    path = media("b" + name, **how)
    for seed in range(15):
        generator = np.random.default_rng(seed)
        damaged = bytearray(whole)
        for at in generator.integers(0, len(whole), 12):
            damaged[at] = generator.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(SourceError):
            read(path)


@pytest.mark.parametrize(("name", "how"), FILES)
def test_cut_short(media: Media, name: str, how: dict) -> None:
    path = media(name, **how)
    whole = path.read_bytes()
    for part in (0.01, 0.1, 0.3, 0.5, 0.8, 0.99):
        path.write_bytes(whole[: round(part * len(whole))])
        with contextlib.suppress(SourceError):
            read(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_what_a_cut_file_promised_is_counted(media: Media, name: str) -> None:
    path = media(name, video="mjpeg")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    items, counts = read(path)
    assert 0 < items["camera"] < 50
    assert counts["camera"]["truncated"] >= 1


def test_a_stream_that_appears_in_the_middle(media: Media) -> None:
    """One flipped bit in a transport packet's stream number is all it takes."""
    path = media("a.ts", video="mpeg2video", audio="aac", seconds=4.0)
    damaged = bytearray(path.read_bytes())
    starts = [at for at in range(0, len(damaged), 188) if damaged[at + 1 : at + 3] == b"\x41\x01"]
    damaged[starts[-3] + 1 : starts[-3] + 3] = b"\x5a\xbc"
    path.write_bytes(damaged)
    items, _ = read(path)
    assert items["camera"] == 100
    assert items["microphone"] > 3.5 * 48_000


def test_an_action_camera_file_cut_short_has_lost_its_index(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "data" / "gopro" / "karma.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    for part in (0.01, 0.5, 0.999):
        path.write_bytes(whole[: round(part * len(whole))])
        with pytest.raises(SourceError, match="cut short"):
            open_recording(path)


def test_a_hole_in_an_action_camera_file(shared: Path, tmp_path: Path) -> None:
    whole = bytearray((shared / "data" / "gopro" / "karma.mp4").read_bytes())
    whole[1_000_000:2_000_000] = bytes(1_000_000)
    (tmp_path / "hole.mp4").write_bytes(whole)
    items, counts = read(tmp_path / "hole.mp4")
    assert items["camera"] + counts["camera"]["corrupt"] == 362
    assert abs(items["microphone"] + counts["microphone"]["gap"] - 579_584) < 100
    assert counts["accelerometer"] == counts["gyroscope"] == {"malformed": 3}
    assert items["gyroscope"] > 3_500


def test_damage_all_over_an_action_camera_file(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "data" / "gopro" / "karma.mp4").read_bytes()
    index = whole.index(b"moov")
    for seed, where in itertools.product(range(2), [(1000, index), (index, len(whole))]):
        generator = np.random.default_rng(seed)
        damaged = bytearray(whole)
        for at in generator.integers(*where, 40):
            damaged[at] = generator.integers(256)
        path = tmp_path / "damaged.mp4"
        path.write_bytes(damaged)
        with contextlib.suppress(SourceError):
            read(path)
