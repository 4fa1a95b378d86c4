"""Sounds of things that hit each other: a thud, footsteps, a door, glass."""

import numpy as np

from .script import Happening
from .split import between, finely
from .tones import RATE_HZ, add, fall, hiss, ring


def thud_sound(bump: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """A knock on the robot's own body: a low, damped tone behind a click of noise."""
    hz = between(bump.character[4], 58.0, 95.0)
    strength = 0.4 * between(bump.character[0], 0.8, 1.2)
    rattle = hiss(chance, len(t), 300, between(bump.character[5], 2500, 6000)) * fall(t, 0.02)
    return strength * (ring(t, hz, 0.12) + between(bump.character[6], 0.2, 0.5) * rattle)


def footsteps_sound(steps: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Heel and sole on wood, carpet or gravel, coming nearer and going again."""
    cadence = between(steps.character[0], 1.5, 2.3)
    ground = finely(steps.character[1])
    signal = np.zeros(len(t))
    for number in range(int(t[-1] * cadence) + 1):
        at = (number + 0.15 + 0.08 * chance.random()) / cadence
        beat = _step(steps, ground, chance) * (0.85 + 0.3 * (number % 2))
        add(signal, round(at * RATE_HZ), beat)
    middle = (t / t[-1] - 0.5) / 0.45
    return 2.2 * signal * np.exp(-(middle**2))


def _step(steps: Happening, ground: float, chance: np.random.Generator) -> np.ndarray:
    t = np.arange(int(0.28 * RATE_HZ)) / RATE_HZ
    body = ring(t, between(steps.character[2], 75, 170), 0.035)
    heel = hiss(chance, len(t), 700, between(steps.character[3], 2500, 6500)) * fall(t, 0.012)
    sole = hiss(chance, len(t), 200, 2000) * fall(t - 0.09, 0.03)
    if ground < 0.45:
        return body + 0.5 * heel + 0.25 * sole
    if ground < 0.7:
        return 1.2 * body + 0.12 * heel + 0.3 * sole
    crunch = hiss(chance, len(t), 1500, 7000) * fall(t, 0.07) * (chance.random(len(t)) < 0.25)
    return 0.5 * body + 0.2 * heel + 0.9 * crunch


def door_sound(door: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Hinges that creak, if they do, then the leaf in its frame, and the latch."""
    shut = 0.62 * t[-1]
    slam = ring(t - shut, between(door.character[0], 60, 130), 0.09) + 0.5 * ring(
        t - shut, between(door.character[1], 180, 380), 0.05
    )
    wood = hiss(chance, len(t), 150, between(door.character[2], 1200, 3500)) * fall(t - shut, 0.06)
    latch = hiss(chance, len(t), 2500, 6500) * (
        fall(t - shut - 0.07, 0.008) + 0.7 * fall(t - shut - 0.13, 0.006)
    )
    creaks = 0.25 * (finely(door.character[3]) < 0.65)
    return 1.3 * slam + 0.7 * wood + 0.35 * latch + creaks * _creak(door, t, shut)


def _creak(door: Happening, t: np.ndarray, shut: float) -> np.ndarray:
    """Stick and slip: a train of pulses that rings the panel."""
    hz = between(door.character[4], 90, 260) * (
        1 + 0.5 * np.sin(2 * np.pi * between(door.character[5], 0.5, 1.3) * t)
    )
    phase = np.cumsum(hz) / RATE_HZ
    pulse = np.exp(-12 * (phase % 1)) * np.sin(2 * np.pi * between(door.character[6], 900, 2200) * t)
    return pulse * np.clip(np.minimum(t - 0.1, shut - 0.15 - t) / 0.1, 0, 1)


def glass_sound(glass: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """A crack, then shards that ring as they fall."""
    signal = 0.8 * hiss(chance, len(t), between(glass.character[0], 1500, 3000), 7500) * fall(t - 0.03, 0.035)
    shards = int(between(glass.character[1], 25, 70))
    low, high = between(glass.character[2], 1800, 3200), between(glass.character[3], 5200, 7600)
    spread, decay = between(glass.character[4], 0.15, 0.4), between(glass.character[5], 0.03, 0.12)
    short = np.arange(int(0.4 * RATE_HZ)) / RATE_HZ
    for _ in range(shards):
        at = 0.03 + chance.exponential(spread)
        loud = 0.35 * chance.random() ** 2 * np.exp(-at)
        add(
            signal,
            round(at * RATE_HZ),
            loud * ring(short, chance.uniform(low, high), decay * chance.uniform(0.3, 1.5)),
        )
    return signal
