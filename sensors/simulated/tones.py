"""What sounds are made of: noise of a band, and rings that die away."""

import numpy as np

RATE_HZ = 16_000
"""The microphone's, and of everything that is heard."""


def hiss(chance: np.random.Generator, count: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Noise between two frequencies with soft edges of half an octave, unit variance, float64 (count,)."""
    length = 1 << max(6, (count - 1).bit_length())
    hz = np.maximum(np.fft.rfftfreq(length, 1 / RATE_HZ), 1.0)
    pass_band = 1 / np.sqrt((1 + (low_hz / hz) ** 8) * (1 + (hz / high_hz) ** 8))
    noise = np.fft.irfft(np.fft.rfft(chance.standard_normal(length)) * pass_band, length)
    return noise[:count] / noise.std()


def ring(t: np.ndarray, hz: float, decay_s: float) -> np.ndarray:
    """A damped tone struck at t = 0, with an attack of 0.5 ms."""
    struck = np.maximum(t, 0)
    return np.minimum(struck / 0.0005, 1) * np.exp(-struck / decay_s) * np.sin(2 * np.pi * hz * struck)


def fall(t: np.ndarray, decay_s: float) -> np.ndarray:
    """An envelope that jumps to 1 at t = 0 and dies away."""
    return (t >= 0) * np.exp(-np.maximum(t, 0) / decay_s)


def add(signal: np.ndarray, at: int, sound: np.ndarray) -> None:
    """Lay a sound into a signal at a sample, as much as there is room for."""
    kept = sound[: max(0, len(signal) - at)]
    signal[at : at + len(kept)] += kept


def swell(t: np.ndarray, seconds: float, ramp_s: float) -> np.ndarray:
    """From 0 up to 1 and back within `seconds`."""
    return np.clip(np.minimum(t, seconds - t) / ramp_s, 0, 1)
