"""The robot's motion: smooth, inside its area, and what the IMU feels is its derivative."""

import numpy as np
import pytest
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.kinds import KINDS
from sixsense.sensors.simulated.motion import GRAVITY, IMU_HZ, imu_rows, inertial, motion_at
from sixsense.sensors.simulated.path import LEG_NS, activities
from sixsense.sensors.simulated.room import AREA
from sixsense.sensors.simulated.script import Script
from sixsense.sensors.simulated.split import SPLITS, Split
from sixsense.sensors.simulated.sway import CARRIED, SWAYS

SEEDS = (0, 3, 9)
STEP_NS = 200_000
SHAKEN = [name for name, kind in KINDS.items() if "imu" in kind.modalities]


def rows_of(script: Script, from_ns: int, to_ns: int) -> np.ndarray:
    first = -(-from_ns * IMU_HZ // NS)
    return imu_rows(script, first, to_ns * IMU_HZ // NS - first)


def around(script: Script, name: str | None) -> np.ndarray:
    """Instants from a little before a happening to a little after it, or of two legs."""
    if name is None:
        return np.arange(0, 2 * LEG_NS, STEP_NS)
    shown = script.first(name)
    return np.arange(shown.start_ns - NS // 5, shown.end_ns + NS // 5, STEP_NS)


@pytest.mark.parametrize("name", [None, *SWAYS])
def test_acceleration_is_the_second_derivative_of_the_position(name: str | None) -> None:
    script = Script(3)
    motion = motion_at(script, around(script, name))
    measured = np.diff(motion.position, 2, axis=0) / (STEP_NS / NS) ** 2
    error = np.abs(measured - motion.acceleration[1:-1])
    # What sways while the robot turns has no Coriolis force here.
    assert error.max() < 0.02 * np.abs(measured).max() + 0.1


@pytest.mark.parametrize("name", [None, *SWAYS])
def test_rates_are_the_derivatives_of_the_angles(name: str | None) -> None:
    script = Script(1)
    motion = motion_at(script, around(script, name))
    for angle in ("yaw", "pitch", "roll"):
        rate = getattr(motion, f"{angle}_rate")
        slack = 0.02 * np.abs(rate).max() + 1e-4
        assert np.gradient(getattr(motion, angle), STEP_NS / NS) == pytest.approx(rate, abs=slack)


@pytest.mark.parametrize("split", SPLITS)
def test_it_stays_in_its_area_and_has_no_jumps(split: Split) -> None:
    motion = motion_at(Script(5, split), np.arange(0, 240 * NS, 10_000_000))
    (x0, x1), (y0, y1) = AREA
    assert np.abs(motion.position[:, 0]).max() < max(-x0, x1) + 0.4
    assert motion.position[:, 1].min() > y0 - 0.4
    assert motion.position[:, 1].max() < y1 + 0.4
    assert np.abs(np.diff(motion.position, axis=0)).max() < 0.03
    assert np.abs(np.diff(np.unwrap(motion.yaw))).max() < 0.03
    assert motion.speed.max() < 1.5


@pytest.mark.parametrize("seed", SEEDS)
def test_at_rest_the_imu_feels_gravity_alone(seed: int) -> None:
    script = Script(seed)
    leg = next(k for k in range(1, 99) if not script.during(k * LEG_NS - 4 * NS // 3, k * LEG_NS))
    t = leg * LEG_NS - NS + np.arange(100) * 5_000_000
    assert inertial(motion_at(script, t)) == pytest.approx(
        np.tile((0, 0, GRAVITY, 0, 0, 0), (100, 1)), abs=1e-9
    )
    rows = rows_of(script, leg * LEG_NS - NS, leg * LEG_NS - NS // 2)
    assert np.linalg.norm(rows[:, :3].mean(axis=0)) == pytest.approx(GRAVITY, abs=0.3)
    assert np.abs(rows[:, 3:].mean(axis=0)).max() < 0.03


def test_turned_by_an_angle_the_imu_feels_gravity_turned() -> None:
    script = Script(2)
    motion = motion_at(script, np.zeros(1, int))
    still = motion._replace(acceleration=np.zeros((1, 3)), yaw_rate=np.ones(1))
    nose_down = inertial(still._replace(pitch=np.array([0.3])))[0]
    assert nose_down[:3] == pytest.approx((-GRAVITY * np.sin(0.3), 0, GRAVITY * np.cos(0.3)))
    right_down = inertial(still._replace(roll=np.array([0.3])))[0]
    assert right_down[:3] == pytest.approx((0, GRAVITY * np.sin(0.3), GRAVITY * np.cos(0.3)))
    assert np.linalg.norm(right_down[3:]) == pytest.approx(1.0)


def test_the_gyroscope_integrates_to_the_turn() -> None:
    script = Script(4)
    t = np.arange(0, LEG_NS, 5_000_000)
    motion = motion_at(script, t)
    turned = np.trapezoid(inertial(motion)[:, 5], t / NS)
    assert turned == pytest.approx(motion.yaw[-1] - motion.yaw[0], abs=2e-3)


@pytest.mark.parametrize("name", SHAKEN)
@pytest.mark.parametrize("split", SPLITS)
def test_what_shakes_it_is_felt_when_the_script_says(name: str, split: Split) -> None:
    for seed in range(6):
        script = Script(seed, split)
        shown = script.first(name)
        inside = _unrest(rows_of(script, shown.start_ns, shown.end_ns))
        assert inside > 4 * _unrest(rows_of(script, shown.start_ns - NS, shown.start_ns)), seed
        assert inside > 4 * _unrest(rows_of(script, shown.end_ns, shown.end_ns + NS)), seed


def _unrest(rows: np.ndarray) -> float:
    """How far the smoothed specific force strays from its mean, m/s^2: motors are too fast to count."""
    smooth = np.apply_along_axis(np.convolve, 0, rows[:, :3], np.ones(8) / 8, mode="valid")
    return float(np.quantile(np.abs(smooth - np.median(smooth, axis=0)), 0.9))


@pytest.mark.parametrize("name", [name for name in KINDS if name not in SWAYS])
def test_the_imu_feels_nothing_of_the_rest(name: str) -> None:
    script = Script(8)
    shown = script.first(name)
    t = np.arange(shown.start_ns, shown.end_ns, 5_000_000)
    motion = motion_at(script, t)
    assert not np.any((motion.pitch, motion.roll, motion.position[:, 2]))


def test_while_it_is_carried_it_does_not_drive() -> None:
    for name in CARRIED:
        script = Script(6)
        shown = script.first(name)
        motion = motion_at(script, np.arange(shown.start_ns, shown.end_ns, 50_000_000))
        assert not np.any(motion.speed)
        assert activities(script, shown.start_ns, shown.end_ns) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_what_it_does_is_what_it_says(seed: int) -> None:
    script = Script(seed)
    done = activities(script, 0, 120 * NS)
    assert {one.name for one in done} == {"drive", "turn", "stop"}
    for one in done:
        motion = motion_at(script, np.arange(one.start_ns, one.end_ns, 50_000_000))
        moves, turns = motion.speed.max() > 1e-3, np.abs(motion.yaw_rate).max() > 1e-3
        assert moves == (one.name == "drive"), one
        assert one.name == "drive" or turns == (one.name == "turn"), one
    assert sum(one.name == "turn" for one in done) >= 2
    assert activities(script, done[3].start_ns, done[3].end_ns) == [done[3]]


def test_rows_do_not_depend_on_how_many_are_asked_for() -> None:
    script = Script(1)
    whole = imu_rows(script, 8000, 400)
    parts = [imu_rows(script, first, 2) for first in range(8000, 8400, 2)]
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-4)


def test_what_sways_is_what_the_table_says() -> None:
    assert set(SWAYS) == set(SHAKEN)
