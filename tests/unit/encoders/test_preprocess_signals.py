import math

import numpy as np
import pytest
import torch
from sixsense.encoders import preprocess
from sixsense.encoders.errors import InputError
from sixsense.encoders.preprocess.audio import MEAN, STD
from sixsense.encoders.preprocess.mel import log_mel
from sixsense.encoders.preprocess.resample import resample

FLOOR = -15.942385


def noise(count: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def slow_log_mel(wave: np.ndarray) -> np.ndarray:
    """Kaldi's recipe, one frame and one triangle at a time, in float64."""

    def mel(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    edges = [mel(20) + i * (mel(8000) - mel(20)) / 129 for i in range(130)]
    rows = []
    for start in range(0, len(wave) - 399, 160):
        frame = wave[start : start + 400].astype(np.float64)
        frame = frame - frame.mean()
        emphasised = frame - 0.97 * np.concatenate([frame[:1], frame[:-1]])
        window = [0.5 - 0.5 * math.cos(2 * math.pi * i / 399) for i in range(400)]
        power = np.abs(np.fft.fft(emphasised * window, 512)[:256]) ** 2
        row = []
        for left, centre, right in zip(edges, edges[1:], edges[2:], strict=False):
            energy = 0.0
            for k in range(256):
                m = mel(k * 16000 / 512)
                energy += power[k] * max(
                    0.0, min((m - left) / (centre - left), (right - m) / (right - centre))
                )
            row.append(math.log(max(energy, 1.1920929e-07)))
        rows.append(row)
    return np.array(rows)


def slow_resample(wave: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """The published formula of torchaudio's sinc_interp_hann, one output at a time, in float64."""
    common = math.gcd(from_hz, to_hz)
    source, target = from_hz // common, to_hz // common
    cutoff = min(source, target) * 0.99
    output = []
    for j in range(math.ceil(len(wave) * target / source)):
        total = 0.0
        for i, x in enumerate(wave):
            t = (j / target - i / source) * cutoff
            if abs(t) < 6:
                total += x * np.sinc(t) * math.cos(t * math.pi / 12) ** 2 * cutoff / source
        output.append(total)
    return np.array(output)


def test_log_mel_is_kaldis():
    wave = noise(1600)
    np.testing.assert_allclose(log_mel(torch.from_numpy(wave)).numpy(), slow_log_mel(wave), atol=2e-4)


def test_the_fourth_mel_bin_is_empty_and_no_other():
    features = log_mel(torch.from_numpy(noise(32000)))
    assert features.shape == (198, 128)
    at_floor = (features < FLOOR + 1e-3).all(dim=0)
    assert at_floor.nonzero().flatten().tolist() == [3]


def test_two_seconds_are_198_frames_padded_before_normalisation():
    features = preprocess.audio(noise(32000), 16000)
    assert features.shape == (1, 128, 204)
    torch.testing.assert_close(features[0, :, 198:], torch.full((128, 6), 4.268 / 9.138))
    assert float(features[0, 3, :198].max()) == pytest.approx((FLOOR + 4.268) / 9.138, abs=1e-4)


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_constant_sound_is_at_the_floor(level):
    features = preprocess.audio(np.full(32000, level, np.float32), 16000)
    assert float((features[0, :, :198] * STD + MEAN).max()) == pytest.approx(FLOOR, abs=1e-3)


def test_only_the_first_channel_is_heard():
    left, right = noise(32000, 1), noise(32000, 2)
    stereo = preprocess.audio(np.stack([left, right], axis=1), 16000)
    torch.testing.assert_close(stereo, preprocess.audio(left, 16000), atol=0, rtol=0)


def test_int16_is_full_scale_at_32768():
    pcm = (noise(32000) * 32768).round().astype(np.int16)
    as_float = (pcm / 32768).astype(np.float32)
    torch.testing.assert_close(
        preprocess.audio(pcm, 16000), preprocess.audio(as_float, 16000), atol=0, rtol=0
    )


def test_a_window_starts_afresh_every_10_ms():
    wave = noise(33600)
    early, late = preprocess.audio(wave[:32000], 16000), preprocess.audio(wave[1600:], 16000)
    torch.testing.assert_close(early[0, :, 10:198], late[0, :, :188], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "rates", [(48000, 16000), (44100, 16000), (8000, 16000), (22050, 16000), (11000, 7000)]
)
def test_resampling_is_torchaudios_formula(rates):
    wave = noise(400)
    got = resample(torch.from_numpy(wave), *rates).numpy()
    np.testing.assert_allclose(got, slow_resample(wave, *rates), atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 32000, 44100, 44101, 48000, 96000, 192000])
def test_a_tone_keeps_its_pitch_at_any_rate(rate_hz):
    t = np.arange(2 * rate_hz) / rate_hz
    features = preprocess.audio((0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32), rate_hz)
    reference = preprocess.audio(
        (0.5 * np.sin(2 * np.pi * 1000 * np.arange(32000) / 16000)).astype(np.float32), 16000
    )
    loudest = features[0, :, 50].argmax()
    assert loudest == reference[0, :, 50].argmax()
    assert abs(float(features[0, loudest, 50] - reference[0, loudest, 50])) < 0.01


def test_the_three_clips_of_a_file_are_spread_evenly():
    wave = noise(10 * 16000)
    clips = preprocess.audio_clips(wave, 16000)
    assert clips.shape == (3, 1, 128, 204)
    for clip, start in zip(clips, (0, 4 * 16000, 8 * 16000), strict=True):
        alone = preprocess.audio(wave[start : start + 32000], 16000)
        torch.testing.assert_close(clip, alone, atol=1e-4, rtol=0)


def test_overlapping_clips_see_the_shift_of_the_one_before():
    """Three seconds: clips start at 0, 0.5 and 1 s, and lose their means one after the other, in place."""
    wave = noise(3 * 16000) + np.linspace(0, 0.5, 3 * 16000, dtype=np.float32)
    shifted, expected = wave.copy(), []
    for start in (0, 8000, 16000):
        shifted[start : start + 32000] -= shifted[start : start + 32000].mean()
        expected.append(preprocess.audio(shifted[start : start + 32000], 16000))
    clips = preprocess.audio_clips(wave, 16000)
    torch.testing.assert_close(clips, torch.stack(expected), atol=1e-4, rtol=0)
    alone = preprocess.audio(wave[8000:40000], 16000)
    frames = ((clips[1] - alone).abs().amax(dim=(0, 1)) > 1e-2).nonzero().flatten().tolist()
    # The first clip ends 24000 samples into the second: only the frames over that sample differ.
    assert frames
    assert set(frames) <= {148, 149, 150}


def test_another_channel_can_be_heard():
    left, right = noise(32000, 1), noise(32000, 2)
    stereo = np.stack([left, right], axis=1)
    torch.testing.assert_close(preprocess.audio(stereo, 16000, 1), preprocess.audio(right, 16000))
    clips = preprocess.audio_clips(stereo, 16000, 1)
    torch.testing.assert_close(clips, preprocess.audio_clips(right, 16000), atol=0, rtol=0)
    for channel in (2, -1):
        with pytest.raises(InputError, match=f"no channel {channel}; there are 2"):
            preprocess.audio(stereo, 16000, channel)


@pytest.mark.parametrize(
    ("pcm", "rate_hz", "message"),
    [
        (np.zeros(0, np.float32), 16000, "empty"),
        (np.zeros((2, 0), np.float32), 16000, "empty"),
        (np.zeros(1, np.float32), 16000, "25 ms"),
        (np.zeros(399, np.float32), 16000, "25 ms"),
        (np.zeros((1, 1, 1), np.float32), 16000, "shape"),
        (np.array([0.0, np.nan]), 16000, "1 of 2 values are not finite, the first at"),
        (np.array([0.0, np.inf]), 16000, "not finite"),
        (np.full(32000, 3000.0), 16000, "full scale is 1"),
        (np.zeros(32000, np.uint8), 16000, "uint8"),
        (np.zeros(32000, np.float32), 0, "0 Hz"),
        (np.zeros(32000, np.float32), float("nan"), "nan Hz"),
        (np.zeros(32000, np.float32), 44100.5, "whole hertz"),
    ],
)
def test_what_is_no_sound_is_refused(pcm, rate_hz, message):
    with pytest.raises(InputError, match=message):
        preprocess.audio(pcm, rate_hz)


def still(count: int) -> np.ndarray:
    return np.tile(np.array([0, 0, 9.81, 0, 0, 0], np.float32), (count, 1))


def test_imu_is_interpolated_at_2000_instants_of_its_window():
    stamps = 1_700_000_000_000_000_000 + np.arange(201) * 5_000_000
    rows = still(201)
    rows[:, 0] = np.arange(201) * 0.01
    got = preprocess.imu(rows, stamps, int(stamps[0]), int(stamps[0]) + 1_000_000_000)
    assert got.shape == (6, 2000)
    np.testing.assert_allclose(got[0].numpy(), np.arange(2000) * 0.001, atol=1e-6)
    assert set(got[2].tolist()) == {float(np.float32(9.81))}


def test_imu_ends_are_held_beyond_the_rows():
    stamps = np.arange(100, 200) * 10_000_000
    rows = still(100)
    rows[0, 0], rows[-1, 0] = 1.0, 2.0
    got = preprocess.imu(rows, stamps, 0, 3_000_000_000)
    assert float(got[0, 0]) == 1.0
    assert float(got[0, -1]) == 2.0


def test_imu_at_another_rate_ends_in_zeros_and_in_another_order_has_it():
    stamps = np.arange(201) * 5_000_000
    rows = still(201)
    rows[:, 5] = np.arange(201) * 0.01
    got = preprocess.imu(rows, stamps, 0, 1_000_000_000, rate_hz=100, gyroscope_first=True)
    np.testing.assert_allclose(got[2, :100].numpy(), np.arange(100) * 0.02, atol=1e-6)
    assert set(got[5, :100].tolist()) == {float(np.float32(9.81))}
    assert not got[:, 100:].any()
    spread = preprocess.imu(rows, stamps, 0, 1_000_000_000, rate_hz=2000)
    assert spread.numpy().tobytes() == preprocess.imu(rows, stamps, 0, 1_000_000_000).numpy().tobytes()
    with pytest.raises(InputError, match="3000 instants a second are 3000 in 1 s; models take 2000"):
        preprocess.imu(rows, stamps, 0, 1_000_000_000, rate_hz=3000)


@pytest.mark.parametrize(
    ("rows", "stamps", "message"),
    [
        (still(3)[:, :5], np.arange(3), r"give \(n, 6\)"),
        (still(0), np.arange(0), "empty"),
        (still(1), np.arange(1), "at least two"),
        (still(3), np.arange(2), "for 3 rows"),
        (still(3), np.arange(3.0), "int64 ns"),
        (still(3), np.array([0, 2, 2]), "do not increase at row 2"),
        (still(3), np.array([0, 2, 1]), r"do not increase at row 2 \(2 then 1 ns\)"),
        (np.full((3, 6), np.nan), np.arange(3), "18 of 18 values are not finite"),
        (still(3) / 9.81, np.arange(3), "looks like g"),
        (still(3) * 100, np.arange(3), "looks like mg or raw counts"),
        (still(3) + np.array([0, 0, 0, 90, 0, 0]), np.arange(3), "degrees a second"),
    ],
)
def test_what_is_no_motion_is_refused(rows, stamps, message):
    with pytest.raises(InputError, match=message):
        preprocess.imu(rows, stamps)


def test_an_empty_imu_window_is_refused():
    with pytest.raises(InputError, match="is empty"):
        preprocess.imu(still(3), np.arange(3), 5, 5)
