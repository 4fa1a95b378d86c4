"""A sensor on another machine, through a network that delays, loses and is cut; how depth goes over it."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import network
import numpy as np
import pytest
from far import AHEAD_NS, DEPTH, INFOS, ROBOT, Robot, Sensor, check_accounts, running, sample_of
from sixsense.nodes.spec import IngestSpec
from sixsense.sensors.clock import Timeline
from sixsense.sensors.sample import NS


@pytest.mark.skipif(bool(network.why_not()), reason=network.why_not())
def test_sound_and_rows_arrive_complete_through_loss_and_a_cut(wrist: IngestSpec, keys: str) -> None:
    near, far = network.Machine("10.77.0.1"), network.Machine("10.77.0.2")
    wire = network.Wire(near, far, delay_s=0.02, jitter_s=0.005, loss=0.05)
    wire.start()
    robot = Robot("tcp://10.77.0.1:5555", key="wrist")
    clock = Timeline(robot.clock.offset_ns + AHEAD_NS)
    sensor = Sensor(wrist, "tcp://10.77.0.1:5555", clock, keys)
    served, sent = near.start(robot.run), far.start(sensor.run)
    robot.wait_until_fresh()
    wire.cut.set()
    time.sleep(3)
    # What is dropped once the robot has stopped, it never hears of.
    dropped = sensor.dropped["camera"]
    wire.cut.clear()
    robot.wait_until_fresh()
    robot.stopping.set()
    served.join(10)
    sensor.over.set()
    sent.join(10)
    wire.over.set()
    wire.join(10)
    for machine in (near, far):
        machine.close()
    assert wire.lost > 50
    check_accounts(robot)
    for stream in ("microphone", "imu"):
        assert robot.tracks[stream].ledger.lost == 0
        assert np.array_equal(*robot.values(stream))
        assert max(s.recv_ns - s.end_ns for s in robot.of(stream)) > 2 * NS
    assert robot.tracks["camera"].ledger.lost >= dropped > 15
    assert not any(track.ledger.late for track in robot.tracks.values())
    clock = robot.node.report()["sensors"]["imu"].clock
    assert abs(clock.offset_ns + AHEAD_NS) < min(clock.uncertainty_ns, 6_000_000)
    assert {sample.clock for sample in robot.samples} == {"estimated"}


LOOKING = ROBOT.replace("camera", "depth").replace("vision", "depth")


def loopback(_: Path) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{free.getsockname()[1]}"


def ipc(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/ingest"


@pytest.mark.parametrize(("endpoint", "share"), [(loopback, 0.2), (ipc, 1.0)])
def test_depth_is_compressed_between_machines_and_the_same_bit_for_bit(
    tmp_path: Path, wrist: IngestSpec, endpoint: Callable[[Path], str], share: float
) -> None:
    streams = (DEPTH, INFOS["microphone"], INFOS["imu"])
    source = msgspec.structs.replace(wrist.sources[0], streams=streams, options={"streams": streams})
    to = endpoint(tmp_path)
    robot, clock = Robot(to, config=LOOKING), Timeline(time.time_ns() - time.monotonic_ns())
    sensor = Sensor(msgspec.structs.replace(wrist, sources=(source,)), to, clock)
    with running(robot, sensor):
        robot.wait_for(lambda: len(robot.of("depth")) > 20)
    came = robot.of("depth")
    for sample in came:
        assert (sample.encoding, sample.data.dtype) == ("16UC1", np.uint16)
        assert np.array_equal(sample.data, sample_of("depth", sample.item, 0, 1).data)
    # The header of a message takes half a kilobyte, and its promise too.
    raw = sensor.produced["depth"] * (came[0].data.nbytes + 1000)
    assert sensor.sent_bytes["lossy"] < raw * (share + 0.1)
    assert share < 1 or sensor.sent_bytes["lossy"] > len(came) * came[0].data.nbytes
