"""A node whose own code fails: the run says which and why, and does not hang."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sixsense.launch.plan import plan_source
from sixsense.launch.schema import Config, Endpoints
from sixsense.launch.service import Service
from sixsense.nodes.spec import SourceSpec
from sixsense.nodes.wire.status import Status
from sixsense.sensors.errors import SixsenseError
from sixsense.sensors.sample import Event, StreamInfo
from sixsense.sensors.simulated.robot import SimulatedRobot

CONFIG = Config(endpoints=Endpoints(results="", control=""))


class Broken:
    """A source that works for a second, then fails as only a bug does."""

    def __init__(self) -> None:
        self._robot = SimulatedRobot(1, start_ns=0, streams=("imu",))

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return self._robot.streams

    def counts(self) -> dict[str, dict[str, int]]:
        return {}

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        for count, event in enumerate(self._robot.events(epoch, from_ns)):
            if count == 200:
                raise ZeroDivisionError("a bug in a driver")
            yield event


def test_in_this_process_a_crash_ends_the_run_with_its_reason() -> None:
    source = SourceSpec(driver=f"{__name__}:Broken", options={}, streams=Broken().streams)
    with (
        pytest.raises(SixsenseError, match="node ingest: ZeroDivisionError: a bug in a driver"),
        Service(plan_source(CONFIG, source), local=True) as service,
    ):
        list(service.outputs(timeout_s=60))


def test_a_robot_with_a_long_name_has_sockets_too() -> None:
    name = "a-robot-with-a-name-of-just-sixty-four-characters-as-they-allow1"
    config = Config(robot=name, endpoints=CONFIG.endpoints)
    source = SourceSpec(
        driver="simulated", options={"seed": 1, "streams": ("imu",)}, streams=Broken().streams
    )
    with Service(plan_source(config, source, seconds=0.5), local=True) as service:
        *_, final = service.outputs(timeout_s=20)
    assert isinstance(final, Status)
    assert final.final
    assert final.streams["imu"].received == 100


def test_a_folder_that_no_socket_can_be_in_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("x" * 60)
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    source = SourceSpec(driver="simulated", options={"seed": 1}, streams=Broken().streams)
    with pytest.raises(SixsenseError, match="too long for a socket's path"):
        Service(plan_source(CONFIG, source), local=True)


def test_a_runtime_directory_that_is_cleared_away_is_said_and_ends_nothing() -> None:
    source = SourceSpec(
        driver="simulated", options={"seed": 1, "streams": ("imu",)}, streams=Broken().streams
    )
    with Service(plan_source(CONFIG, source, seconds=4.0), local=True) as service:
        outputs = service.outputs(timeout_s=60)
        # Who has not connected by then never will.
        next(output for output in outputs if isinstance(output, Status) and output.streams["imu"].received)
        shutil.rmtree(service._directory)
        *_, final = outputs
    assert isinstance(final, Status)
    assert final.streams["imu"].received == 800
    assert [note for note in final.notes if "was removed" in note and "XDG_RUNTIME_DIR" in note]
