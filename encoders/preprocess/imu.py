"""Accelerometer and gyroscope rows to ImageBind's IMU input: 2000 instants, evenly spaced."""

import numpy as np
import torch
from torch import Tensor

from ...sensors.sample import NS
from ..card import IMU_INSTANTS
from ..errors import InputError
from .checks import is_finite, is_numeric, not_empty

LENGTH = IMU_INSTANTS
# Columns of rows in the order of the model's channels, by whether its gyroscope comes first.
ROW_ORDER = {False: (0, 1, 2, 3, 4, 5), True: (3, 4, 5, 0, 1, 2)}
# No robot or person keeps more up: 200 m/s^2 is 20 g, 35 rad/s is 2000 degrees a second.
MOST_ACCELERATION, MOST_TURN = 200.0, 35.0


def imu(
    rows: np.ndarray,
    stamps: np.ndarray,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    rate_hz: float = 0.0,
    gyroscope_first: bool = False,
) -> Tensor:
    """(n, 6) rows, accelerometer xyz m/s^2 with gravity then gyroscope xyz rad/s, to float32 (6, 2000).

    `stamps` int64 (n,), increasing nanoseconds. Channels are interpolated linearly at 2000 instants of
    [`start_ns`, `end_ns`), by default from the first row to one period after the last; beyond the rows
    their ends are held. How the released model was trained is not known for certain: at `rate_hz` instants a
    second, those that are then missing of 2000 are zeros; `gyroscope_first` is the order of its channels.
    Raises InputError for fewer than two rows, values in other units, or a rate that gives more than 2000.
    """
    check_rows(rows, stamps)
    start = int(stamps[0]) if start_ns is None else start_ns
    if end_ns is None:
        end_ns = int(stamps[-1]) + round((int(stamps[-1]) - int(stamps[0])) / (len(stamps) - 1))
    if end_ns <= start:
        raise InputError(f"imu: a window from {start} to {end_ns} ns is empty")
    # Relative to the start, because epoch nanoseconds do not fit a float64.
    at = instants(end_ns - start, rate_hz)
    known = (stamps - start).astype(np.float64)
    features = np.zeros((6, LENGTH), np.float32)
    for row, column in enumerate(ROW_ORDER[gyroscope_first]):
        features[row, : len(at)] = np.interp(at, known, rows[:, column])
    return torch.from_numpy(features)


def instants(length_ns: int, rate_hz: float) -> np.ndarray:
    """When the window is looked at, float64 nanoseconds from its start. Raises InputError."""
    if not rate_hz:
        return np.arange(LENGTH) * (length_ns / LENGTH)
    count = round(length_ns * rate_hz / NS)
    if not 0 < count <= LENGTH:
        raise InputError(
            f"imu: {rate_hz:g} instants a second are {count} in {length_ns / NS:g} s; models take {LENGTH}"
        )
    return np.arange(count) * (NS / rate_hz)


def check_rows(rows: np.ndarray, stamps: np.ndarray) -> None:
    """Raises InputError for what is no (n, 6) rows in known units with increasing stamps."""
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
