"""Each happening is seen by the modalities that the table says, and by no others, in every split."""

from unittest import mock

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.sensors.modalities import MODALITIES
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated import optics
from sixsense.sensors.simulated.alarm import beep_ns
from sixsense.sensors.simulated.kinds import KINDS, PICTURES
from sixsense.sensors.simulated.optics import Optics
from sixsense.sensors.simulated.script import Happening, Script
from sixsense.sensors.simulated.senses import INFO, RATES, Senses
from sixsense.sensors.simulated.split import SPLITS, Split

YEAR_NS = 365 * 24 * 3600 * NS
SEEDS = range(2)


def telling(shown: Happening) -> int:
    """An instant at which it is to be seen, if it is."""
    if shown.name == "alarm":
        return shown.start_ns + beep_ns(shown) // 4
    return (shown.start_ns + shown.end_ns) // 2


def frames(script: Script, t_ns: int) -> dict[str, np.ndarray]:
    eyes = Optics(script)
    return {"vision": eyes.rgb(0, t_ns), "depth": eyes.depth(0, t_ns), "thermal": eyes.thermal(0, t_ns)}


def frames_without(script: Script, t_ns: int) -> dict[str, np.ndarray]:
    """The same instant as if nothing happened: same place, same noise, another script object."""
    alone = Script(script.seed, script.split)
    with (
        mock.patch.object(optics, "figures", return_value=[]),
        mock.patch.object(optics, "beeping", return_value=False),
        mock.patch("sixsense.sensors.simulated.kettle._heat", return_value=0.0),
    ):
        return frames(alone, t_ns)


def changed(modality: str, one: np.ndarray, other: np.ndarray) -> int:
    """How many pixels differ by more than a camera of that kind would dither."""
    if modality == "vision":
        return int((np.abs(one.astype(int) - other).max(axis=2) > 24).sum())
    if modality == "depth":
        return int((np.abs(one - other) > 0.15).sum() + (np.isnan(one) != np.isnan(other)).sum())
    return int((np.abs(one - other) > 2).sum())


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", KINDS)
def test_pictures_show_just_what_the_table_says(name: str, split: Split) -> None:
    for seed in SEEDS:
        script = Script(seed, split)
        t_ns = telling(script.first(name))
        with_it, without = frames(script, t_ns), frames_without(script, t_ns)
        for modality in PICTURES:
            pixels = changed(modality, with_it[modality], without[modality])
            if modality in KINDS[name].modalities:
                assert pixels >= 12, (modality, seed)
            else:
                assert pixels == 0, (modality, seed)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", ["person", "dog"])
def test_who_comes_in_is_warmer_than_the_room(name: str, split: Split) -> None:
    for seed in SEEDS:
        script = Script(seed, split)
        t_ns = telling(script.first(name))
        warmer = frames(script, t_ns)["thermal"] - frames_without(script, t_ns)["thermal"]
        assert (warmer > 2).sum() > 10 * (warmer < -2).sum(), seed
        assert np.median(warmer[warmer > 2]) > 3


@pytest.mark.parametrize("split", SPLITS)
def test_the_beacon_is_lit_and_the_room_is_red(split: Split) -> None:
    script = Script(1, split)
    alarm = script.first("alarm")
    lit = Optics(script).rgb(0, telling(alarm)).astype(int)
    dark = Optics(script).rgb(0, telling(alarm) + beep_ns(alarm) // 2).astype(int)
    red = [((one[..., 0] > 235) & (one[..., 1:] < 130).all(axis=2)).sum() for one in (dark, lit)]
    assert red[0] == 0
    assert 10 < red[1] < 120
    assert (lit[..., 0] - lit[..., 2]).mean() > (dark[..., 0] - dark[..., 2]).mean() + 20


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    split=st.sampled_from(SPLITS),
    t_ns=st.integers(0, YEAR_NS),
    stream=st.sampled_from(list(RATES)),
)
def test_any_world_at_any_time_gives_the_same_sound_numbers(
    seed: int, split: Split, t_ns: int, stream: str
) -> None:
    message = RATES[stream].first_from(t_ns)
    data, stamps = Senses(Script(seed, split)).sense(stream, message)
    again, stamps_again = Senses(Script(seed, split)).sense(stream, message)
    assert data.tobytes() == again.tobytes()
    assert (stamps is None) == (MODALITIES[RATES[stream].modality].item != "row")
    if stamps is not None and stamps_again is not None:
        assert stamps.tolist() == stamps_again.tolist()
    if stream == "camera":
        assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape == (240, 320, 3)
    elif stream == "depth":
        assert data.shape == (INFO[stream].height, INFO[stream].width)
        assert np.nanmin(data) > 0.3
        assert np.nanmax(data) < 7
    elif stream == "thermal":
        assert np.isfinite(data).all()
        assert 270 < data.min() < data.max() < 380
    elif stream == "imu":
        assert data.shape == (2, 6)
        assert np.isfinite(data).all()
        assert np.abs(data).max() < 150
    else:
        assert (data.shape, data.dtype) == ((320, 1), np.int16)
