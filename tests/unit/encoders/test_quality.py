import numpy as np
import pytest
from sixsense.encoders.quality import (
    STILL_WORTH,
    depth_quality,
    motion_quality,
    picture_quality,
    sound_quality,
    thermal_quality,
)

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(20, 220, (60, 80, 3)).astype(np.uint8)


def test_a_picture_is_worth_less_dark_flat_or_blown_out():
    assert picture_quality(PICTURE) == 1
    assert 0.2 < picture_quality(PICTURE // 16) < 0.5
    assert picture_quality(np.zeros_like(PICTURE)) == 0
    assert picture_quality(np.full_like(PICTURE, 128)) == 0
    blown = PICTURE.copy()
    blown[:, :40] = 255
    assert picture_quality(blown) == pytest.approx(0.5, abs=0.05)


def test_a_sound_is_worth_less_silent_or_clipped():
    wave = RNG.standard_normal(32000).astype(np.float32)
    assert sound_quality(0.1 * wave) == 1
    assert sound_quality(0 * wave) == 0
    assert 0.4 < sound_quality(0.001 * wave / wave.std()) < 0.6
    assert sound_quality(np.clip(2 * wave, -1, 1)) == 0


def test_a_depth_picture_is_worth_its_valid_share():
    metres = np.full((10, 10), 2.0, np.float32)
    metres[:3] = np.nan
    assert depth_quality(metres) == pytest.approx(0.7)
    assert depth_quality((np.nan_to_num(metres) * 1000).astype(np.uint16)) == pytest.approx(0.7)


def test_a_closed_shutter_is_worth_nothing():
    kelvin = (293 + RNG.standard_normal((10, 10))).astype(np.float32)
    assert thermal_quality(kelvin) == 1
    assert thermal_quality((kelvin * 100).astype(np.uint16)) == 1
    assert thermal_quality(np.full((10, 10), 293, np.float32)) == 0
    assert thermal_quality(np.full((10, 10), np.nan, np.float32)) == 0
    assert thermal_quality(np.full((10, 10), 9, np.uint8)) == 0
    assert thermal_quality(PICTURE[:, :, 0]) == 1


def test_a_still_device_is_worth_less_but_not_nothing():
    rest = np.tile(np.array([0, 0, 9.81, 0, 0, 0]), (200, 1))
    assert motion_quality(rest) == STILL_WORTH
    assert motion_quality(rest + 0.5 * RNG.standard_normal((200, 6))) == 1
