"""Files as arrays: pictures, sounds and clips for queries."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from sixsense.sensors.errors import SourceError
from sixsense.sensors.media import (
    kind_of,
    load_clip,
    load_depth,
    load_picture,
    load_sound,
    load_thermal,
)

Media = Callable[..., Path]


def write_png(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def test_a_picture_is_rgb(tmp_path: Path) -> None:
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 2] = 255
    got = load_picture(write_png(tmp_path / "red.png", red))
    assert got.shape == (4, 6, 3)
    assert got[0, 0].tolist() == [255, 0, 0]


def test_depth_is_metres_with_nan_where_invalid(tmp_path: Path) -> None:
    got = load_depth(write_png(tmp_path / "d.png", np.array([[0, 1500]], np.uint16)))
    np.testing.assert_array_equal(got, np.array([[np.nan, 1.5]], np.float32))


def test_an_8_bit_depth_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="lost its distances"):
        load_depth(write_png(tmp_path / "d.png", np.zeros((2, 2), np.uint8)))


def test_thermal_is_kelvin_or_what_8_bits_hold(tmp_path: Path) -> None:
    assert load_thermal(write_png(tmp_path / "k.png", np.array([[29315]], np.uint16)))[0, 0] == np.float32(
        293.15
    )
    assert load_thermal(write_png(tmp_path / "g.png", np.array([[7]], np.uint8))).dtype == np.uint8


def test_a_sound_at_its_own_rate(media: Media) -> None:
    path = media("a.wav", audio="pcm_s16le", rate=22_050, channels=2)
    pcm, rate = load_sound(path)
    assert (pcm.shape, pcm.dtype, rate) == ((44_100, 2), np.int16, 22_050)
    part, _ = load_sound(path, seconds=0.5)
    assert np.array_equal(part, pcm[:11_025])


def test_a_clip_is_its_first_frame_and_the_last_within_two_seconds(media: Media) -> None:
    clip = load_clip(media("a.avi", video="mjpeg", seconds=4.0))
    assert clip.shape == (2, 48, 64, 3)
    assert (clip[0, :, 40:].mean(), clip[1, :, 40:].mean()) == pytest.approx((0, 150), abs=4)


@pytest.mark.parametrize(
    ("name", "how", "kind"),
    [
        ("a.mp4", {"video": "libx264", "audio": "aac"}, "clip"),
        ("a.opus", {"audio": "libopus"}, "sound"),
    ],
)
def test_the_kind_is_told_by_content(media: Media, name: str, how: dict, kind: str) -> None:
    assert kind_of(media(name, **how)) == kind


def test_a_picture_is_told_by_content(tmp_path: Path) -> None:
    assert (
        kind_of(write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8)).rename(tmp_path / "x"))
        == "picture"
    )


@pytest.mark.parametrize("load", [kind_of, load_picture, load_depth, load_thermal, load_sound, load_clip])
@pytest.mark.parametrize("content", [None, b"", b"hello world\n" * 30], ids=["missing", "empty", "text"])
def test_other_files_are_clear_errors(tmp_path: Path, load: Callable, content: bytes | None) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=str(path)):
        load(path)


def test_the_wrong_kind_is_a_clear_error(media: Media) -> None:
    with pytest.raises(SourceError, match="no video"):
        load_clip(media("a.wav", audio="pcm_s16le"))
    with pytest.raises(SourceError, match="no audio"):
        load_sound(media("a.avi", video="mjpeg"))
