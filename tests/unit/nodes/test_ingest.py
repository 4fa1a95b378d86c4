"""Ingest paces by its clock: live, at a rate, or not at all; it ends its streams when asked to."""

import numpy as np
import pytest
from sixsense.nodes.control import RunState
from sixsense.nodes.ingest import Ingest
from sixsense.nodes.spec import IngestSpec, SourceSpec
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.drivers import open_source
from sixsense.sensors.sample import NS, End, Sample

START = 60 * NS
STREAMS = ("microphone", "imu")


def state(*, restarts: int = 0, stop: bool = False) -> RunState:
    return RunState(
        go=True,
        over=False,
        stop=stop,
        offset_ns=0,
        start_ns=START,
        directory={},
        restarts={"ingest": restarts},
        queries_version=0,
        queries=(),
        modalities=(),
        space_id="",
        vectors=np.zeros((0, 0), np.float32),
        checkpoint=np.zeros(0, np.uint8),
    )


def ingest(*, pace: float | None, live: bool, seconds: float | None = None) -> Ingest:
    options: dict[str, str | int | float | tuple[str, ...]] = {"seed": 1, "streams": STREAMS}
    streams = open_source("simulated", {**options, "start_ns": START}).streams
    source = SourceSpec(driver="simulated", options=options, streams=streams)
    return Ingest("ingest", IngestSpec(sources=(source,), pace=pace, live=live, seconds=seconds), 7)


def samples(node: Ingest) -> list[Sample]:
    return [message for message in node.wake() if isinstance(message, Sample)]


def test_live_nothing_comes_before_it_was_sensed() -> None:
    clock, node = ManualClock(START), ingest(pace=1.0, live=True)
    node.begin(state(), clock)
    samples(node)
    clock.advance(NS // 2)
    got = samples(node)
    assert got
    assert all(START < sample.end_ns <= START + NS // 2 for sample in got)
    wake_ns = node.next_wake_ns()
    assert wake_ns is not None
    assert START + NS // 2 < wake_ns < START + NS // 2 + NS // 10


def test_at_rate_four_a_second_of_the_clock_is_four_of_the_recording() -> None:
    clock, node = ManualClock(5), ingest(pace=4.0, live=False)
    node.begin(state(), clock)
    samples(node)
    clock.advance(NS)
    assert max(s.end_ns for s in samples(node)) == pytest.approx(START + 4 * NS, abs=0.1 * NS)


def test_a_stopped_ingest_ends_each_stream_with_its_count() -> None:
    clock, node = ManualClock(START), ingest(pace=1.0, live=True)
    node.begin(state(), clock)
    clock.advance(NS)
    produced = {"microphone": 0, "imu": 0}
    for sample in samples(node):
        produced[sample.stream] += sample.items
    ends = [m for m in node.obey(state(stop=True)) if isinstance(m, End)]
    assert {end.stream: end.items for end in ends} == produced
    assert node.done


def test_live_it_ends_by_itself_after_its_seconds() -> None:
    clock, node = ManualClock(START), ingest(pace=1.0, live=True, seconds=0.5)
    node.begin(state(), clock)
    clock.advance(NS)
    messages = list(node.wake())
    assert {m.stream for m in messages if isinstance(m, End)} == set(STREAMS)
    assert max(m.end_ns for m in messages if isinstance(m, Sample)) <= START + NS // 2
    assert node.done


def test_its_seconds_hold_every_item_that_begins_in_them_and_no_other() -> None:
    options: dict[str, str | int | float | tuple[str, ...]] = {"seed": 1}
    streams = open_source("simulated", {**options, "start_ns": START}).streams
    source = SourceSpec(driver="simulated", options=options, streams=streams)
    clock = ManualClock(START)
    node = Ingest("ingest", IngestSpec(sources=(source,), pace=1.0, live=True, seconds=1.0), 7)
    node.begin(state(), clock)
    clock.advance(2 * NS)
    produced = {m.stream: m.items for m in node.wake() if isinstance(m, End)}
    assert produced == {"camera": 30, "depth": 30, "thermal": 9, "microphone": 16_000, "imu": 200}


def test_one_that_joins_again_goes_on_from_now_in_a_new_epoch() -> None:
    clock, node = ManualClock(START + 10 * NS), ingest(pace=1.0, live=True)
    node.begin(state(restarts=1), clock)
    clock.advance(NS // 10)
    got = samples(node)
    assert all(sample.stamp_ns >= START + 10 * NS - NS // 20 for sample in got)
    assert {sample.epoch for sample in got} == {7}
    assert min(sample.item for sample in got) == 0
