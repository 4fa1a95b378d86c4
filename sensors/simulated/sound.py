"""What the simulated robot hears: the room, its own motors, the alarm and thuds."""

import numpy as np

from ..sample import NS
from .motion import Motion, motion_at
from .noise import keyed
from .room import BEACON
from .script import Happening, Script

RATE_HZ = 16_000
BEEP_NS = 500_000_000
"""The alarm's period: it sounds, and its beacon shines, in the first half."""

_ALARM_HZ = (2250.0, 2350.0)
_ALARM_GAIN = 0.5
_MOTOR_CYCLES_PER_M = 330.0
_MOTOR_HARMONICS = ((1, 0.030), (2, 0.018), (3, 0.010), (5, 0.006))
_MAINS = ((100, 0.0025), (200, 0.0012))
_ROOM_GAIN, _SELF_NOISE = 0.006, 0.0008
_ROOM_LOOPS_S = (7, 11)
_THUD_HZ, _THUD_GAIN = 72.0, 0.4


class Sound:
    """The microphone's signal, at any sample index of the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._loops = [_pink(script.seed, seconds) for seconds in _ROOM_LOOPS_S]

    def pcm(self, first: int, count: int) -> np.ndarray:
        """Samples `first` to `first + count` since the script's start, int16 (count, 1)."""
        index = np.arange(first, first + count)
        t_ns = index * NS // RATE_HZ
        signal = self._room(index) + _motor(motion_at(self._script, t_ns))
        for happening in self._script.during(int(t_ns[0]), int(t_ns[-1]) + 1):
            if happening.name in _VOICES:
                signal += self._heard(happening, index)
        return np.clip(np.round(signal * 32767), -32768, 32767).astype(np.int16)[:, None]

    def _room(self, index: np.ndarray) -> np.ndarray:
        """Ventilation (two loops of coprime lengths repeat every 77 s), mains hum, the microphone itself."""
        air = sum(loop[index % len(loop)] for loop in self._loops)
        mains = sum(gain * np.sin(2 * np.pi * hz / RATE_HZ * (index % RATE_HZ)) for hz, gain in _MAINS)
        own = keyed(self._script.seed, "microphone", int(index[0])).standard_normal(len(index))
        return _ROOM_GAIN * air + mains + _SELF_NOISE * own

    def _heard(self, happening: Happening, index: np.ndarray) -> np.ndarray:
        """One happening's own sound, 0 outside of it."""
        start = -(-happening.start_ns * RATE_HZ // NS)
        end = -(-happening.end_ns * RATE_HZ // NS)
        inside = (index >= start) & (index < end)
        return inside * _VOICES[happening.name](self._script, happening, index - start)


def beeping(alarm: Happening, t_ns: int) -> bool:
    """Whether the alarm sounds (and its beacon shines) at `t_ns` since the script's start."""
    return alarm.start_ns <= t_ns < alarm.end_ns and (t_ns - alarm.start_ns) % BEEP_NS < BEEP_NS // 2


def _motor(motion: Motion) -> np.ndarray:
    """Gear whine: its pitch is the wheel's speed because its phase is the way travelled."""
    phase = 2 * np.pi * _MOTOR_CYCLES_PER_M * motion.travelled
    load = np.minimum(motion.speed, 0.5)
    return load * sum(gain * np.sin(n * phase) for n, gain in _MOTOR_HARMONICS)


def _alarm(script: Script, alarm: Happening, sample: np.ndarray) -> np.ndarray:
    """A beeper above the door: a tone and its third harmonic, fainter with the distance."""
    low, high = _ALARM_HZ
    hz = low + (high - low) * alarm.character[0]
    phase = 2 * np.pi * hz / RATE_HZ * sample
    into = sample % (BEEP_NS * RATE_HZ // NS) / RATE_HZ
    ramp = np.clip(np.minimum(into, BEEP_NS / 2 / NS - into) / 0.005, 0, 1)
    ear = motion_at(script, np.array([alarm.start_ns])).position[0] + (0, 0, 1)
    gain = _ALARM_GAIN / float(np.linalg.norm(np.subtract(BEACON, ear)))
    return gain * ramp * (np.sin(phase) + 0.4 * np.sin(3 * phase))


def _thud(script: Script, bump: Happening, sample: np.ndarray) -> np.ndarray:
    """A knock on the robot's body: a low, damped tone behind a click of noise."""
    t = np.maximum(sample, 0) / RATE_HZ
    strength = _THUD_GAIN * (0.8 + 0.4 * bump.character[0])
    click = keyed(script.seed, "thud", bump.start_ns).standard_normal(RATE_HZ // 8)
    rattle = click[np.minimum(np.maximum(sample, 0), len(click) - 1)] * np.exp(-t / 0.02)
    return strength * (np.exp(-t / 0.12) * np.sin(2 * np.pi * _THUD_HZ * t) + 0.35 * rattle)


def _pink(seed: int, seconds: int) -> np.ndarray:
    """A loop of noise falling 3 dB an octave above 40 Hz, unit variance, seamless where it repeats."""
    count = seconds * RATE_HZ
    spectrum = np.fft.rfft(keyed(seed, "air", seconds).standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    loop = np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, 40.0)), count)
    return loop / loop.std()


_VOICES = {"alarm": _alarm, "bump": _thud}
