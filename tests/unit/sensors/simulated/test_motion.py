"""The robot's motion: smooth, inside its area, and what the IMU feels is its derivative."""

import numpy as np
import pytest
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.motion import GRAVITY, LEG_NS, imu_rows, inertial, motion_at
from sixsense.sensors.simulated.script import Script

SEEDS = (0, 3, 9)
STEP_NS = 1_000_000


@pytest.mark.parametrize("seed", SEEDS)
def test_acceleration_is_the_second_derivative_of_the_position(seed: int) -> None:
    t = np.arange(0, 12 * NS, STEP_NS)
    motion = motion_at(Script(seed), t)
    measured = np.diff(motion.position, 2, axis=0) / (STEP_NS / NS) ** 2
    # A bump is a blow: its first instant has a velocity, but no acceleration, so it is left out.
    smooth = np.abs(measured).max(axis=1) < 100
    assert (~smooth).sum() <= 4
    error = np.abs(measured - motion.acceleration[1:-1])[smooth]
    assert np.quantile(error, 0.999) < 0.3


def test_rates_are_the_derivatives_of_the_angles() -> None:
    t = np.arange(0, 9 * NS, STEP_NS)
    motion = motion_at(Script(1), t)
    assert np.gradient(motion.yaw, STEP_NS / NS) == pytest.approx(motion.yaw_rate, abs=0.01)
    assert np.gradient(motion.pitch, STEP_NS / NS) == pytest.approx(motion.pitch_rate, abs=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_stays_in_its_area_and_has_no_jumps(seed: int) -> None:
    motion = motion_at(Script(seed), np.arange(0, 120 * NS, 10_000_000))
    assert np.abs(motion.position[:, 0]).max() < 1.25
    assert motion.position[:, 1].min() > -2.35
    assert motion.position[:, 1].max() < -0.85
    assert np.abs(np.diff(motion.position, axis=0)).max() < 0.02
    assert np.abs(np.diff(motion.yaw)).max() < 0.02
    assert motion.speed.max() < 1.5


@pytest.mark.parametrize("seed", SEEDS)
def test_at_rest_the_imu_feels_gravity_alone(seed: int) -> None:
    script = Script(seed)
    t = 3 * LEG_NS - NS + np.arange(100) * 5_000_000
    assert not script.during(int(t[0]), int(t[-1]), "bump")
    assert inertial(motion_at(script, t)) == pytest.approx(
        np.tile((0, 0, GRAVITY, 0, 0, 0), (100, 1)), abs=1e-9
    )
    rows = imu_rows(script, t, 0)
    assert np.linalg.norm(rows[:, :3].mean(axis=0)) == pytest.approx(GRAVITY, abs=0.3)
    assert np.abs(rows[:, 3:].mean(axis=0)).max() < 0.03


def test_the_gyroscope_integrates_to_the_turn() -> None:
    script = Script(4)
    t = np.arange(0, LEG_NS, 5_000_000)
    motion = motion_at(script, t)
    turned = np.trapezoid(inertial(motion)[:, 5], t / NS)
    assert turned == pytest.approx(motion.yaw[-1] - motion.yaw[0], abs=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bump_is_felt_when_the_script_says(seed: int) -> None:
    script = Script(seed)
    t = np.arange(0, 60 * NS, 5_000_000)
    rows = np.concatenate([imu_rows(script, t[i : i + 2], i // 2) for i in range(0, len(t), 2)])
    felt = np.abs(rows[:, 0]) > 5
    bumps = script.during(0, 60 * NS, "bump")
    inside = np.any([(t >= b.start_ns) & (t < b.end_ns) for b in bumps], axis=0)
    assert not felt[~inside].any()
    for bump in bumps:
        early = (t >= bump.start_ns) & (t < bump.start_ns + NS // 10)
        assert felt[early].sum() >= 3
