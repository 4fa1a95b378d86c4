"""A recording on another timeline: the same events, every stamp later by the shift."""

from sixsense.sensors.sample import NS, Progress, Sample
from sixsense.sensors.shifted import Shifted
from sixsense.sensors.simulated.robot import SimulatedRobot

SHIFT = 7 * NS


def test_every_stamp_is_later_by_the_shift_and_nothing_else_differs() -> None:
    robot = SimulatedRobot(1, start_ns=0, seconds=0.5, streams=("imu", "microphone"))
    pairs = list(zip(robot.events(1), Shifted(robot, SHIFT).events(1), strict=True))
    assert len(pairs) > 50
    for plain, shifted in pairs:
        if isinstance(plain, Sample) and isinstance(shifted, Sample):
            assert shifted.end_ns - plain.end_ns == shifted.stamp_ns - plain.stamp_ns == SHIFT
            assert shifted.data.tobytes() == plain.data.tobytes()
            assert (shifted.item, shifted.seq) == (plain.item, plain.seq)
        elif isinstance(plain, Progress) and isinstance(shifted, Progress):
            assert shifted.t_ns - plain.t_ns == SHIFT
        else:
            assert shifted == plain


def test_it_starts_where_it_is_asked_to_on_its_own_timeline() -> None:
    robot = SimulatedRobot(1, start_ns=0, seconds=2, streams=("imu",))
    samples = [e for e in Shifted(robot, SHIFT).events(1, SHIFT + NS) if isinstance(e, Sample)]
    assert samples[0].stamp_ns == SHIFT + NS
