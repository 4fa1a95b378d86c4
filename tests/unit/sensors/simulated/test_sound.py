"""What the microphone hears agrees with the script, whatever the chunks."""

import numpy as np
import pytest
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.motion import motion_at
from sixsense.sensors.simulated.script import Script
from sixsense.sensors.simulated.sound import RATE_HZ, Sound

SEEDS = (0, 3, 9)


def heard(script: Script, from_ns: int, seconds: float) -> np.ndarray:
    sound = Sound(script)
    first = from_ns * RATE_HZ // NS // 320
    chunks = [sound.pcm(320 * k, 320) for k in range(first, first + int(50 * seconds))]
    return np.concatenate(chunks)[:, 0] / 32768


def band(signal: np.ndarray, low: float, high: float) -> float:
    """Root mean square of the part between two frequencies."""
    spectrum = np.fft.rfft(signal)
    hz = np.fft.rfftfreq(len(signal), 1 / RATE_HZ)
    inside = (hz >= low) & (hz < high)
    return float(np.sqrt(2 * np.sum(np.abs(spectrum[inside]) ** 2)) / len(signal))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_alarm_is_heard_when_the_script_says(seed: int) -> None:
    script = Script(seed)
    for alarm in script.during(0, 60 * NS, "alarm"):
        during = band(heard(script, alarm.start_ns, 2), 2100, 2500)
        before = band(heard(script, alarm.start_ns - 5 * NS // 2, 2), 2100, 2500)
        after = band(heard(script, alarm.end_ns + NS // 10, 1), 2100, 2500)
        assert during > 10 * max(before, after)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_bump_is_heard(seed: int) -> None:
    script = Script(seed)
    for bump in script.during(0, 60 * NS, "bump"):
        assert band(heard(script, bump.start_ns, 0.3), 50, 100) > 0.05
        assert band(heard(script, bump.start_ns - NS, 0.8), 50, 100) < 0.02


def test_the_motor_follows_the_speed() -> None:
    script = Script(5)
    at_rest, driving = heard(script, 17 * NS, 0.9), heard(script, 14 * NS, 0.9)
    resting, moving = motion_at(script, np.array([14 * NS, 17 * NS])).speed[::-1]
    assert resting < 0.01
    assert moving > 0.1
    assert driving.std() > 1.1 * at_rest.std()


def test_nothing_clips_and_nothing_is_silent() -> None:
    signal = heard(Script(7), 0, 60)
    assert np.abs(signal).max() < 0.999
    assert signal.reshape(-1, RATE_HZ).std(axis=1).min() > 0.003
