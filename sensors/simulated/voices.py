"""Sounds of throats: people who talk, dogs that bark."""

import numpy as np

from .script import Happening
from .split import between, finely
from .tones import RATE_HZ, add, hiss, swell

# First three formants of vowels in Hz (Peterson and Barney 1952, men).
_VOWELS = np.array(
    (
        (730, 1090, 2440),
        (530, 1840, 2480),
        (270, 2290, 3010),
        (570, 840, 2410),
        (300, 870, 2240),
        (640, 1190, 2390),
        (490, 1350, 1690),
    )
)
_WIDTHS_HZ = (90.0, 130.0, 190.0)


def babble_sound(babble: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """One voice or two that say syllables of no language, with pauses: pulses through vowels' formants."""
    speakers = 1 + (finely(babble.character[0]) < 0.35)
    signal = np.zeros(len(t))
    for speaker in range(speakers):
        base = between(babble.character[1 + speaker], 95, 240)
        tract = between(babble.character[3], 0.95, 1.2) * (base / 120) ** 0.18
        rate = between(babble.character[4], 3.2, 5.5)
        at = 0.05 + 0.3 * speaker * chance.random()
        while at < t[-1] - 0.2:
            length = chance.uniform(0.6, 1.1) / rate
            add(signal, round(at * RATE_HZ), _syllable(length, base, tract, chance))
            at += length * 0.95 + (chance.random() < 0.15) * chance.uniform(0.1, 0.4)
    return 1.2 * signal / max(1e-9, float(np.abs(signal).max())) * swell(t, float(t[-1]), 0.05)


def _syllable(length: float, base: float, tract: float, chance: np.random.Generator) -> np.ndarray:
    t = np.arange(int(length * RATE_HZ)) / RATE_HZ
    pitch = base * (1 + chance.uniform(-0.12, 0.2)) * (1 + chance.uniform(-0.25, 0.12) * t / length)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    here, there = _VOWELS[chance.integers(len(_VOWELS), size=2)] * tract
    formants = here + (there - here) * 0.5
    harmonics = np.arange(1, int(3800 / base))
    gains = sum(
        weight / (1 + ((harmonics * base - formant) / width) ** 2)
        for weight, formant, width in zip((1.0, 0.6, 0.35), formants, _WIDTHS_HZ, strict=True)
    )
    voiced = np.sin(phase[:, None] * harmonics) @ (gains / np.sqrt(harmonics))
    voiced *= np.sin(np.pi * np.clip(t / length, 0, 1)) ** 0.7
    if chance.random() < 0.4:
        start = hiss(chance, len(t), chance.uniform(2500, 4500), 7500) * np.clip(
            1 - t / (0.35 * length), 0, 1
        )
        return np.where(t < 0.3 * length, 0.25, 1.0) * voiced + 0.35 * start
    return voiced


def bark_sound(dog: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Barks in groups: a harsh tone that falls, and breath."""
    base = between(dog.character[0], 260, 720)
    signal = np.zeros(len(t))
    at = 0.25
    while at < t[-1] - 0.3:
        for _ in range(int(chance.integers(1, 4))):
            add(signal, round(at * RATE_HZ), _bark(dog, base, chance))
            at += chance.uniform(0.28, 0.4)
        at += chance.uniform(0.15, 0.5)
    return 0.8 * signal


def _bark(dog: Happening, base: float, chance: np.random.Generator) -> np.ndarray:
    length = between(dog.character[1], 0.12, 0.24)
    t = np.arange(int(length * RATE_HZ)) / RATE_HZ
    way = t / length
    pitch = base * chance.uniform(0.92, 1.08) * (0.8 + 0.5 * np.sin(np.pi * np.minimum(way + 0.15, 1)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    harmonics = np.arange(1, max(2, int(5000 / (1.3 * base))))
    peak = between(dog.character[2], 700, 1500)
    gains = 1 / (1 + ((harmonics * base - peak) / 700) ** 2)
    tone = np.sin(phase[:, None] * harmonics + 0.6 * chance.standard_normal(len(harmonics))) @ gains
    breath = hiss(chance, len(t), 400, 4500)
    rough = between(dog.character[3], 0.15, 0.5)
    envelope = np.minimum(way / 0.08, 1) * (1 - way) ** 0.6
    return envelope * ((1 - rough) * tone / np.abs(tone).max() + 0.4 * rough * breath)
