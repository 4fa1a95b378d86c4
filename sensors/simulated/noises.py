"""Sounds that go on: a kettle, rain on the window, a motor."""

import numpy as np

from .script import Happening
from .split import between, finely
from .tones import RATE_HZ, add, hiss, ring, swell


def kettle_sound(kettle: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Water that begins to bubble; many kettles end in a whistle."""
    end = float(t[-1])
    rumble = hiss(
        chance, len(t), between(kettle.character[0], 150, 350), between(kettle.character[1], 900, 2200)
    )
    seethe = 1 + 0.6 * np.interp(t, np.linspace(0, end, 60), chance.standard_normal(60))
    water = 0.12 * rumble * np.clip(seethe, 0.1, None) * (0.35 + 0.65 * t / end)
    bubble = np.arange(int(0.05 * RATE_HZ)) / RATE_HZ
    for at in np.sort(chance.random(90)) ** 0.7 * end:
        add(
            water,
            round(at * RATE_HZ),
            0.16 * chance.random() * ring(bubble, chance.uniform(350, 1100), 0.012),
        )
    whistles = finely(kettle.character[2]) < 0.7
    hz = between(kettle.character[3], 2100, 3600) * (1 + 0.01 * np.sin(2 * np.pi * 6 * t))
    steam = np.clip((t - 0.3 * end) / (0.25 * end), 0, 1)
    whistle = np.sin(2 * np.pi * np.cumsum(hz * (0.9 + 0.1 * steam)) / RATE_HZ)
    breath = hiss(chance, len(t), 2500, 7000)
    return 2.5 * swell(t, end, 0.15) * (water + steam * (0.16 * whistles * whistle + 0.05 * breath))


def rain_sound(rain: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """A rush of far drops, and near ones that tick on the pane."""
    rush = hiss(chance, len(t), between(rain.character[0], 700, 1800), 7600)
    gusts = 1 + 0.25 * np.interp(t, np.linspace(0, t[-1], 12), chance.standard_normal(12))
    signal = between(rain.character[1], 0.06, 0.12) * rush * gusts
    drop = np.arange(int(0.02 * RATE_HZ)) / RATE_HZ
    low, high = between(rain.character[2], 1200, 2200), between(rain.character[3], 3500, 6500)
    for at in chance.random(int(between(rain.character[4], 30, 110) * t[-1])) * t[-1]:
        loud = 0.5 * chance.random() ** 3
        add(signal, round(at * RATE_HZ), loud * ring(drop, chance.uniform(low, high), 0.002))
    return 2.5 * signal * swell(t, float(t[-1]), 0.3)


def motor_sound(motor: Happening, t: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """A machine that runs up, works under a changing load, and runs down: hum of its turns, and its wind."""
    speed = np.clip(np.minimum(t / 0.5, (t[-1] - t) / 0.4), 0, 1) ** 0.7
    load = 1 + 0.03 * np.sin(2 * np.pi * between(motor.character[1], 0.4, 2.0) * t)
    phase = 2 * np.pi * np.cumsum(between(motor.character[0], 55, 230) * speed * load) / RATE_HZ
    order = np.arange(1, 16)
    gains = chance.uniform(0.3, 1.0, len(order)) / order ** between(motor.character[2], 0.5, 1.1)
    hum = np.sin(phase[:, None] * order) @ gains / np.sqrt(np.sum(gains**2))
    wind = hiss(chance, len(t), 300, between(motor.character[3], 2500, 6500))
    return 0.28 * speed * (hum + between(motor.character[4], 0.25, 0.9) * speed * wind)
