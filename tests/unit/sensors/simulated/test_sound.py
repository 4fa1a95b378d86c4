"""What the microphone hears agrees with the script, whatever the chunks."""

import numpy as np
import pytest
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.alarm import beep_ns, beeping
from sixsense.sensors.simulated.building import ROOMS, room
from sixsense.sensors.simulated.kinds import KINDS
from sixsense.sensors.simulated.path import activities
from sixsense.sensors.simulated.script import Script
from sixsense.sensors.simulated.sound import VOICES, Sound
from sixsense.sensors.simulated.split import SPLITS, Split
from sixsense.sensors.simulated.tones import RATE_HZ

HEARD = [name for name, kind in KINDS.items() if "audio" in kind.modalities]
# Where most of each sound's power is, Hz; of the others anywhere.
BANDS = {
    "alarm": (1400, 4500),
    "bump": (40, 160),
    "glass": (1500, 8000),
    "rain": (700, 8000),
    "motor": (40, 3600),
}


def heard(script: Script, from_ns: int, seconds: float) -> np.ndarray:
    first = from_ns * RATE_HZ // NS
    return Sound(script).pcm(first, int(seconds * RATE_HZ))[:, 0] / 32768


def band(signal: np.ndarray, low: float, high: float) -> float:
    """Root mean square of the part between two frequencies."""
    spectrum = np.fft.rfft(signal)
    hz = np.fft.rfftfreq(len(signal), 1 / RATE_HZ)
    inside = (hz >= low) & (hz < high)
    return float(np.sqrt(2 * np.sum(np.abs(spectrum[inside]) ** 2)) / len(signal))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", HEARD)
def test_what_sounds_is_heard_when_the_script_says(name: str, split: Split) -> None:
    for seed in range(2):
        script = Script(seed, split)
        shown = script.first(name)
        during = heard(script, shown.start_ns, (shown.end_ns - shown.start_ns) / NS).std()
        before = heard(script, shown.start_ns - NS * 9 // 10, 0.9).std()
        after = heard(script, shown.end_ns, 0.9).std()
        assert during > 1.5 * max(before, after), (seed, during, before, after)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", BANDS)
def test_its_power_is_where_it_should_be(name: str, split: Split) -> None:
    for seed in range(2):
        script = Script(seed, split)
        shown = script.first(name)
        sound = heard(script, shown.start_ns, (shown.end_ns - shown.start_ns) / NS)
        assert band(sound, *BANDS[name]) > 0.7 * band(sound, 20, 8000), seed


@pytest.mark.parametrize("name", [name for name in KINDS if name not in VOICES])
def test_the_rest_makes_no_sound(name: str) -> None:
    script = Script(4)
    shown = script.first(name)
    silence = heard(script, shown.start_ns, (shown.end_ns - shown.start_ns) / NS)
    assert silence.std() < 0.03


def test_what_is_heard_is_what_the_table_says() -> None:
    assert set(VOICES) == set(HEARD)


def test_the_beacon_shines_while_the_alarm_sounds() -> None:
    script = Script(3)
    alarm = script.first("alarm")
    for beep in range(3):
        start = alarm.start_ns + beep * beep_ns(alarm)
        lit, dark = start + beep_ns(alarm) // 4, start + beep_ns(alarm) * 3 // 4
        assert beeping(alarm, lit)
        assert not beeping(alarm, dark)
        assert band(heard(script, lit, 0.05), 1400, 8000) > 3 * band(heard(script, dark, 0.05), 1400, 8000)
    assert not beeping(alarm, alarm.end_ns)


def test_the_motor_follows_the_speed() -> None:
    script = Script(5)
    legs = [one.start_ns for one in activities(script, 0, 300 * NS) if one.name == "drive"]

    def quiet(after_s: float) -> list[float]:
        starts = [start + round(after_s * NS) for start in legs]
        return [
            float(heard(script, start, 0.9).std()) for start in starts if not script.during(start, start + NS)
        ]

    at_rest, under_way = quiet(4.6), quiet(1.8)
    assert len(at_rest) >= 2
    assert len(under_way) >= 2
    assert np.median(under_way) > 1.3 * np.median(at_rest)


@pytest.mark.parametrize("split", SPLITS)
def test_nothing_clips_and_nothing_is_silent(split: Split) -> None:
    for seed in range(2):
        signal = heard(Script(seed, split), 0, 40)
        assert np.abs(signal).max() < 0.999
        assert signal.reshape(-1, RATE_HZ).std(axis=1).min() > 0.001


def test_samples_do_not_depend_on_the_chunks() -> None:
    sound = Sound(Script(2))
    start = Script(2).first("alarm").start_ns * RATE_HZ // NS // 320
    whole = sound.pcm(320 * start, 320 * 50)
    chunks = [sound.pcm(320 * (start + k), 320) for k in range(50)]
    assert (np.concatenate(chunks) == whole).all()


def test_every_room_sounds_different() -> None:
    script = Script(0)
    loops = {room("train", number).traits[27] for number in range(ROOMS["train"])}
    assert len(loops) == ROOMS["train"]
    assert heard(script, 0, 0.1).std() > 0
