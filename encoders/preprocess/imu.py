"""Accelerometer and gyroscope rows to ImageBind's IMU input: 2000 instants, evenly spaced."""

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .checks import is_finite, is_numeric, not_empty

LENGTH = 2000
# No robot or person keeps more up: 200 m/s^2 is 20 g, 35 rad/s is 2000 degrees a second.
MOST_ACCELERATION, MOST_TURN = 200.0, 35.0


def imu(
    rows: np.ndarray, stamps: np.ndarray, start_ns: int | None = None, end_ns: int | None = None
) -> Tensor:
    """(n, 6) rows, accelerometer xyz m/s^2 with gravity then gyroscope xyz rad/s, to float32 (6, 2000).

    `stamps` int64 (n,), increasing nanoseconds. Channels are interpolated linearly at 2000 instants of
    [`start_ns`, `end_ns`), by default from the first row to one period after the last; beyond the rows
    their ends are held. Raises InputError for fewer than two rows or values in other units.
    """
    _check(rows, stamps)
    start = int(stamps[0]) if start_ns is None else start_ns
    if end_ns is None:
        end_ns = int(stamps[-1]) + round((int(stamps[-1]) - int(stamps[0])) / (len(stamps) - 1))
    if end_ns <= start:
        raise InputError(f"imu: a window from {start} to {end_ns} ns is empty")
    # Relative to the start, because epoch nanoseconds do not fit a float64.
    at = np.arange(LENGTH) * ((end_ns - start) / LENGTH)
    known = (stamps - start).astype(np.float64)
    channels = [np.interp(at, known, rows[:, i]) for i in range(6)]
    return torch.from_numpy(np.stack(channels).astype(np.float32))


def _check(rows: np.ndarray, stamps: np.ndarray) -> None:
    if rows.ndim != 2 or rows.shape[1] != 6:
        raise InputError(f"imu: rows of shape {rows.shape}; give (n, 6): accelerometer xyz, gyroscope xyz")
    is_numeric(rows, "imu", "fiu", "m/s^2 and rad/s")
    not_empty(rows, "imu")
    is_finite(rows, "imu")
    if stamps.shape != (len(rows),) or stamps.dtype.kind not in "iu":
        raise InputError(
            f"imu: stamps {stamps.dtype} {stamps.shape} for {len(rows)} rows; give int64 ns, one a row"
        )
    if len(rows) < 2:
        raise InputError("imu: one row has no rate; give at least two")
    steps = np.diff(stamps.astype(np.int64))
    if (steps <= 0).any():
        at = int(np.argmax(steps <= 0))
        raise InputError(
            f"imu: stamps do not increase at row {at + 1} ({stamps[at]} then {stamps[at + 1]} ns)"
        )
    _check_units(rows)


def _check_units(rows: np.ndarray) -> None:
    """Gravity is 9.81 m/s^2: a device at rest that reads 1 reports g; a steady 50 rad/s is degrees."""
    force = np.linalg.norm(rows[:, :3], axis=1)
    low, middle, high = (float(q) for q in np.percentile(force, [10, 50, 90]))
    if (0.95 < middle < 1.05 and high - low < 0.2) or middle > MOST_ACCELERATION:
        unit = "g" if middle < 2 else "mg or raw counts"
        raise InputError(
            f"imu: an acceleration of {middle:.3g} looks like {unit}; give m/s^2 (1 g is 9.80665)"
        )
    turn = float(np.median(np.linalg.norm(rows[:, 3:], axis=1)))
    if turn > MOST_TURN:
        raise InputError(
            f"imu: a turn rate of {turn:.3g} looks like degrees a second; give rad/s (times pi / 180)"
        )
