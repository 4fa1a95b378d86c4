"""Synthesised sounds for classes that no recording at hand has: engines, birds, beeps, voices, rooms."""

from collections.abc import Callable

import numpy as np

RATE_HZ = 16_000

Random = np.random.Generator


def engine(random: Random, count: int) -> np.ndarray:
    """Firing pulses of a four-stroke engine, uneven, passing by, with road and exhaust noise."""
    t = np.arange(count) / RATE_HZ
    firing = _wander(random, count, random.uniform(18, 110), random.uniform(0.02, 0.5))
    phase = np.cumsum(firing) / RATE_HZ
    pulses = np.zeros(count)
    for k in range(1, int(random.integers(12, 40))):
        wave = np.cos(2 * np.pi * k * phase / 2 + random.uniform(0, 6))
        pulses += wave * random.uniform(0.2, 1) / k ** random.uniform(0.3, 1)
    rough = coloured(random, count, random.uniform(0.5, 1.2)) * (
        1 + random.uniform(0, 0.8) * np.cos(2 * np.pi * phase)
    )
    passing = np.exp(-(((t - random.uniform(-0.5, t[-1] + 0.5)) / random.uniform(0.8, 5)) ** 2))
    return unit(pulses) * 0.6 * passing + unit(rough) * random.uniform(0.2, 0.9) * passing


def bird(random: Random, count: int) -> np.ndarray:
    """A phrase of whistled syllables, each a quick sweep, sung again and again."""
    wave = np.zeros(count)
    syllables = [_syllable(random) for _ in range(int(random.integers(1, 5)))]
    at, pause = random.uniform(0, 0.4), random.uniform(0.03, 0.3)
    while at * RATE_HZ < count:
        for syllable in syllables:
            _add(wave, syllable * random.uniform(0.5, 1), at)
            at += len(syllable) / RATE_HZ + pause * random.uniform(0.7, 1.3)
        at += random.choice([0.0, random.uniform(0.2, 1.2)])
    return wave + 0.02 * random.random() * coloured(random, count, 1.0)


def _syllable(random: Random) -> np.ndarray:
    count = int(RATE_HZ * random.uniform(0.03, 0.3))
    t = np.linspace(0, 1, count)
    low, high = np.sort(random.uniform(1800, 7000, 2))
    path = random.choice(
        [t, 1 - t, np.sin(np.pi * t), 0.5 + 0.5 * np.sin(2 * np.pi * random.uniform(1, 9) * t)]
    )
    tone = np.sin(2 * np.pi * np.cumsum(low + (high - low) * path) / RATE_HZ)
    return tone * np.sin(np.pi * t) ** random.uniform(0.5, 2)


def beeps(random: Random, count: int) -> np.ndarray:
    """An alarm: one tone or two in turn, steady or swept, on and off."""
    t = np.arange(count) / RATE_HZ
    period = random.uniform(0.15, 1.2)
    on = (t + random.uniform(0, period)) % period < period * random.uniform(0.3, 0.8)
    first, second = random.uniform(500, 4000, 2)
    kind = random.integers(4)
    hz = np.where(t % (2 * period) < period, first, second if kind == 1 else first)
    if kind == 2:
        hz = first * (1 + random.uniform(0.1, 0.8) * (t % period) / period)
    if kind == 3:
        hz, on = first * (1 + 0.3 * np.sin(2 * np.pi * t / (2 * period))), np.ones(count, bool)
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    tone = (
        np.sin(phase)
        + random.uniform(0, 0.6) * np.sin(3 * phase)
        + random.uniform(0, 0.4) * np.sin(2 * phase)
    )
    return tone * _smooth(on.astype(float), 80)


def steps(random: Random, count: int) -> np.ndarray:
    """Footfalls at a walking pace: a heel's thud, then a sole's short noise."""
    wave, pace, hz = np.zeros(count), random.uniform(0.35, 0.75), random.uniform(60, 220)
    sharp, sole = random.uniform(0.01, 0.05), random.uniform(0.1, 1.2)
    at = random.uniform(0, pace)
    while at * RATE_HZ < count:
        t = np.arange(int(0.25 * RATE_HZ)) / RATE_HZ
        heel = np.sin(2 * np.pi * hz * random.uniform(0.9, 1.1) * t) * np.exp(-t / 0.03)
        noise = random.standard_normal(len(t)) * np.exp(-t / sharp) * sole
        _add(wave, (heel + _smooth(noise, int(random.integers(1, 8)))) * random.uniform(0.6, 1), at)
        at += pace * random.uniform(0.93, 1.07)
    return wave


def voices(random: Random, count: int) -> np.ndarray:
    """Speech-like: a pulse train through moving formants in syllables; several talkers make a babble."""
    wave = np.zeros(count)
    for _ in range(int(random.integers(1, 4))):
        wave += _talker(random, count) * random.uniform(0.3, 1)
    return wave


def _talker(random: Random, count: int) -> np.ndarray:
    pitch = _wander(random, count, random.uniform(85, 260), 0.15)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    formants = [_wander(random, count, hz, 0.35, 6.0) for hz in (500, 1500, 2600)]
    wave = np.zeros(count)
    for k in range(1, 20):
        strength = sum(
            np.exp(-(((k * pitch - f) / (90 + 0.06 * f)) ** 2)) * g
            for f, g in zip(formants, (1, 0.5, 0.25), strict=True)
        )
        wave += np.where(k * pitch < 7500, np.sin(k * phase), 0) * (strength + 0.02 / k)
    talking = _smooth((_wander(random, count, 1.0, 0.9, 4.0) > random.uniform(0.7, 1.0)).astype(float), 500)
    hiss = coloured(random, count, -0.5) * 0.03 * (1 - talking)
    return wave * talking + hiss


def room(random: Random, count: int) -> np.ndarray:
    """Nothing in particular: noise of some colour, mains hum perhaps, or digital silence."""
    if random.random() < 0.15:
        return np.zeros(count)
    t = np.arange(count) / RATE_HZ
    hum = np.sin(2 * np.pi * random.choice([50, 60, 100, 120]) * t) * random.choice(
        [0.0, random.uniform(0, 1)]
    )
    return (coloured(random, count, random.uniform(0.3, 2.0)) + hum) * 10 ** random.uniform(-3, -1)


def coloured(random: Random, count: int, slope: float) -> np.ndarray:
    """Noise of unit variance whose amplitude falls as frequency^-slope above 40 Hz."""
    spectrum = np.fft.rfft(random.standard_normal(count))
    wave = np.fft.irfft(spectrum / np.maximum(np.fft.rfftfreq(count, 1 / RATE_HZ), 40.0) ** slope, count)
    return unit(wave)


def unit(wave: np.ndarray) -> np.ndarray:
    """The same with a deviation of 1; silence stays silence."""
    return wave / max(float(wave.std()), 1e-9)


def _wander(random: Random, count: int, mean: float, spread: float, hz: float = 1.5) -> np.ndarray:
    """A quantity that drifts around `mean` by up to `spread` of it, `hz` times a second."""
    knots = mean * (1 + spread * random.uniform(-1, 1, max(2, int(count / RATE_HZ * hz) + 2)))
    return np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)


def _smooth(wave: np.ndarray, width: int) -> np.ndarray:
    return np.convolve(wave, np.ones(max(1, width)) / max(1, width), "same")


def _add(wave: np.ndarray, part: np.ndarray, at_s: float) -> None:
    start = int(at_s * RATE_HZ)
    fitting = part[: max(0, len(wave) - start)]
    wave[start : start + len(fitting)] += fitting


SYNTHESISED: dict[str, Callable[[Random, int], np.ndarray]] = {
    "car": engine,
    "bird": bird,
    "alarm": beeps,
    "footsteps": steps,
    "babble": voices,
    "quiet": room,
}
