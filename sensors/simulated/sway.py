"""What shakes the robot: bumps, and a person who carries it up stairs, on a walk, or sits down with it."""

from collections.abc import Callable

import numpy as np

from .script import Happening
from .split import between, finely

_RAMP_S = 0.4
_JOLT_M, _JOLT_RAD, _JOLT_DECAY_S, _JOLT_ATTACK_S = 0.0045, 0.010, 0.12, 0.006
_SIT_M = 0.38

Sway = Callable[[np.ndarray, float, tuple[float, ...]], np.ndarray]
"""From seconds (n,) since its begin, its length in s and its character, to how far it moves the body:
forward, left, up (m), roll, pitch (rad), float64 (n, 5). Twice differentiable, and 0 at both ends."""


def sway(happening: Happening, seconds: np.ndarray) -> np.ndarray:
    """How far a happening has moved the body, `seconds` (n,) after its begin: float64 (n, 5), see Sway."""
    length = (happening.end_ns - happening.start_ns) / 1e9
    inside = (seconds > 0) & (seconds < length)
    return inside[:, None] * SWAYS[happening.name](np.clip(seconds, 0, length), length, happening.character)


def _bump(t: np.ndarray, length: float, character: tuple[float, ...]) -> np.ndarray:
    """A damped oscillation along one direction, and in pitch; a blow, but not an endless one."""
    omega = 2 * np.pi * between(character[1], 10.0, 15.0)
    strength = between(character[0], 0.75, 1.3) * (1 if finely(character[2]) < 0.7 else -1)
    attack = _smooth(t / _JOLT_ATTACK_S) * _smooth((length - t) / 0.2)
    wave = -strength * attack * np.exp(-t / _JOLT_DECAY_S) * np.sin(omega * t)
    aside = between(character[3], -0.5, 0.5)
    return np.stack(
        (_JOLT_M * wave, aside * _JOLT_M * wave, 0.4 * _JOLT_M * wave, 0 * t, _JOLT_RAD * wave), axis=1
    )


def _walk(t: np.ndarray, length: float, character: tuple[float, ...]) -> np.ndarray:
    """Two vertical bounces a stride, one sway from side to side, as a body's centre moves in gait."""
    step = 2 * np.pi * between(character[0], 1.6, 2.15) * t
    lift = between(character[1], 0.018, 0.034)
    hard, turn = between(character[2], 0.15, 0.4), between(character[3], 0.03, 0.08)
    up = lift * (np.sin(step) + hard * np.sin(2 * step + 1) + 0.4 * hard * np.sin(3 * step))
    left, forward = 0.02 * np.sin(step / 2), 0.5 * lift * np.sin(step + 0.8)
    roll, pitch = turn * np.sin(step / 2), 0.6 * turn * np.sin(step + 0.4) + 2.5 * turn
    return _ramped(t, length) * np.stack((forward, left, up, roll, pitch), axis=1)


def _stairs(t: np.ndarray, length: float, character: tuple[float, ...]) -> np.ndarray:
    """Slower and harder steps than on the level, leaning forward; a steady climb itself is not felt."""
    step = 2 * np.pi * between(character[0], 1.05, 1.5) * t
    lift = between(character[1], 0.035, 0.06)
    up = lift * (np.sin(step) + 0.35 * np.sin(2 * step + 0.5) + 0.14 * np.sin(4 * step))
    forward, left = 0.9 * lift * np.sin(step + 1.6), 0.025 * np.sin(step / 2)
    lean, turn = between(character[2], 0.12, 0.3), between(character[3], 0.05, 0.12)
    roll, pitch = turn * np.sin(step / 2), lean + turn * np.sin(step + 0.9)
    return _ramped(t, length) * np.stack((forward, left, up, roll, pitch), axis=1)


def _sit(t: np.ndarray, length: float, character: tuple[float, ...]) -> np.ndarray:
    """Down within a second, leaning forward on the way; leant back while seated; and up again."""
    way = between(character[0], 0.8, 1.3)
    down = _smooth(t / way) * _smooth((length - t) / way)
    leaning = _hill(t / way) + _hill((length - t) / way)
    pitch = between(character[1], 0.35, 0.65) * leaning - between(character[2], 0.12, 0.3) * down
    forward = -0.25 * down + 0.08 * leaning
    sideways = between(character[3], -0.05, 0.05) * down
    return np.stack((forward, sideways, -_SIT_M * down, sideways, pitch), axis=1)


def _ramped(t: np.ndarray, length: float) -> np.ndarray:
    return (_smooth(t / _RAMP_S) * _smooth((length - t) / _RAMP_S))[:, None]


def _smooth(phase: np.ndarray) -> np.ndarray:
    """From 0 to 1 as minimum jerk (Flash and Hogan 1985)."""
    p = np.clip(phase, 0, 1)
    return p**3 * (10 - 15 * p + 6 * p**2)


def _hill(phase: np.ndarray) -> np.ndarray:
    """0, up to 1, and 0 again within [0, 1]."""
    p = np.clip(phase, 0, 1)
    return 64 * (p * (1 - p)) ** 3


SWAYS: dict[str, Sway] = {"bump": _bump, "walk": _walk, "stairs": _stairs, "sit": _sit}
CARRIED = ("walk", "stairs", "sit")
"""Meanwhile the robot does not drive."""
