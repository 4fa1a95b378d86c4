"""Signals at any rate, level and number of channels give features; signals in wrong units are refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.encoders import preprocess
from sixsense.encoders.errors import InputError
from sixsense.encoders.tokenizer import ByteTokenizer

QUICK = settings(max_examples=40, deadline=None)
RATES = st.one_of(
    st.sampled_from([8000, 11025, 16000, 44100, 48000, 96000, 192000]), st.integers(8000, 192000)
)
SILENCE, NOTHING = (-15.942385 + 4.268) / 9.138, 4.268 / 9.138


def seen(features: torch.Tensor) -> torch.Tensor:
    assert features.shape == (1, 128, 204)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()
    return features


@given(RATES, st.floats(0.03, 2.4), st.integers(1, 3), st.floats(1e-6, 60), st.integers(0, 99))
@QUICK
def test_any_rate_length_level_and_number_of_channels(rate_hz, seconds, channels, level, seed):
    """Beyond full scale too: what a microphone clips is flat at the top, not a reason to stop."""
    pcm = level * np.random.default_rng(seed).standard_normal((round(seconds * rate_hz), channels)) / 6
    clipped = pcm.clip(-1, 1).astype(np.float32)
    features = seen(preprocess.audio(clipped, rate_hz))
    torch.testing.assert_close(features, preprocess.audio(clipped[:, 0], rate_hz), atol=0, rtol=0)
    frames = min(204, 1 + (-(-len(pcm) * 16000 // rate_hz) - 400) // 160)
    torch.testing.assert_close(features[:, :, frames:], torch.full((1, 128, 204 - frames), NOTHING))
    assert float(features[:, :, :frames].max()) >= SILENCE - 1e-6


@given(RATES, st.floats(-1, 1), st.floats(0.2, 2.0))
@QUICK
def test_a_constant_is_silence_but_for_its_ends(rate_hz, level, seconds):
    features = seen(preprocess.audio(np.full(round(seconds * rate_hz), level, np.float32), rate_hz))
    frames = 1 + (-(-round(seconds * rate_hz) * 16000 // rate_hz) - 400) // 160
    # The resampler hears the step at either end, and upwards it leaves a faint ripple.
    middle = features[0, :, 2 : frames - 2]
    assert float(middle.max()) < 0


@given(RATES, st.integers(0, 60))
@QUICK
def test_less_than_a_frame_is_refused_with_its_length(rate_hz, count):
    with pytest.raises(InputError, match=r"empty|one frame needs 25 ms"):
        preprocess.audio(np.zeros(count, np.float32), rate_hz)


@given(RATES, st.integers(1, 2), st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
@QUICK
def test_a_sound_with_a_number_that_is_none_is_refused_with_its_place(rate_hz, channels, value, data):
    pcm = np.zeros((rate_hz // 10, channels), np.float32)
    at = data.draw(st.integers(0, len(pcm) - 1))
    pcm[at, 0] = value
    with pytest.raises(InputError, match=rf"1 of {len(pcm)} values are not finite, the first at \({at},\)"):
        preprocess.audio(pcm, rate_hz)


@given(st.floats(0.03, 9), RATES, st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_recording_of_any_length_is_three_clips(seconds, rate_hz, seed):
    pcm = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    clips = preprocess.audio_clips(pcm.astype(np.float32), rate_hz)
    assert clips.shape == (3, 1, 128, 204)
    assert torch.isfinite(clips).all()


def motion(count: int, rate_hz: float, gravity: float, turn: float, seed: int):
    rng = np.random.default_rng(seed)
    down = rng.standard_normal(3)
    force = gravity * down / np.linalg.norm(down) + 0.003 * gravity * rng.standard_normal((count, 3))
    rows = np.concatenate([force, turn * rng.standard_normal((count, 3))], axis=1)
    return rows.astype(np.float32), (np.arange(count) * 1e9 / rate_hz).astype(np.int64)


@given(st.integers(2, 3000), st.floats(5, 2000), st.floats(9.6, 9.9), st.floats(0, 15), st.integers(0, 99))
@QUICK
def test_motion_at_any_rate_is_2000_instants(count, rate_hz, gravity, turn, seed):
    features = preprocess.imu(*motion(count, rate_hz, gravity, turn, seed))
    assert features.shape == (6, 2000)
    assert torch.isfinite(features).all()
    assert float(features[:3].norm(dim=0).median()) == pytest.approx(gravity, rel=0.05)


@given(st.integers(2, 300), st.sampled_from([np.nan, np.inf]), st.data())
@QUICK
def test_motion_with_a_number_that_is_none_is_refused_with_its_place(count, value, data):
    rows, stamps = motion(count, 100, 9.81, 0.1, 0)
    at = data.draw(st.tuples(st.integers(0, count - 1), st.integers(0, 5)))
    rows[at] = value
    with pytest.raises(
        InputError, match=rf"1 of {6 * count} values are not finite, the first at \({at[0]}, {at[1]}\)"
    ):
        preprocess.imu(rows, stamps)


@given(st.integers(2, 300), st.floats(9.6, 150), st.floats(0, 34))
@QUICK
def test_motion_that_is_cut_off_at_the_sensors_limits_is_seen(count, force, turn):
    """Constant too: a sensor that has reached its range says the same number for long."""
    rows = np.tile(np.array([0, 0, force, turn, 0, 0], np.float32), (count, 1))
    features = preprocess.imu(rows, np.arange(count) * 10_000_000)
    assert set(features[2].tolist()) == {float(np.float32(force))}
    assert set(features[3].tolist()) == {float(np.float32(turn))}


@given(st.integers(0, 1))
def test_motion_of_one_row_or_none_is_refused(count):
    with pytest.raises(InputError, match=r"one row has no rate|empty"):
        preprocess.imu(np.zeros((count, 6), np.float32), np.arange(count))


@given(st.integers(20, 500), st.integers(0, 99), st.sampled_from([1.0, 1000.0, 16384.0]))
@QUICK
def test_a_device_at_rest_that_reads_g_is_refused(count, seed, one_g):
    with pytest.raises(InputError, match=r"looks like (g|mg or raw counts); give m/s\^2"):
        preprocess.imu(*motion(count, 100, one_g, 0.1, seed))


@given(st.integers(20, 500), st.integers(0, 99), st.floats(60, 500))
@QUICK
def test_a_turn_in_degrees_is_refused(count, seed, degrees):
    with pytest.raises(InputError, match="looks like degrees a second"):
        preprocess.imu(*motion(count, 100, 9.81, degrees, seed))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
@QUICK
def test_an_8_bit_picture_is_no_distance(height, width, level):
    with pytest.raises(InputError, match="8-bit picture is no distance"):
        preprocess.depth(np.full((height, width), level, np.uint8))


@given(st.floats(-40, 120))
@QUICK
def test_degrees_celsius_are_no_kelvin(celsius):
    with pytest.raises(InputError, match=r"add 273\.15"):
        preprocess.thermal(np.full((4, 5), celsius, np.float32))


@given(st.integers(1, 5), st.integers(1, 90), st.integers(1, 90), st.none() | st.floats(0.5, 240))
@settings(max_examples=15, deadline=None)
def test_video_of_any_size_and_rate(count, height, width, rate_hz):
    frames = np.zeros((count, height, width, 3), np.uint8)
    if max(height, width) > 32 * min(height, width):
        with pytest.raises(InputError, match="longer than 32 to 1"):
            preprocess.video(frames, rate_hz)
        return
    views = preprocess.video(frames, rate_hz)
    assert views.shape == (3 if rate_hz is None else 15, 3, 2, 224, 224)
    assert torch.isfinite(views).all()


@given(st.text(max_size=300))
@QUICK
def test_any_text_is_77_ids_with_its_end_last(words):
    tokenizer = ByteTokenizer()
    ids = preprocess.text(words, tokenizer)
    assert ids.shape == (77,)
    assert int(ids[0]) == tokenizer.start
    end = int(ids.argmax())
    assert int(ids[end]) == tokenizer.end
    assert not ids[end + 1 :].any()
