"""Start, queries, outages and end of a run, with messages and time as arguments."""

import os
from unittest.mock import Mock

import numpy as np
import pytest
from sixsense.nodes.control import Checkpoint, Failed
from sixsense.sensors.sample import NS
from supervised import BODIES, GONE, UNIX, register, report, started, states, supervisor


def test_it_goes_when_every_node_is_ready_and_hands_everyone_one_timeline() -> None:
    _, out = started()
    assert {name: state.go for name, state in states(out).items()} == dict.fromkeys(BODIES, True)
    assert {state.offset_ns for state in states(out).values()} == {UNIX}
    assert states(out)["fuse"].directory["encode"] == {"results": "encode"}


def test_a_simulated_script_starts_on_a_whole_minute_of_the_timeline() -> None:
    _, out = started(whole_minute=True)
    state = states(out)["ingest"]
    assert state.start_ns % (60 * NS) == 0
    assert 5 * NS + state.offset_ns == state.start_ns


def test_a_node_that_dies_is_an_outage_until_it_is_back_and_gets_the_whole_state() -> None:
    one, _ = started()
    one.take(register("encode", epoch=2, pid=GONE), 6 * NS)
    one.take(report("encode", epoch=2), 6 * NS)
    one.tick(7 * NS)
    one.take(Checkpoint(name="fuse", epoch=1, state=np.frombuffer(b"{}", np.uint8)), 7 * NS)
    out = one.take(register("encode", epoch=3), 8 * NS)
    assert states(out)["encode"].restarts == {"ingest": 0, "encode": 2, "fuse": 0}
    assert states(out)["encode"].checkpoint.tobytes() == b"{}"
    one.take(report("encode", epoch=3), 9 * NS)
    one.tick(10 * NS)
    outages = [o for o in one.statuses[-1].outages if o.node == "encode"]
    assert [o.until_ns - UNIX for o in outages] == [6 * NS, 9 * NS]
    assert outages[1].cause == "process gone"
    assert outages[1].from_ns - UNIX == 6 * NS


def test_reports_of_an_earlier_process_are_not_the_new_ones() -> None:
    one, _ = started()
    one.take(register("fuse", epoch=2), 6 * NS)
    one.take(report("fuse", epoch=1), 6 * NS)
    one.tick(20 * NS)
    assert next(n for n in one.statuses[-1].nodes if n.name == "fuse").state == "STARTING"


def test_a_fatal_failure_ends_the_run_and_another_waits_for_the_restart() -> None:
    one, _ = started()
    one.take(Failed(name="encode", epoch=1, message="out of memory", fatal=False), 0)
    assert not one.over
    one.take(Failed(name="ingest", epoch=1, message="the file is broken", fatal=True), 0)
    assert one.over
    assert one.error == "the file is broken"


def test_a_node_that_dies_in_a_replay_ends_it_with_the_reason() -> None:
    for again in (True, False):
        one, _ = started(lossless=True)
        if again:
            one.take(register("encode", epoch=2), 6 * NS)
        else:
            one = supervisor(lossless=True)
            for name in BODIES:
                one.take(register(name, pid=GONE if name == "encode" else None), 0)
            for name in BODIES:
                one.take(report(name), 0)
            one.tick(NS)
        assert "encode died during a replay" in one.error


def test_a_live_run_whose_sources_have_ended_does_not_wait_for_ever() -> None:
    one, _ = started()
    one.take(report("ingest", done=True), 6 * NS)
    one.tick(7 * NS)
    assert not one.over
    one.tick(13 * NS)
    assert one.over
    assert one.statuses[-1].final


def test_a_node_that_never_starts_is_named() -> None:
    one = supervisor()
    one.take(register("fuse"), 0)
    one.tick(100 * NS)
    assert not one.over
    one.tick(121 * NS)
    assert one.error.startswith("ingest, encode did not start")


def test_a_node_that_goes_on_reporting_that_it_has_failed_is_away_once() -> None:
    one, _ = started()
    one.take(Failed(name="fuse", epoch=1, message="the disk is full", fatal=False), 6 * NS)
    for at in range(20):
        one.tick(6 * NS + at * NS // 5)
        one.take(report("fuse"), 6 * NS + at * NS // 5)
    one.tick(12 * NS)
    outages = [(o.until_ns, o.cause) for o in one.statuses[-1].outages if o.node == "fuse"]
    assert outages == [(0, "the disk is full")]


def test_a_node_that_is_killed_whenever_it_loads_is_given_up_with_the_likely_reason() -> None:
    one = supervisor()
    for start in range(3):
        one.take(register("encode", epoch=start + 1), start)
        assert not one.error
    one.take(register("encode", epoch=4), 3)
    assert one.over
    assert "node encode was killed 3 times before it was ready: is there enough memory" in one.error


def test_a_process_that_is_somebody_else_s_is_not_the_node_s_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, _ = started()
    monkeypatch.setattr(os, "kill", Mock(side_effect=PermissionError))
    one.tick(7 * NS)
    assert {node.state for node in one.statuses[-1].nodes} == {"DOWN"}


def test_one_that_is_back_before_anybody_saw_it_go_was_away_since_it_was_last_heard() -> None:
    one, _ = started()
    one.take(register("encode", epoch=2, pid=GONE), 6 * NS)
    one.take(report("encode", epoch=2), 7 * NS)
    one.take(register("encode", epoch=3), 9 * NS)
    one.take(report("encode", epoch=3), 10 * NS)
    one.tick(11 * NS)
    away = [o for o in one.statuses[-1].outages if o.node == "encode"][-1]
    assert (away.from_ns - UNIX, away.until_ns - UNIX, away.cause) == (7 * NS, 10 * NS, "process gone")
