"""The alarm: three sorts of beeper above the door, and the beacon that shines with them."""

import numpy as np

from .script import Happening
from .split import between, finely

_GAIN = 0.5


def beep_ns(alarm: Happening) -> int:
    """Its period: it sounds, and its beacon shines, in the first half."""
    return round(between(alarm.character[1], 0.38, 0.62) * 1e9)


def beeping(alarm: Happening, t_ns: int) -> bool:
    """Whether the alarm sounds (and its beacon shines) at `t_ns` since the script's start."""
    period = beep_ns(alarm)
    return alarm.start_ns <= t_ns < alarm.end_ns and (t_ns - alarm.start_ns) % period < period // 2


def alarm_sound(alarm: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """At one metre, at `t` (n,) seconds since its begin: steady beeps, beeps of two tones, or rising ones."""
    period = beep_ns(alarm) / 1e9
    into = t % period
    hz = between(alarm.character[0], 1500.0, 3200.0)
    bent = between(alarm.character[2], 0.08, 0.3)
    turn = finely(alarm.character[3])
    if turn < 0.4:
        cycles = hz * t
    elif turn < 0.7:
        cycles = hz * t * (1 + bent * (np.floor(t / period) % 2))
    else:
        cycles = hz * into * (1 + bent * into / period)
    ramp = np.clip(np.minimum(into, period / 2 - into) / 0.005, 0, 1)
    third = between(alarm.character[4], 0.15, 0.5)
    phase = 2 * np.pi * cycles + chance.uniform(0, 6)
    return _GAIN * ramp * (np.sin(phase) + third * np.sin(3 * phase) * (3 * hz * (1 + bent) < 7800))
