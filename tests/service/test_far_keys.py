"""A sensor on another machine with keys: its own streams and no others, and only what is allowed."""

import time
from pathlib import Path

from far import Client, Robot, Sensor, running
from sixsense.nodes.spec import IngestSpec
from sixsense.nodes.wire.ingest import (
    Begin,
    Refused,
    Welcome,
)
from sixsense.nodes.wire.keys import allow
from sixsense.sensors.clock import Timeline


def test_a_key_publishes_its_own_streams_only_and_that_is_counted(tmp_path: Path, keys: str) -> None:
    endpoint, folder = f"ipc://{tmp_path}/ingest", tmp_path / "keys"
    allow(folder, "wrist", keys, ("imu",), ())
    robot = Robot(endpoint, key="wrist")
    with running(robot):
        robot.wait_for(lambda: Path(tmp_path / "ingest").exists())
        with Client(robot, endpoint, (keys, folder)) as client:
            client.join("imu", "microphone")
            assert "wrist may not publish microphone" in client.hear(Refused).reason
        with Client(robot, endpoint, (keys, folder)) as client:
            client.join("imu")
            client.say(Begin(epoch=client.hear(Welcome).epoch, bases={}))
            client.send(0, "imu")
            client.send(1, "microphone")
            assert "did not join" in client.hear(Refused).reason
        robot.wait_for(lambda: len(robot.of("imu")) == 1)
        refused = robot.node.report()["produced"][-1].causes
    assert refused == {"stream microphone by wrist": 2}
    assert not robot.of("microphone")


def test_another_key_is_not_the_one_of_this_sensor(tmp_path: Path, keys: str) -> None:
    endpoint, folder = f"ipc://{tmp_path}/ingest", tmp_path / "keys"
    robot = Robot(endpoint, key="ankle")
    with running(robot):
        robot.wait_for(lambda: Path(tmp_path / "ingest").exists())
        with Client(robot, endpoint, (keys, folder)) as client:
            client.join("imu")
            assert "the key wrist may not publish imu as wrist" in client.hear(Refused).reason


def test_a_sensor_whose_key_is_not_allowed_says_so_and_sends_once_it_is(
    wrist: IngestSpec, tmp_path: Path, keys: str
) -> None:
    endpoint, folder = f"ipc://{tmp_path}/ingest", tmp_path / "keys"
    (folder / "allowed.toml").unlink()
    robot = Robot(endpoint, key="wrist")
    sensor = Sensor(wrist, endpoint, Timeline(time.time_ns() - time.monotonic_ns()), keys)
    with running(robot):
        robot.wait_for(lambda: Path(tmp_path / "ingest").exists())
        with running(sensor):
            robot.wait_for(lambda: f"keys allow NAME '{keys}'" in sensor.why)
            allow(folder, "wrist", keys, ("*",), ())
            robot.wait_until_fresh()
    assert robot.of("imu")[0].item == 0
