"""The sensor of sensors/README.md works as it stands there: from a module, and from another package."""

import re
import sys
import time
from pathlib import Path

import pytest
from sixsense.launch.config import parse_config
from sixsense.launch.plan import plan_run
from sixsense.nodes.spec import IngestSpec
from sixsense.sensors.clock import Timeline
from sixsense.sensors.drivers import DEVICES, PLUGINS, live_row, make_device
from sixsense.sensors.errors import SourceError
from sixsense.sensors.live import LiveSource
from sixsense.sensors.sample import Sample

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "sensors" / "README.md").read_text(), re.DOTALL)
CODE, CONFIG, ENTRY = (text for _, text in BLOCKS)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """`my_package` as an installed package that brings the sensor of README."""
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "pendulum.py").write_text(CODE)
    info = tmp_path / "my_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1\n")
    named = ENTRY.splitlines()[1].replace('"', "")
    (info / "entry_points.txt").write_text(f"[{PLUGINS}]\n{named}\n")
    assert f'"{PLUGINS}"' in ENTRY
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("my_package")]:
        monkeypatch.delitem(sys.modules, name)
    return named.split(" = ")[0]


def test_it_is_twenty_lines() -> None:
    assert len([line for line in CODE.splitlines() if line.strip()]) <= 20


def test_a_configuration_runs_it(package: str) -> None:
    plan = plan_run(parse_config(CONFIG, "robot.toml"))
    body = plan.nodes[0].body
    assert isinstance(body, IngestSpec)
    (source,) = body.sources
    assert (source.device, source.streams[0].rate_hz) == (True, 50.0)
    clock = Timeline(0)
    live = LiveSource(make_device(source.driver, source.options, clock), clock, 1, live_row(source.driver))
    live.start()
    try:
        deadline, got = time.monotonic() + 10, []
        while len(got) < 3 and time.monotonic() < deadline:
            got += [event for event in live.poll(clock.now_ns()) if isinstance(event, Sample)]
            time.sleep(0.005)
    finally:
        live.stop()
    assert [sample.item for sample in got] == [0, 1, 2]
    assert [change.state for change in live.changes()] == ["STARTING", "RUNNING"]
    assert type(make_device(package, {}, clock)).__name__ == "Pendulum"


def test_what_there_is_not_is_said_with_what_there_is(package: str) -> None:
    with pytest.raises(SourceError, match=f"there are .*imu_serial.*{package}"):
        live_row("pendulun")
    with pytest.raises(SourceError, match=r"does not take these options .*colour"):
        make_device(package, {"colour": "red"}, Timeline(0))
    with pytest.raises(SourceError, match="cannot load my_package"):
        make_device("my_package.nothing:Pendulum", {}, Timeline(0))


@pytest.mark.parametrize("driver", sorted(DEVICES))
def test_every_row_of_the_table_can_be_loaded(driver: str) -> None:
    options = {"id": "/dev/none"} if driver == "imu_serial" else {}
    if driver in ("imu_serial", "phone"):
        assert make_device(driver, options, Timeline(0)).streams
    assert live_row(driver).idle_ms > live_row(driver).lateness_ms
