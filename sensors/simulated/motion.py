"""Where the simulated robot is, and what its IMU feels there."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..sample import NS
from .noise import keyed
from .script import Script

GRAVITY = 9.80665
"""Standard gravity, m/s^2 (CGPM 1901)."""

LEG_NS = 6 * NS
_DRIVE_NS = 9 * NS // 2
_AREA = ((-1.2, 1.2), (-2.3, -0.9))
_GAZE = ((-0.4, 1.4), 3.0)

_JOLT_M, _JOLT_RAD = 0.004, 0.010
_JOLT_OMEGA = 2 * np.pi * 12.0
_JOLT_DECAY = 1 / 0.12

_VIBRATION, _VIBRATION_PER_M, _ROUGHNESS = 0.6, 61.0, 8.0
_WHITE = np.array([0.03] * 3 + [0.002] * 3)
_BIAS = np.array([0.05] * 3 + [0.004] * 3)


class Motion(NamedTuple):
    """The body at n instants, float64; REP-103 axes (x forward or east, y left or north, z up).

    `position`, `acceleration` (n, 3) in m and m/s^2, world frame; `yaw`, `pitch` (n,) rad and their rates
    rad/s (pitch positive nose down); `speed` (n,) m/s; `travelled` (n,) m since the leg began.
    """

    position: np.ndarray
    acceleration: np.ndarray
    yaw: np.ndarray
    yaw_rate: np.ndarray
    pitch: np.ndarray
    pitch_rate: np.ndarray
    speed: np.ndarray
    travelled: np.ndarray


def motion_at(script: Script, t_ns: np.ndarray) -> Motion:
    """The robot at instants `t_ns` (int64 (n,), since the script's start).

    Legs of 6 s between random waypoints: 4.5 s on a minimum-jerk profile (Flash and Hogan 1985), then
    rest. A bump adds a damped oscillation along the heading and in pitch.
    """
    leg = t_ns // LEG_NS
    first = int(leg[0])
    table = np.array([_waypoint(script.seed, k) for k in range(first, int(leg[-1]) + 2)])
    start = table[leg - first]
    step = table[leg - first + 1] - start
    s, ds, dds = _minimum_jerk((t_ns - leg * LEG_NS) / _DRIVE_NS)
    jolt, jolt_rate, jolt_acceleration = _jolt(script, t_ns)
    yaw = start[:, 2] + step[:, 2] * s
    heading = np.stack((np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)), axis=1)
    length = np.hypot(step[:, 0], step[:, 1])
    ground = step * (1, 1, 0)
    return Motion(
        position=start * (1, 1, 0) + ground * s[:, None] + heading * (_JOLT_M * jolt)[:, None],
        acceleration=ground * dds[:, None] + heading * (_JOLT_M * jolt_acceleration)[:, None],
        yaw=yaw,
        yaw_rate=step[:, 2] * ds,
        pitch=_JOLT_RAD * jolt,
        pitch_rate=_JOLT_RAD * jolt_rate,
        speed=length * ds,
        travelled=length * s,
    )


def inertial(motion: Motion) -> np.ndarray:
    """What a perfect IMU reads, float64 (n, 6): specific force m/s^2 (with gravity), then rates rad/s."""
    ax, ay, az = np.add(motion.acceleration, (0, 0, GRAVITY)).T
    cos_yaw, sin_yaw = np.cos(motion.yaw), np.sin(motion.yaw)
    forward, left = cos_yaw * ax + sin_yaw * ay, cos_yaw * ay - sin_yaw * ax
    cos_pitch, sin_pitch = np.cos(motion.pitch), np.sin(motion.pitch)
    force = (cos_pitch * forward - sin_pitch * az, left, sin_pitch * forward + cos_pitch * az)
    rates = (-sin_pitch * motion.yaw_rate, motion.pitch_rate, cos_pitch * motion.yaw_rate)
    return np.stack((*force, *rates), axis=1)


def imu_rows(script: Script, t_ns: np.ndarray, batch: int) -> np.ndarray:
    """What the robot's own IMU reads in message `batch`, float32 (n, 6): with bias, noise and vibration."""
    motion = motion_at(script, t_ns)
    noise = keyed(script.seed, "imu", batch).standard_normal((len(t_ns), 6)) * _WHITE
    noise[:, :3] *= 1 + _ROUGHNESS * motion.speed[:, None]
    noise[:, 2] += _VIBRATION * motion.speed * np.sin(2 * np.pi * _VIBRATION_PER_M * motion.travelled)
    return (inertial(motion) + _bias(script.seed) + noise).astype(np.float32)


@lru_cache(maxsize=256)
def _waypoint(seed: int, index: int) -> tuple[float, float, float]:
    """x, y (m) and yaw (rad) at rest before leg `index`: somewhere in the area, facing the door's side."""
    (x0, x1), (y0, y1) = _AREA
    (gaze0, gaze1), gaze_y = _GAZE
    x, y, gaze_x = keyed(seed, "waypoint", index).random(3).tolist()
    x, y, gaze_x = x0 + (x1 - x0) * x, y0 + (y1 - y0) * y, gaze0 + (gaze1 - gaze0) * gaze_x
    return x, y, float(np.arctan2(gaze_y - y, gaze_x - x))


@lru_cache(maxsize=8)
def _bias(seed: int) -> np.ndarray:
    return keyed(seed, "imu/bias", 0).standard_normal(6) * _BIAS


def _minimum_jerk(phase: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The way gone (0 to 1) and its first and second derivative in 1/s and 1/s^2; at rest from phase 1 on."""
    p = np.minimum(phase, 1.0)
    seconds = _DRIVE_NS / NS
    way = p**3 * (10 - 15 * p + 6 * p**2)
    return way, 30 * p**2 * (1 - p) ** 2 / seconds, 60 * p * (1 - p) * (1 - 2 * p) / seconds**2


def _jolt(script: Script, t_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A damped oscillation of amplitude about 1 after each bump, and its two derivatives in 1/s, 1/s^2."""
    value, rate, acceleration = np.zeros((3, len(t_ns)))
    for bump in script.during(int(t_ns[0]), int(t_ns[-1]) + 1, "bump"):
        t = (t_ns - bump.start_ns) / NS
        felt = (t_ns >= bump.start_ns) & (t_ns < bump.end_ns)
        envelope = felt * (0.8 + 0.4 * bump.character[0]) * np.exp(-_JOLT_DECAY * np.abs(t))
        sin, cos = np.sin(_JOLT_OMEGA * t), np.cos(_JOLT_OMEGA * t)
        value -= envelope * sin
        rate -= envelope * (_JOLT_OMEGA * cos - _JOLT_DECAY * sin)
        acceleration -= envelope * (
            (_JOLT_DECAY**2 - _JOLT_OMEGA**2) * sin - 2 * _JOLT_DECAY * _JOLT_OMEGA * cos
        )
    return value, rate, acceleration
