"""How much a window's signal is worth, in [0, 1]: dark, blown out, silent, clipped, full of holes, still.

The bounds are where a person would call the signal bad, not learnt from data. Fusion multiplies its
weights with them, so a covered camera or a muted microphone fades out instead of voting.
"""

import numpy as np

# Grey levels: below, a picture is dark; a lens cap and a white wall at night differ less than FLAT.
DARK, FLAT, WHITE = 24.0, 4.0, 250
# RMS of full scale: -70 dB is an open microphone's own noise, -46 dB a quiet room with something in it.
SILENT, AUDIBLE = 10 ** (-70 / 20), 10 ** (-46 / 20)
CLIPPED_LEVEL, CLIPPED_SHARE = 0.999, 0.1
# Kelvin: less spread than a microbolometer's own noise is a closed shutter.
FLAT_K = 0.15
# m/s^2 and rad/s that a resting MEMS sensor reads as noise; a still device says little, but not nothing.
STILL_ACCELERATION, STILL_TURN, STILL_WORTH = 0.05, 0.01, 0.3


def picture_quality(rgb: np.ndarray) -> float:
    """uint8 (h, w, 3): how bright, how varied, and what share is not blown out."""
    grey = rgb[::4, ::4, 1].astype(np.float32)
    return _unit(grey.mean() / DARK) * _unit(grey.std() / FLAT) * _unit(1 - float((grey >= WHITE).mean()))


def sound_quality(wave: np.ndarray) -> float:
    """float32 (n,) in [-1, 1]: on a logarithmic scale from silent to audible, less what is clipped."""
    loudness = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    heard = np.log(max(loudness, SILENT) / SILENT) / np.log(AUDIBLE / SILENT)
    clipped = float((np.abs(wave) >= CLIPPED_LEVEL).mean())
    return _unit(heard) * _unit(1 - clipped / CLIPPED_SHARE)


def depth_quality(distance: np.ndarray) -> float:
    """Any accepted (h, w): the share of pixels that have a distance."""
    return float((np.isfinite(distance) & (distance > 0)).mean())


def thermal_quality(picture: np.ndarray) -> float:
    """Kelvin, centikelvin or grey (h, w): the share of valid pixels, and whether they differ at all."""
    valid = (
        np.isfinite(picture) & (picture > 0) if picture.dtype != np.uint8 else np.ones(picture.shape, bool)
    )
    flat = {"f": FLAT_K, "u": FLAT_K * 100}[picture.dtype.kind] if picture.dtype != np.uint8 else FLAT
    spread = float(picture[valid].std()) if valid.any() else 0.0
    return float(valid.mean()) * _unit(spread / flat)


def motion_quality(rows: np.ndarray) -> float:
    """(n, 6): 1 when the device moves or turns more than its sensors' noise, less the stiller it is."""
    spread = rows.std(axis=0)
    moving = max(float(spread[:3].max()) / STILL_ACCELERATION, float(spread[3:].max()) / STILL_TURN)
    return STILL_WORTH + (1 - STILL_WORTH) * _unit(moving - 1)


def _unit(value: float) -> float:
    return float(min(max(value, 0.0), 1.0))
