"""Whatever the start, the length and the streams: the robot's progress is true, and never long in coming."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.sensors.sample import NS, End, Progress, Sample
from sixsense.sensors.simulated.robot import STREAMS, SimulatedRobot

CHEAP = st.sets(st.sampled_from(STREAMS), min_size=1).map(lambda names: tuple(sorted(names)))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    from_ns=st.one_of(st.none(), st.integers(-NS, 500 * NS // 1000)),
    seconds=st.floats(0, 0.7),
    streams=CHEAP,
)
def test_progress_is_true_and_frequent(
    seed: int, from_ns: int | None, seconds: float, streams: tuple[str, ...]
) -> None:
    robot = SimulatedRobot(seed, start_ns=0, seconds=seconds, streams=streams)
    promised = dict.fromkeys(streams, -1)
    told = dict.fromkeys(streams, max(0, from_ns or 0))
    produced = dict.fromkeys(streams, 0)
    ended: set[str] = set()
    now = max(0, from_ns or 0)
    for event in robot.events(1, from_ns):
        assert event.stream not in ended
        if isinstance(event, Sample):
            assert event.stamp_ns >= promised[event.stream]
            assert event.end_ns >= now
            now = event.end_ns
            assert event.item == produced[event.stream]
            produced[event.stream] += event.items
            assert now - told[event.stream] <= NS // 5
        elif isinstance(event, Progress):
            assert event.t_ns >= promised[event.stream]
            promised[event.stream] = event.t_ns
            told[event.stream] = now
        else:
            assert isinstance(event, End)
            assert event.items == produced[event.stream]
            ended.add(event.stream)
    assert ended == set(streams)
