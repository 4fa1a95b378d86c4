"""Onsets against events whose time is known: flashes, claps, blows, and what is none of them."""

import numpy as np
import pytest
from sixsense.sensors.activity import Shaking, Trace
from sixsense.sensors.onsets import MOST, onsets
from sixsense.sensors.sample import NS, Sample

CLAPS_S = (1.2173, 2.6411, 4.3307)
FRAME_S = 1 / 30


def frames(brightness, exposure_s: float, seconds: float = 6.0) -> Trace:
    """A camera's trace of a scene whose brightness at `t` is given, averaged over each exposure."""
    stamps = np.arange(round(seconds / FRAME_S)) * FRAME_S
    within = np.linspace(-exposure_s / 2, exposure_s / 2, 101)
    seen = np.mean(brightness(stamps[:, None] + within), axis=1)
    noise = 0.05 * np.random.default_rng(1).random(len(stamps) - 1)
    return Trace(np.round(stamps[1:] * NS).astype(np.int64), np.maximum(np.diff(seen), 0) + noise)


def errors_ms(found, truth=CLAPS_S) -> list[float]:
    assert len(found) == len(truth)
    return [(one.t_ns / NS - true) * 1e3 for one, true in zip(found, truth, strict=True)]


def flashes(t: np.ndarray) -> np.ndarray:
    return sum(10.0 * ((t > begin) & (t < begin + 0.2)) for begin in CLAPS_S)


def test_a_flash_is_told_to_a_part_of_a_frame_by_a_long_exposure() -> None:
    found = onsets(frames(flashes, FRAME_S), "vision")
    assert max(map(abs, errors_ms(found))) < 3.0


def test_a_flash_is_told_to_half_a_frame_by_a_short_exposure() -> None:
    found = onsets(frames(flashes, 0.001), "vision")
    assert max(map(abs, errors_ms(found))) <= 1e3 * FRAME_S / 2 + 1
    assert found[0].sigma_ns == pytest.approx(FRAME_S * NS / np.sqrt(12), rel=0.01)


def test_what_moves_anyway_does_not_draw_a_flash_to_its_side() -> None:
    still = frames(flashes, 0.001)
    moving = Trace(still.times_ns, still.values + 1.5 * (np.arange(len(still.values)) % 60 > 5))
    apart = np.array(errors_ms(onsets(moving, "vision"))) - errors_ms(onsets(still, "vision"))
    assert np.abs(apart).max() < 0.5


@pytest.mark.parametrize("power", [1, 2])
def test_hands_met_when_they_stopped(power: int) -> None:
    """At a steady speed, and ever faster."""
    stamps = np.arange(180) * FRAME_S
    way = sum(np.clip((stamps - begin) / 0.25 + 1, 0, 1) ** power for begin in CLAPS_S)
    trace = Trace(np.round(stamps[1:] * NS).astype(np.int64), np.diff(way) * 10)
    found = onsets(trace, "vision")
    assert max(map(abs, errors_ms(found))) < 1e3 * FRAME_S / 2
    assert found[0].sigma_ns == pytest.approx(FRAME_S * NS / 2, rel=0.01)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_sound_begins_where_it_rises_not_where_it_is_loudest(noise: float) -> None:
    t = np.arange(6000) / 1000
    chance = np.random.default_rng(2)
    swell = sum((t > begin) * np.minimum((t - begin) / 0.05, 1) * np.exp(begin - t) for begin in CLAPS_S)
    click = sum(((t > begin) & (t < begin + 0.03)) * 1.0 for begin in CLAPS_S)
    values = 100 * (click + 0.2 * swell) + noise * np.abs(chance.standard_normal(len(t)))
    found = onsets(Trace(np.round(t * NS).astype(np.int64), values), "audio")
    assert max(map(abs, errors_ms(found))) <= 1.5


def test_a_blow_that_swings_through_zero_begins_once() -> None:
    t = np.arange(1200) / 200
    wave = sum(
        (t > begin) * np.exp(-np.maximum(t - begin, 0) / 0.12) * np.sin(75 * (t - begin)) for begin in CLAPS_S
    )
    data = np.stack((6 * wave, 0 * t, 9.81 + 0.02 * np.random.default_rng(3).standard_normal(1200)), axis=1)
    stamps = np.round(t * NS).astype(np.int64)
    activity = Shaking()
    form = {"stream": "i", "modality": "imu", "encoding": "f32", "epoch": 1, "seq": 0, "item": 0}
    activity.add(Sample(stamp_ns=0, stamps=stamps, data=data, **form))
    assert max(map(abs, errors_ms(onsets(activity.trace(), "imu")))) <= 6.0


def test_a_louder_background_later_on_is_background() -> None:
    t = np.arange(8000) / 1000
    values = np.where(t > 4, 20.0, 1.0) + 100.0 * sum((t > at) & (t < at + 0.05) for at in (1.0, 2.5, 6.5))
    found = onsets(Trace(np.round(t * NS).astype(np.int64), values), "audio")
    assert [round(one.t_ns / NS, 2) for one in found if abs(one.t_ns / NS - 4) > 0.6] == [1.0, 2.5, 6.5]


@pytest.mark.parametrize("kind", ["vision", "audio", "imu"])
@pytest.mark.parametrize("length", [0, 1, 4, 5, 900])
def test_stillness_has_no_onsets(kind, length: int) -> None:
    times = np.arange(length) * NS // 30
    assert onsets(Trace(times, np.zeros(length)), kind) == []


@pytest.mark.parametrize("kind", ["vision", "audio", "imu"])
def test_what_begins_before_the_trace_or_is_cut_by_its_end_does_no_harm(kind) -> None:
    for at in (0, 1, 198, 199):
        values = np.zeros(200)
        values[at] = 1.0
        for one in onsets(Trace(np.arange(200) * NS // 30, values), kind):
            assert 0 <= one.t_ns <= 200 * NS / 30


def test_noise_alone_is_bounded() -> None:
    values = np.random.default_rng(4).exponential(size=60_000)
    assert len(onsets(Trace(np.arange(60_000) * 1_000_000, values), "audio")) <= MOST
