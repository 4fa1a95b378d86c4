"""What the simulated robot hears: the room, its own motors, and what happens, fainter with the distance."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..sample import NS
from .alarm import alarm_sound
from .building import room_of
from .figures import place
from .impacts import door_sound, footsteps_sound, glass_sound, thud_sound
from .noise import keyed
from .noises import kettle_sound, motor_sound, rain_sound
from .path import Path, path_at
from .room import Point, Room
from .script import Happening, Script
from .split import between, finely
from .tones import RATE_HZ
from .voices import babble_sound, bark_sound

_EAR_M = 1.0
_MOTOR_HARMONICS = ((1, 0.030), (2, 0.018), (3, 0.010), (5, 0.006))
_ROOM_LOOPS_S, _SELF_LOOP_S = (7, 11), 13
_SELF_NOISE = 0.0008
_FADE_S = 0.02

Voice = Callable[[Happening, np.ndarray, np.random.Generator], np.ndarray]
"""From the seconds (n,) since a happening's begin to its sound at one metre, float64 (n,)."""

VOICES: dict[str, tuple[Voice, Callable[[Room, Happening], Point | None]]] = {
    "alarm": (alarm_sound, lambda room, _: room.beacon),
    "bump": (thud_sound, lambda _, __: None),
    "dog": (bark_sound, lambda room, dog: (*place(room, dog), 0.6)),
    "kettle": (kettle_sound, lambda room, _: room.counter),
    "footsteps": (footsteps_sound, lambda room, _: (room.door, room.north + 0.6, 0.0)),
    "door": (door_sound, lambda room, _: (room.door, room.north, 1.0)),
    "glass": (glass_sound, lambda room, _: room.counter),
    "babble": (babble_sound, lambda room, _: (room.door, room.north + 0.5, 1.6)),
    "rain": (rain_sound, lambda room, _: room.window),
    "motor": (motor_sound, lambda room, _: (-room.door, room.north - 1.0, 0.3)),
}
"""How each happening sounds, and where it sounds from; None where the robot itself does."""


class Sound:
    """The microphone's signal, at any sample index of the script."""

    def __init__(self, script: Script) -> None:
        self._script, self._room = script, room_of(script)

    def pcm(self, first: int, count: int) -> np.ndarray:
        """Samples `first` to `first + count` since the script's start, int16 (count, 1)."""
        index = np.arange(first, first + count)
        t_ns = index * NS // RATE_HZ
        signal = _background(self._room, index) + _motor(self._room, path_at(self._script, t_ns))
        for happening in self._script.during(int(t_ns[0]), int(t_ns[-1]) + 1):
            if happening.name in VOICES:
                _lay(signal, first, _heard(self._script, happening), _sample_from(happening.start_ns))
        return np.clip(np.round(signal * 32767), -32768, 32767).astype(np.int16)[:, None]


def _background(room: Room, index: np.ndarray) -> np.ndarray:
    """Ventilation and the microphone itself (loops of coprime lengths repeat every 17 minutes), mains hum."""
    *air, own = _loops(room)
    mains = 100 if finely(room.traits[26]) < 0.6 else 120
    hum = sum(
        gain * np.sin(2 * np.pi * hz / RATE_HZ * (index % RATE_HZ))
        for hz, gain in ((mains, 0.0025), (2 * mains, 0.0012))
    )
    loud = between(room.traits[27], 0.003, 0.010)
    breath = sum(loop[index % len(loop)] for loop in air)
    return loud * breath + between(room.traits[28], 0.2, 1.5) * hum + _SELF_NOISE * own[index % len(own)]


@lru_cache(maxsize=128)
def _loops(room: Room) -> list[np.ndarray]:
    """Noise of unit variance, seamless where it repeats: two of the room's air, and white."""
    slope = between(room.traits[29], 0.8, 1.5)
    loops: list[np.ndarray] = []
    for seconds, falling in (*((s, slope) for s in _ROOM_LOOPS_S), (_SELF_LOOP_S, 0.0)):
        count = seconds * RATE_HZ
        chance = keyed(room.number, f"{room.split}/air", seconds)
        hz = np.maximum(np.fft.rfftfreq(count, 1 / RATE_HZ), 40.0)
        loop = np.fft.irfft(np.fft.rfft(chance.standard_normal(count)) / hz ** (falling / 2), count)
        loops.append((loop / loop.std()).astype(np.float32))
    return loops


def _motor(room: Room, path: Path) -> np.ndarray:
    """Gear whine: its pitch is the wheels' speed because its phase is the way they went. A turn on the spot
    runs them too."""
    cycles_per_m = between(room.traits[30], 260.0, 400.0)
    speed = path.speed + 0.25 * np.abs(path.yaw_rate)
    phase = 2 * np.pi * cycles_per_m * (path.travelled + 0.25 * path.yaw)
    return np.minimum(speed, 0.5) * sum(gain * np.sin(n * phase) for n, gain in _MOTOR_HARMONICS)


@lru_cache(maxsize=32)
def _heard(script: Script, happening: Happening) -> np.ndarray:
    """All of one happening's sound at the microphone, float32, from its first sample on."""
    count = _sample_from(happening.end_ns) - _sample_from(happening.start_ns)
    voice, source = VOICES[happening.name]
    t = np.arange(count) / RATE_HZ
    sound = voice(happening, t, script.keyed(happening.name, happening.start_ns))
    room = room_of(script)
    at = source(room, happening)
    if at is not None:
        ear = path_at(script, np.array([happening.start_ns])).position[0] + (0, 0, _EAR_M)
        sound = _echoed(room, sound) / max(0.5, float(np.linalg.norm(np.subtract(at, ear))))
    return (sound * np.clip((t[-1] - t) / _FADE_S, 0, 1)).astype(np.float32)


def _echoed(room: Room, sound: np.ndarray) -> np.ndarray:
    """With its first three reflections at the room's walls."""
    echoed = sound.copy()
    hard = between(room.traits[30], 0.15, 0.45)
    for number, trait in enumerate(room.traits[26:29], start=1):
        late = int(between(trait, 0.004, 0.012) * number * RATE_HZ)
        echoed[late:] += hard**number * sound[: len(sound) - late]
    return echoed


def _sample_from(t_ns: int) -> int:
    """The first sample at or after `t_ns`."""
    return -(-t_ns * RATE_HZ // NS)


def _lay(signal: np.ndarray, first: int, sound: np.ndarray, start: int) -> None:
    """Add what of a sound that begins at sample `start` falls on a signal that begins at `first`."""
    low, high = max(first, start), min(first + len(signal), start + len(sound))
    if low < high:
        signal[low - first : high - first] += sound[low - start : high - start]
