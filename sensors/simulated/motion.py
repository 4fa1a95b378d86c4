"""How the simulated robot moves, on its path and shaken by what happens, and what its IMU feels."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..sample import NS
from .path import path_at
from .script import Script
from .sway import SWAYS, sway

GRAVITY = 9.80665
"""Standard gravity, m/s^2 (CGPM 1901)."""

IMU_HZ = 200
_STEP_NS = 200_000
_STEP_S = _STEP_NS / NS

_VIBRATION, _VIBRATION_PER_M, _ROUGHNESS = 0.6, 61.0, 8.0
_WHITE = np.array([0.03] * 3 + [0.002] * 3)
_BIAS = np.array([0.05] * 3 + [0.004] * 3)
_NOISE_ROWS = 8191


class Motion(NamedTuple):
    """The body at n instants, float64; REP-103 axes (x forward or east, y left or north, z up).

    `position`, `acceleration` (n, 3) in m and m/s^2, world frame; `yaw`, `pitch`, `roll` (n,) rad and their
    rates rad/s (pitch positive nose down, roll positive right side down); `speed` (n,) m/s of the wheels;
    `travelled` (n,) m since the leg began.
    """

    position: np.ndarray
    acceleration: np.ndarray
    yaw: np.ndarray
    yaw_rate: np.ndarray
    pitch: np.ndarray
    pitch_rate: np.ndarray
    roll: np.ndarray
    roll_rate: np.ndarray
    speed: np.ndarray
    travelled: np.ndarray


def motion_at(script: Script, t_ns: np.ndarray) -> Motion:
    """The robot at instants `t_ns` (int64 (n,), ascending, since the script's start): on its path, and shaken
    by what happens."""
    path = path_at(script, t_ns)
    moved, velocity, acceleration = _shaken(script, t_ns)
    return Motion(
        position=path.position + _turned(moved[:, :3], path.yaw),
        acceleration=path.acceleration + _turned(acceleration[:, :3], path.yaw),
        yaw=path.yaw,
        yaw_rate=path.yaw_rate,
        pitch=moved[:, 4],
        pitch_rate=velocity[:, 4],
        roll=moved[:, 3],
        roll_rate=velocity[:, 3],
        speed=path.speed,
        travelled=path.travelled,
    )


def inertial(motion: Motion) -> np.ndarray:
    """What a perfect IMU reads, float64 (n, 6): specific force m/s^2 (with gravity), then rates rad/s.

    The body is turned by yaw, then pitch, then roll (ROS's fixed-axis roll, pitch, yaw).
    """
    ax, ay, az = np.add(motion.acceleration, (0, 0, GRAVITY)).T
    cos_yaw, sin_yaw = np.cos(motion.yaw), np.sin(motion.yaw)
    forward, left = cos_yaw * ax + sin_yaw * ay, cos_yaw * ay - sin_yaw * ax
    cos, sin = np.cos(motion.pitch), np.sin(motion.pitch)
    cos_roll, sin_roll = np.cos(motion.roll), np.sin(motion.roll)
    upright = sin * forward + cos * az
    force = (
        cos * forward - sin * az,
        cos_roll * left + sin_roll * upright,
        cos_roll * upright - sin_roll * left,
    )
    about = cos * motion.yaw_rate
    rates = (
        motion.roll_rate - sin * motion.yaw_rate,
        cos_roll * motion.pitch_rate + sin_roll * about,
        cos_roll * about - sin_roll * motion.pitch_rate,
    )
    return np.stack((*force, *rates), axis=1)


def imu_rows(script: Script, first: int, count: int) -> np.ndarray:
    """What the robot's own IMU reads in rows `first` to `first + count` since the script's start, float32
    (count, 6): with bias, noise and vibration."""
    index = np.arange(first, first + count)
    motion = motion_at(script, index * NS // IMU_HZ)
    bias, loop = _own(script)
    # Two loops of coprime lengths repeat after days.
    noise = (loop[index % _NOISE_ROWS] + loop[index % (_NOISE_ROWS - 1)]) * np.sqrt(0.5)
    noise[:, :3] *= 1 + _ROUGHNESS * motion.speed[:, None]
    noise[:, 2] += _VIBRATION * motion.speed * np.sin(2 * np.pi * _VIBRATION_PER_M * motion.travelled)
    return (inertial(motion) + bias + noise).astype(np.float32)


@lru_cache(maxsize=64)
def _own(script: Script) -> tuple[np.ndarray, np.ndarray]:
    """This IMU's bias (6,) and a loop of its noise (rows, 6)."""
    chance = script.keyed("imu", 0)
    return chance.standard_normal(6) * _BIAS, chance.standard_normal((_NOISE_ROWS, 6)) * _WHITE


def _shaken(script: Script, t_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far what happens moves the body (n, 5), see `sway`, and the two derivatives of that, central
    differences over 0.2 ms."""
    moved, velocity, acceleration = np.zeros((3, len(t_ns), 5))
    for one in script.during(int(t_ns[0]), int(t_ns[-1]) + 1):
        if one.name in SWAYS:
            meanwhile = slice(
                *np.searchsorted(t_ns, (one.start_ns - NS // 1000, one.end_ns + NS // 1000)).tolist()
            )
            t = (t_ns[meanwhile] - one.start_ns) / NS
            before, now, after = (sway(one, t + shift) for shift in (-_STEP_S, 0.0, _STEP_S))
            moved[meanwhile] += now
            velocity[meanwhile] += (after - before) / (2 * _STEP_S)
            acceleration[meanwhile] += (after - 2 * now + before) / _STEP_S**2
    return moved, velocity, acceleration


def _turned(vectors: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """From the body's frame to the world's, (n, 3)."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    x, y, z = vectors.T
    return np.stack((cos * x - sin * y, sin * x + cos * y, z), axis=1)
