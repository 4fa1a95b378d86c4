"""Ingest paces by its clock: live, at a rate, or not at all; it ends its streams when asked to."""

import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sixsense.nodes.control import Changed, RunState
from sixsense.nodes.ingest import Ingest
from sixsense.nodes.spec import IngestSpec, SourceSpec
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.drivers import make_device, open_source
from sixsense.sensors.sample import NS, End, Progress, Sample

START = 60 * NS
STREAMS = ("microphone", "imu")


def state(*, restarts: int = 0, stop: bool = False) -> RunState:
    return RunState(
        go=True,
        stop=stop,
        offset_ns=0,
        start_ns=START,
        restarts={"ingest": restarts},
    )


def ingest(
    *, pace: float | None, live: bool, seconds: float | None = None, streams: tuple[str, ...] = STREAMS
) -> Ingest:
    options: dict[str, str | int | float | tuple[str, ...]] = {"seed": 1, "streams": streams}
    infos = open_source("simulated", {**options, "start_ns": START}).streams
    source = SourceSpec(driver="simulated", options=options, streams=infos)
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


class Rig:
    """An ingest node with a serial unit beside a simulated camera, and everything it said."""

    def __init__(self, path: str, *, seconds: float | None = None) -> None:
        pulled: dict[str, str | int | float | tuple[str, ...]] = {"seed": 1, "streams": ("camera",)}
        camera = SourceSpec(
            driver="simulated",
            options=pulled,
            streams=open_source("simulated", {**pulled, "start_ns": START}).streams,
        )
        options: dict[str, str | int | float | tuple[str, ...]] = {"id": path, "rate_hz": 50.0}
        streams = make_device("imu_serial", options, ManualClock()).streams
        imu = SourceSpec(driver="imu_serial", options=options, streams=streams, device=True, delay_ms=10)
        self.clock = ManualClock(START)
        spec = IngestSpec(sources=(camera, imu), pace=1.0, live=True, seconds=seconds)
        self.node = Ingest("ingest", spec, 7)
        self.node.begin(state(), self.clock)
        self.messages: list = []

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        self.node.close()

    def until(self, condition) -> None:
        """Wake it until its device's thread has come so far; the clock stands still."""
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, self.states()
            self.messages += self.node.wake()
            time.sleep(0.002)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.clock.advance(NS // 20)
            self.messages += self.node.wake()

    def states(self) -> list[tuple[str, str]]:
        return [(c.stream, c.state) for m in self.messages if isinstance(m, Changed) for c in m.changes]

    def runs_when_told(self, port) -> bool:
        """Give the unit a row; whether its stream runs with that."""
        port.send(b"0,0,9.8,0,0,0\n")
        return self.states()[-1:] == [("imu", "RUNNING")]

    def of(self, stream: str, kind: type) -> list:
        return [m for m in self.messages if isinstance(m, kind) and m.stream == stream]


def test_an_imu_is_unplugged_beside_a_camera_which_does_not_notice(serial_port) -> None:
    pytest.importorskip("serial", reason="pyserial (sixsense[wearables]) is not installed")

    with Rig(str(serial_port.path)) as rig:
        rig.until(lambda: rig.runs_when_told(serial_port))
        serial_port.unplug()
        rig.until(lambda: ("imu", "RECONNECTING") in rig.states())
        rig.pass_time(1.5)
        rig.until(lambda: "is it plugged in" in rig.node.report()["sensors"]["imu"].reason)
        serial_port.plug()
        rig.pass_time(2.5)
        rig.until(lambda: rig.runs_when_told(serial_port))
        rig.messages += rig.node.obey(state(stop=True))
    assert [s for _, s in rig.states()] == ["STARTING", "RUNNING", "RECONNECTING", "RUNNING"]

    alone = ingest(pace=1.0, live=True, streams=("camera",))
    clock = ManualClock(START)
    alone.begin(state(), clock)
    expected = samples(alone)
    for _ in range(80):
        clock.advance(NS // 20)
        expected += samples(alone)
    got = rig.of("camera", Sample)
    assert [(s.seq, s.stamp_ns, s.data.tobytes()) for s in got] == [
        (s.seq, s.stamp_ns, s.data.tobytes()) for s in expected
    ]

    rows = rig.of("imu", Sample)
    produced = {p.stream: p.items for p in rig.node.report()["produced"]}
    assert produced["imu"] == sum(s.items for s in rows) == rig.of("imu", End)[0].items
    progress = [m.t_ns for m in rig.of("imu", Progress)]
    assert progress == sorted(progress)
    assert progress[-1] >= rig.clock.now_ns() - NS // 5


def test_a_live_device_ends_with_the_seconds_that_were_asked_for(serial_port) -> None:
    pytest.importorskip("serial", reason="pyserial (sixsense[wearables]) is not installed")
    with Rig(str(serial_port.path), seconds=1.0) as rig:
        rig.until(lambda: rig.runs_when_told(serial_port))
        rig.pass_time(1.1)
        before = sum(sample.items for sample in rig.of("imu", Sample))
        assert rig.states()[-1] == ("imu", "STALE")
        rig.until(lambda: rig.runs_when_told(serial_port))
        assert not rig.node.done
        rig.pass_time(0.2)
        assert rig.node.done
    assert sum(sample.items for sample in rig.of("imu", Sample)) == before
    assert [end.items for end in rig.of("imu", End)] == [before]
    assert rig.of("imu", Progress)[-1].t_ns == START + NS


def test_a_run_begins_with_a_device_that_is_not_there(tmp_path) -> None:
    pytest.importorskip("serial", reason="pyserial (sixsense[wearables]) is not installed")
    with Rig(str(tmp_path / "absent")) as rig:
        rig.until(lambda: ("imu", "RECONNECTING") in rig.states())
        rig.pass_time(0.5)
        assert len(rig.of("camera", Sample)) > 10
        assert rig.of("imu", Progress)


def test_a_replay_that_loops_begins_each_round_at_once_in_a_new_epoch(tmp_path: Path) -> None:
    import cv2

    picture = np.zeros((2, 2, 3), np.uint8)
    for k in range(5):
        assert cv2.imwrite(str(tmp_path / f"{1_700_000_000_000 + 100 * k}.png"), picture)
    options = {"path": str(tmp_path), "loop": True}
    infos = open_source("recording", options).streams
    source = SourceSpec(driver="recording", options=options, streams=infos)
    clock = ManualClock(START)
    node = Ingest("ingest", IngestSpec(sources=(source,), pace=1.0, live=False, seconds=None), 7)
    node.begin(state(), clock)
    got = samples(node)
    for _ in range(10):
        clock.advance(NS // 10)
        got += samples(node)
    assert [sample.epoch for sample in got] == [7] * 5 + [7 + 60 * NS] * 5 + [7 + 120 * NS] * (len(got) - 10)
    assert 10 <= len(got) <= 15
    assert got[5].stamp_ns - got[0].stamp_ns == 60 * NS
    assert not node.done
    (produced,) = node.report()["produced"]
    assert (produced.epoch, produced.items) == (got[-1].epoch, got[-1].item + 1)
    list(node.obey(state(stop=True)))
    assert node.done


def test_a_paused_replay_goes_on_where_it_was() -> None:
    clock, node = ManualClock(START), ingest(pace=1.0, live=False)
    node.begin(state(), clock)
    got = samples(node)
    clock.advance(NS // 2)
    got += samples(node)
    list(node.obey(msgspec.structs.replace(state(), paused=True)))
    clock.advance(10 * NS)
    assert samples(node) == []
    assert node.next_wake_ns() is None
    list(node.obey(state()))
    assert samples(node) == []
    clock.advance(NS // 10)
    later = samples(node)
    assert later
    first_ns, last_ns = got[0].end_ns, got[-1].end_ns
    assert all(last_ns <= sample.end_ns <= first_ns + 6 * NS // 10 for sample in later)
