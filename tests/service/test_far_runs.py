"""A sensor on another machine through restarts of the robot, of its node, and of itself."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
from far import INFOS, ROBOT, Robot, Sensor, check_accounts, running
from sixsense.launch.config import parse_config
from sixsense.launch.plan import plan_run
from sixsense.launch.service import Service
from sixsense.nodes.spec import IngestSpec
from sixsense.nodes.wire.status import Status
from sixsense.sensors.clock import Timeline
from sixsense.sensors.sample import NS

OFFLINE = """[endpoints]
results = ""
control = ""
"""


def test_the_next_run_of_the_robot_begins_with_itself(wrist: IngestSpec, tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    first, clock = Robot(endpoint), Timeline(time.time_ns() - time.monotonic_ns())
    sensor = Sensor(wrist, endpoint, clock)
    with running(sensor):
        first.wait_for(lambda: sensor.produced.get("imu", 0) > 60)
        first.start_ns = first.clock.now_ns()
        with running(first) as (served,):
            first.wait_until_fresh()
            first.stopping.set()
            served.join(10)
        second = Robot(endpoint)
        with running(second) as (served,):
            second.wait_until_fresh()
            second.stopping.set()
            served.join(10)
    for robot in (first, second):
        check_accounts(robot)
        assert {robot.of(stream)[0].item for stream in INFOS} == {0}
        assert {name: track.ledger.lost for name, track in robot.tracks.items()} == dict.fromkeys(INFOS, 0)
        assert min(sample.end_ns for sample in robot.samples) > robot.start_ns - NS // 20
    assert second.samples[0].epoch > first.samples[0].epoch


def test_an_ingest_node_that_was_killed_takes_the_numbers_up_again(wrist: IngestSpec, tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    first, clock = Robot(endpoint), Timeline(time.time_ns() - time.monotonic_ns())
    with running(Sensor(wrist, endpoint, clock)):
        with running(first):
            first.wait_until_fresh()
        second = Robot(endpoint)
        second.start_ns = first.start_ns
        with running(second):
            second.wait_until_fresh()
    for stream in INFOS:
        assert {s.epoch for s in first.of(stream) + second.of(stream)} == {first.of(stream)[0].epoch}
    for stream in ("microphone", "imu"):
        items = np.concatenate([s.item + np.arange(s.items) for s in first.of(stream) + second.of(stream)])
        assert np.array_equal(np.unique(items), np.arange(items.max() + 1))
    assert second.of("imu")[0].item > 0


def test_a_light_install_sends_and_says_so(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    config = tmp_path / "wrist.toml"
    config.write_text('robot = "wrist"\n[[sensor]]\ndriver = "simulated"\nstreams = ["imu"]\n')
    absent = ("torch", "ray", "cv2", "av", "onnxruntime", "sounddevice", "rosbags", "mcap")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
        "from sixsense.launch.cli import main; main()"
    )
    robot = Robot(endpoint)
    command = [sys.executable, "-c", code, "sensor", str(config), "--to", endpoint, "--json"]
    with running(robot), subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        robot.wait_for(lambda: robot.age_s("imu") < 0.3)
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        robot.wait_for(lambda: robot.tracks["imu"].ended)
        assert process.wait(10) == 0, process.stderr
    assert line["links"].keys() == {"lossless"}
    assert line["streams"]["imu"]["items"] > 0


def statuses(service: Service) -> Iterator[Status]:
    """Those of a run, up to its last."""
    for output in service.outputs():
        if isinstance(output, Status):
            yield output
            if output.final:
                return


def test_the_service_accounts_for_a_sensor_that_was_restarted(wrist: IngestSpec, tmp_path: Path) -> None:
    streams = tuple(INFOS[name] for name in ("microphone", "imu"))
    heard = msgspec.structs.replace(wrist.sources[0], streams=streams, options={"streams": streams})
    spec = msgspec.structs.replace(wrist, sources=(heard,))
    endpoint = f"ipc://{tmp_path}/ingest"
    text = ROBOT.format(ingest=endpoint, key="").replace("[endpoints]", OFFLINE)
    plan = plan_run(parse_config(re.sub(r"  {{? name = .camera.*", "", text), "robot.toml"))
    clock, seen, again = Timeline(time.time_ns() - time.monotonic_ns()), list[Status](), 0
    with ExitStack() as sensors, Service(plan, local=True) as service:
        sensors.enter_context(running(Sensor(spec, endpoint, clock)))
        for status in statuses(service):
            seen.append(status)
            received = status.streams["imu"].received
            if received > 100 and not again:
                again = received
                sensors.close()
                sensors.enter_context(running(Sensor(spec, endpoint, clock)))
            elif again and received > again + 200:
                service.stop()
    final = seen[-1]
    assert final.final
    for counts in final.streams.values():
        assert counts.produced == counts.received + sum(counts.lost_in_transport.values())
        assert counts.received == counts.windowed + sum(counts.skipped.values()) + counts.late
    assert final.sensors["imu"].clock is not None
    assert {change.state for status in seen for change in status.changes} >= {"STARTING", "RUNNING"}
