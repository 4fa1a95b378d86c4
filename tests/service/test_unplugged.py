"""A serial unit is unplugged and plugged in again while the service runs: told once, others undisturbed."""

import threading
from pathlib import Path

import pytest
from sixsense import Subscriber
from sixsense.launch.config import parse_config
from sixsense.launch.plan import plan_run
from sixsense.launch.service import Service
from sixsense.nodes.wire.status import Status
from sixsense.sensors.liveness import Change
from sixsense.sensors.sample import NS

pytest.importorskip("serial", reason="pyserial (sixsense[wearables]) is not installed")
CONFIG = """
[endpoints]
results = "ipc://{folder}/results"
control = "ipc://{folder}/control"

[[sensor]]
driver = "simulated"
streams = ["thermal"]

[[sensor]]
driver = "imu_serial"
id = "{port}"
rate_hz = 50.0
"""


class Wearer(threading.Thread):
    """Moves the unit: a row every 20 ms, as long as it is plugged in."""

    def __init__(self, port) -> None:
        super().__init__(daemon=True)
        self._port, self.over, self.plugged = port, threading.Event(), threading.Event()
        self.plugged.set()

    def run(self) -> None:
        while not self.over.wait(0.02):
            if self.plugged.is_set():
                self._port.send(b"0,0,9.8,0,0,0.1\n")

    def unplug(self) -> None:
        self.plugged.clear()
        self.over.wait(0.05)
        self._port.unplug()

    def plug(self) -> None:
        self._port.plug()
        self.plugged.set()


def test_each_transition_reaches_a_subscriber_once(serial_port, tmp_path: Path) -> None:
    plan = plan_run(parse_config(CONFIG.format(folder=tmp_path, port=serial_port.path), "robot.toml"))
    wearer, changes, seen = Wearer(serial_port), list[Change](), list[Status]()
    wearer.start()
    with (
        Service(plan, local=True) as service,
        Subscriber(f"ipc://{tmp_path}/results", "status", timeout=60) as subscriber,
    ):
        # The run's own outputs are read meanwhile, as a command does.
        reader = threading.Thread(target=lambda: [None for _ in service.outputs()], daemon=True)
        reader.start()
        unplugged = False
        for status in subscriber:
            assert isinstance(status, Status)
            seen.append(status)
            changes += status.changes
            last = changes[-1].state if changes else ""
            well = "imu" in status.sensors and status.sensors["imu"].state == "RUNNING"
            if well and not unplugged and len(seen) > 4:
                wearer.unplug()
                unplugged = True
            elif last == "RECONNECTING" and not wearer.plugged.is_set():
                wearer.plug()
            elif last == "RUNNING" and unplugged and wearer.plugged.is_set() and not status.final:
                service.stop()
            if status.final:
                break
        reader.join(30)
    wearer.over.set()
    # The first of them may be over before the subscriber is there.
    states = ["STARTING", "RUNNING", "RECONNECTING", "RUNNING"]
    assert [change.state for change in changes] == states[-len(changes) :]
    assert {change.stream for change in changes} == {"imu"}
    down, up = changes[-2:]
    assert "hung up" in down.reason
    assert 0.9 < (up.at_ns - down.at_ns) / NS < 5
    assert seen[-1].sensors["imu"].state == "RUNNING"
    for counts in seen[-1].streams.values():
        assert counts.produced == counts.received + sum(counts.lost_in_transport.values())
        assert counts.received == counts.windowed + sum(counts.skipped.values()) + counts.late
        assert not counts.lost_in_transport
    assert seen[-1].streams["thermal"].late == 0
