import numpy as np
import pytest
import torch
from sixsense.encoders import preprocess
from sixsense.encoders.errors import InputError
from sixsense.encoders.preprocess.image import MEAN, STD

PILLOW = "compares with Pillow: pip install pillow"


def smooth(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture with edges, gradients and noise, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 9 + c) + np.cos(y / (7 + c)) for c in range(3)], axis=2)
    return np.clip(128 + 50 * waves + rng.normal(0, 15, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(480, 854), (720, 1280), (224, 224), (300, 225), (100, 180), (225, 3000)])
def test_image_is_pillows_to_one_grey_level(size):
    image = pytest.importorskip("PIL.Image", reason=PILLOW)
    rgb = smooth(*size)
    height, width = size
    short = min(size)
    to = (224 * width // short, 224 * height // short)
    resized = np.asarray(image.fromarray(rgb).resize(to, image.Resampling.BICUBIC))
    top, left = round((to[1] - 224) / 2), round((to[0] - 224) / 2)
    expected = resized[top : top + 224, left : left + 224].astype(float)
    got = (preprocess.image(rgb) * STD + MEAN).permute(1, 2, 0).numpy() * 255
    assert np.abs(got - expected).max() <= 1.001


def test_image_of_one_colour_is_its_normalised_value():
    rgb = np.full((50, 70, 3), (255, 0, 128), np.uint8)
    expected = (torch.tensor([1.0, 0.0, 128 / 255])[:, None, None] - MEAN) / STD
    torch.testing.assert_close(preprocess.image(rgb), expected.expand(3, 224, 224))


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
        np.zeros((1, 5000, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(rgb):
    with pytest.raises(InputError, match="vision"):
        preprocess.image(rgb)


def test_a_clip_is_its_first_and_last_frame_in_three_crops():
    frames = np.stack([np.full((224, 448, 3), level, np.uint8) for level in (0, 99, 255)])
    frames[0, :, 0] = 255
    views = preprocess.video(frames)
    assert views.shape == (3, 3, 2, 224, 224)
    levels = (views * STD[:, None] + MEAN[:, None]).amin(dim=(1, 3, 4))
    torch.testing.assert_close(levels, torch.tensor([[0.0, 1.0]]).expand(3, 2), atol=1e-5, rtol=0)
    first = (views * STD[:, None] + MEAN[:, None])[:, 0, 0]
    assert [float(crop.max()) > 0.9 for crop in first] == [True, False, False]


def test_a_video_is_five_clips_by_three_crops():
    frames = np.stack([np.full((60, 40, 3), i, np.uint8) for i in range(100)])
    views = preprocess.video(frames, rate_hz=10.0)
    assert views.shape == (15, 3, 2, 224, 224)
    shown = ((views * STD[:, None] + MEAN[:, None])[:, 0, :, 0, 0] * 255).round().int().tolist()
    assert shown[::3] == [[0, 19], [20, 39], [40, 59], [60, 79], [80, 99]]


@pytest.mark.parametrize(("count", "rate_hz"), [(1, 30.0), (30, 30.0), (45, 30.0)])
def test_the_clips_of_a_short_video_coincide(count, rate_hz):
    assert set(preprocess.clip_frames(count, rate_hz)) == {(0, count - 1)}


@pytest.mark.parametrize(("count", "rate_hz"), [(0, 30.0), (10, 0.0), (10, float("nan"))])
def test_no_video_is_refused(count, rate_hz):
    with pytest.raises(InputError):
        preprocess.clip_frames(count, rate_hz)


def test_depth_is_the_published_disparity():
    got = preprocess.depth(np.full((480, 640), 2.0, np.float32), fx=520.0, baseline=0.075)
    expected = (0.075 * 520.0 / (8 * 2.0) / 75 - 0.0418) / 0.0295
    assert got.shape == (1, 224, 224)
    torch.testing.assert_close(got, torch.full_like(got, expected), atol=1e-5, rtol=0)


def test_depth_from_millimetres_is_depth_from_metres():
    millimetres = np.random.default_rng(0).integers(300, 9000, (60, 80)).astype(np.uint16)
    millimetres[10:20, 10:20] = 0
    metres = np.where(millimetres > 0, millimetres / 1000, np.nan)
    torch.testing.assert_close(preprocess.depth(millimetres), preprocess.depth(metres), atol=1e-5, rtol=1e-5)


def test_holes_take_the_nearest_distance():
    metres = np.full((224, 224), 2.0, np.float32)
    metres[:, 112:] = 4.0
    whole = preprocess.depth(metres)
    metres[50:60, 10:20] = np.nan
    metres[50:60, 200:210] = 0.0
    torch.testing.assert_close(preprocess.depth(metres), whole)


def test_standardised_depth_has_no_mean_and_unit_deviation():
    metres = np.random.default_rng(0).uniform(1, 6, (224, 224)).astype(np.float32)
    got = preprocess.depth(metres, preset="standardised")
    assert abs(float(got.mean())) < 1e-3
    assert abs(float(got.std()) - 1) < 1e-2
    assert not preprocess.depth(np.full((9, 9), 3.0), preset="standardised").any()


@pytest.mark.parametrize(
    ("distance", "message"),
    [
        (np.ones((9, 9), np.uint8), "8-bit picture is no distance"),
        (np.ones((9, 9, 1), np.float32), "one distance a pixel"),
        (np.full((9, 9), np.nan), "none of 81 pixels"),
        (np.zeros((9, 9), np.uint16), "none of 81 pixels"),
        (np.zeros((0, 9)), "empty"),
        (np.ones((9, 9), np.int64), "int64 values"),
    ],
)
def test_what_is_no_depth_is_refused(distance, message):
    with pytest.raises(InputError, match=message):
        preprocess.depth(distance)


def test_depth_refuses_unknown_presets_and_cameras():
    with pytest.raises(InputError, match="omnivore_x8, standardised"):
        preprocess.depth(np.ones((9, 9)), preset="hha")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="fx 0 px"):
        preprocess.depth(np.ones((9, 9)), fx=0)


def test_a_temperature_keeps_its_grey_level_whatever_else_is_in_view():
    room = np.full((120, 160), 293.0, np.float32)
    with_person = room.copy()
    with_person[:, 100:] = 307.0
    assert float(preprocess.thermal(room)[0, 112, 20]) == pytest.approx(0.5, abs=1e-5)
    assert float(preprocess.thermal(with_person)[0, 112, 20]) == pytest.approx(0.5, abs=1e-5)
    minmax = preprocess.thermal(with_person, preset="minmax")
    assert float(minmax[0, 112, 20]) == pytest.approx(0, abs=1e-5)


def test_centikelvin_and_kelvin_agree():
    kelvin = np.random.default_rng(0).uniform(280, 310, (120, 160))
    centikelvin = (kelvin * 100).round().astype(np.uint16)
    torch.testing.assert_close(preprocess.thermal(kelvin), preprocess.thermal(centikelvin), atol=1e-3, rtol=0)


def test_8_bit_thermal_is_divided_by_255():
    got = preprocess.thermal(np.full((30, 40), 51, np.uint8))
    torch.testing.assert_close(got, torch.full((1, 224, 224), 0.2))


def test_invalid_temperatures_take_the_median():
    kelvin = np.full((30, 40), 300.0)
    kelvin[3, 4] = np.nan
    torch.testing.assert_close(preprocess.thermal(kelvin), preprocess.thermal(np.full((30, 40), 300.0)))


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.full((9, 9), 21.0), "add 273.15"),
        (np.full((9, 9), np.nan), "none of 81"),
        (np.ones((9, 9, 3), np.uint8), "one temperature"),
        (np.ones((0, 9), np.uint8), "empty"),
        (np.ones((9, 9), np.int32), "int32"),
    ],
)
def test_what_is_no_temperature_is_refused(picture, message):
    with pytest.raises(InputError, match=message):
        preprocess.thermal(picture)


def test_an_empty_thermal_range_is_refused():
    with pytest.raises(InputError, match="300 to 300 K is empty"):
        preprocess.thermal(np.full((9, 9), 300.0), coldest_k=300, hottest_k=300)
