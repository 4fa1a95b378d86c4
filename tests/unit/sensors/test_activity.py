"""Activity of real samples: what a picture, a sound and a body show of an event, and when."""

import numpy as np
import pytest
from sixsense.sensors.activity import Brightening, Loudness, Shaking
from sixsense.sensors.sample import NS, Sample

FORM = {"epoch": 1, "seq": 0, "item": 0}


def picture(stamp_ns: int, data: np.ndarray) -> Sample:
    return Sample(stream="c", modality="vision", stamp_ns=stamp_ns, encoding="rgb8", data=data, **FORM)


def sound(stamp_ns: int, pcm: np.ndarray, rate_hz: float = 16_000) -> Sample:
    form = {"modality": "audio", "encoding": "pcm_s16", "rate_hz": rate_hz}
    return Sample(stream="m", stamp_ns=stamp_ns, data=pcm, **form, **FORM)


def rows(stamps: np.ndarray, data: np.ndarray) -> Sample:
    form = {"modality": "imu", "encoding": "f32", "stamp_ns": int(stamps[0])}
    return Sample(stream="i", stamps=stamps, data=data, **form, **FORM)


def test_what_becomes_brighter_counts_and_what_becomes_darker_does_not() -> None:
    activity = Brightening(lambda sample: sample.data)
    dark = np.full((96, 128, 3), 20, np.uint8)
    lit = dark.copy()
    lit[:24, :32] = 220
    for number, shown in enumerate((dark, lit, lit, dark)):
        activity.add(picture(number * NS, shown))
    trace = activity.trace()
    assert trace.times_ns.tolist() == [NS, 2 * NS, 3 * NS]
    assert trace.values == pytest.approx([200 / 4, 0, 0])
    assert trace.gap_ns == NS


def test_a_picture_of_another_shape_begins_anew() -> None:
    activity = Brightening(lambda sample: sample.data)
    activity.add(picture(0, np.zeros((96, 128), np.float32)))
    activity.add(picture(1, np.full((360, 640), 255, np.float32)))
    activity.add(picture(2, np.full((360, 640), 255, np.float32)))
    assert activity.trace().values.tolist() == [0.0]


@pytest.mark.parametrize("chunk", [160, 320, 341])
@pytest.mark.parametrize("channels", [1, 4])
def test_a_click_is_in_its_millisecond_however_the_sound_is_cut(chunk: int, channels: int) -> None:
    pcm = np.zeros((3200, channels), np.int16)
    pcm[1608] = 8000
    activity = Loudness()
    for start in range(0, len(pcm), chunk):
        activity.add(sound(5 * NS + start * NS // 16_000, pcm[start : start + chunk]))
    trace = activity.trace()
    loudest = int(np.argmax(trace.values))
    assert abs(int(trace.times_ns[loudest]) - 5 * NS - 1608 * NS // 16_000) <= 1_000_000
    assert (np.diff(trace.times_ns) > 0).all()
    assert np.count_nonzero(trace.values) <= 2


def test_gravity_and_a_slow_turn_are_no_shaking() -> None:
    stamps = np.arange(400) * NS // 200
    turn = stamps / NS * 0.2
    data = np.stack((9.81 * np.sin(turn), 0 * turn, 9.81 * np.cos(turn), *np.ones((3, 400))), axis=1)
    data[300, 1] = 5.0
    activity = Shaking()
    for start in range(0, 400, 7):
        activity.add(rows(stamps[start : start + 7], data[start : start + 7].astype(np.float32)))
    trace = activity.trace()
    assert trace.values[300] == pytest.approx(5.0, abs=0.2)
    assert np.delete(trace.values, np.arange(300, 322)).max() < 0.2


def test_nothing_is_an_empty_trace() -> None:
    for activity in (Brightening(lambda sample: sample.data), Loudness(), Shaking()):
        trace = activity.trace()
        assert (len(trace.times_ns), len(trace.values), trace.gap_ns) == (0, 0, 0.0)
    silent = Loudness()
    silent.add(sound(0, np.zeros((0, 1), np.int16)))
    assert len(silent.trace().values) == 0
