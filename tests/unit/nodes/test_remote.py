"""A remote sensor as the robot sees it: its states, its clock, its numbers; time and words are given."""

import msgspec
import numpy as np
import pytest
from sixsense.nodes.remote import Remote
from sixsense.nodes.wire.errors import WireError
from sixsense.nodes.wire.ingest import Begin, Counts, Join, Tell
from sixsense.sensors.liveness import SensorStatus
from sixsense.sensors.sample import NS, End, Progress, Sample, StreamInfo

IMU = StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=100.0, clock="host", channels=6)
JOIN = Join(sensor="wrist", traffic="lossless", streams=(IMU,))
START, MS = 1000 * NS, 1_000_000
AHEAD_NS = 7 * NS
TRIP_NS = 2 * MS


def remote(*, joined: bool = True) -> Remote:
    """One whose clock is known, at START."""
    made = Remote("wrist", (IMU,), 5, START - NS)
    if joined:
        made.joined(JOIN, START - NS)
        probe(made, START - NS // 2)
        made.begin(Begin(epoch=START - 1, bases={"imu": 10}), JOIN, START)
    return made


def probe(made: Remote, at_ns: int) -> None:
    """A burst of probes over 1 ms each way."""
    while made.wants_probe(at_ns):
        there_ns = at_ns + TRIP_NS // 2 + AHEAD_NS
        at_ns += TRIP_NS
        made.told(Tell(t0=at_ns - TRIP_NS, t1=there_ns, t2=there_ns), at_ns)


def rows(item: int, at_ns: int, count: int = 2) -> Sample:
    """Rows whose last is sensed `at_ns` of the run's timeline, as the sensor stamps them."""
    stamps = at_ns + AHEAD_NS - np.arange(count - 1, -1, -1) * NS // 100
    return Sample(
        stream="imu",
        modality="imu",
        epoch=99,
        seq=0,
        item=item,
        stamp_ns=int(stamps[0]),
        encoding="f32",
        data=np.ones((count, 6), np.float32),
        stamps=stamps,
        rate_hz=100.0,
    )


def states(made: Remote) -> list[str]:
    return [change.state for change in made.changes()]


def test_its_states_follow_its_connection_and_its_own_word() -> None:
    made = remote()
    made.heard(JOIN, START)
    list(made.take(rows(10, START), START))
    list(made.tick(START))
    list(made.tick(START + 600 * MS))
    list(made.tick(START + 3100 * MS))
    made.heard(JOIN, START + 4 * NS)
    list(made.tick(START + 4 * NS))
    hung_up = SensorStatus(state="RECONNECTING", since_ns=1, reason="hung up", rate_hz=7.0)
    made.count(Counts(produced={"imu": 12}, sensors={"imu": hung_up}))
    list(made.tick(START + 4 * NS))
    assert states(made) == ["STARTING", "RUNNING", "STALE", "RECONNECTING", "RUNNING", "RECONNECTING"]
    status = made.status(START + 4 * NS)["imu"]
    assert (status.reason, status.rate_hz) == ("hung up", 7.0)
    assert status.clock is not None
    assert abs(status.clock.offset_ns + AHEAD_NS) < status.clock.uncertainty_ns < 3 * MS


def test_one_that_never_came_is_waited_for_and_said_so() -> None:
    made = remote(joined=False)
    assert not list(made.tick(START + 60 * NS))
    assert made.status(START)["imu"].state == "STARTING"
    assert "waiting for the sensor wrist" in made.status(START)["imu"].reason
    assert made.status(START)["imu"].clock is None
    assert not list(made.take(rows(10, START), START))


def test_samples_come_on_the_timeline_each_item_once() -> None:
    made = remote()
    (first,) = made.take(rows(10, START), START + 30 * MS)
    assert not list(made.take(rows(10, START), START + 31 * MS))
    assert (first.item, first.epoch, first.clock) == (0, START - 1, "estimated")
    assert abs(first.end_ns - START) < MS // 10
    assert first.stamps is not None
    assert first.stamps[0] == first.stamp_ns
    (progress,) = made.take(Progress(stream="imu", epoch=99, t_ns=START + AHEAD_NS), START)
    assert isinstance(progress, Progress)
    assert progress.t_ns == first.end_ns


def test_what_was_lost_on_the_way_and_what_is_garbage_are_told_apart() -> None:
    made = remote()
    list(made.take(rows(10, START), START))
    list(made.take(rows(20, START + 100 * MS), START + 100 * MS))
    bad = msgspec.structs.replace(rows(22, START + NS), data=np.full((2, 6), np.nan, np.float32))
    assert not list(made.take(bad, START + NS))
    made.count(Counts(produced={"imu": 24}, unsent={"imu": {"queue": 3}}))
    (produced,) = made.produced()
    assert produced.items == 14
    assert produced.unsent == {"queue": 3, "garbage": 2, "link": 8}


def test_a_run_ends_with_what_was_promised_up_to_then() -> None:
    made = remote()
    list(made.take(rows(10, START), START))
    made.end_at(START + 50 * MS)
    assert not list(made.take(rows(12, START + 100 * MS), START + 60 * MS))
    assert not list(made.tick(START + 60 * MS))
    list(made.take(Progress(stream="imu", epoch=99, t_ns=START + 100 * MS + AHEAD_NS), START + 70 * MS))
    made.count(Counts(produced={"imu": 500}))
    _, end = made.tick(START + 70 * MS)
    assert isinstance(end, End)
    assert end.items == made.produced()[0].items == 2
    assert made.done
    assert not list(made.take(rows(14, START), START + 80 * MS))


def test_what_a_dead_connection_kept_is_lost_when_the_run_ends() -> None:
    made = remote()
    list(made.take(rows(10, START), START))
    made.count(Counts(produced={"imu": 110}))
    made.end_at(START + NS)
    assert not list(made.tick(START + 2 * NS))
    _, end = made.tick(START + 4 * NS)
    assert isinstance(end, End)
    assert end.items == made.produced()[0].items == 100


def test_an_epoch_that_cannot_be_is_refused_and_a_new_one_begins_anew() -> None:
    made = remote()
    list(made.take(rows(10, START), START))
    for epoch in (START - 2, START + 1):
        with pytest.raises(WireError, match="not the welcome's"):
            made.begin(Begin(epoch=epoch, bases={}), JOIN, START)
    made.begin(Begin(epoch=START, bases={}), JOIN, START)
    (again,) = made.take(rows(0, START), START)
    assert (again.item, again.epoch) == (0, START)


def test_probes_that_are_not_answered_end_their_burst() -> None:
    made = remote(joined=False)
    made.joined(JOIN, START)
    assert made.wants_probe(START)
    assert not made.wants_probe(START + NS // 2)
    made.told(Tell(t0=START - 1, t1=0, t2=0), START + NS // 2)
    assert made.estimate(START + NS // 2) is None
    assert not made.wants_probe(START + NS + 1)
    assert made.wants_probe(START + 2 * NS)


def test_what_it_knows_better_than_the_declaration_is_told() -> None:
    made = remote(joined=False)
    better = msgspec.structs.replace(IMU, frame_id="wrist_link")
    (refined,) = made.joined(msgspec.structs.replace(JOIN, streams=(better,)), START)
    assert (refined.frame_id, refined.clock) == ("wrist_link", "estimated")
