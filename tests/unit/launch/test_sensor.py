"""`sixsense sensor`: what it prints, what it declares for the robot, what it refuses."""

import json
import tomllib
from pathlib import Path

import msgspec
import pytest
from sixsense.launch.cli import app
from sixsense.launch.config import ConfigError, load_config, parse_config
from sixsense.launch.plan import plan_drivers, plan_run
from sixsense.launch.schema import Config, RemoteSensor
from sixsense.launch.sensor import line, robot_table
from typer.testing import CliRunner

WRIST = """
robot = "wrist"

[uplink]
to = "tcp://robot:5555"

[[sensor]]
driver = "phone"
name = "wrist"

[[sensor]]
driver = "camera"
name = "wrist_camera"
width = 640
height = 480
"""
STATUS = {
    "links": {
        "lossless": {"state": "SENDING", "why": "", "sent_bytes": 10},
        "lossy": {"state": "REFUSED", "why": "no such stream", "sent_bytes": 0},
    },
    "streams": {
        "imu": {"state": "RUNNING", "reason": "", "items": 7, "dropped": 0},
        "camera": {"state": "STALE", "reason": "nothing for 0.5 s", "items": 3, "dropped": 2},
    },
}


def test_what_it_declares_is_what_the_robot_takes(tmp_path: Path) -> None:
    file = tmp_path / "wrist.toml"
    file.write_text(WRIST)
    offered = [i for s in plan_drivers(load_config(str(file))).sources for i in s.streams]
    config = parse_config(robot_table(str(file)), "robot.toml")
    (declared,) = plan_run(config).nodes[0].body.sources  # pyright: ignore
    assert declared.driver == "remote"
    assert declared.options["name"] == "wrist"
    facts = ("stream", "modality", "rate_hz", "encoding", "channels", "width", "height")
    assert [[getattr(i, f) for f in facts] for i in declared.streams] == [
        [getattr(i, f) for f in facts] for i in offered
    ]


def test_the_robot_plans_a_wearables_halves_as_one_input(tmp_path: Path) -> None:
    file = tmp_path / "wrist.toml"
    file.write_text(WRIST)
    encode = plan_run(parse_config(robot_table(str(file)), "robot.toml")).nodes[1].body
    assert [spec.name for spec in encode.inputs] == ["wrist.imu", "wrist_camera"]  # pyright: ignore


def test_the_packaged_wrist_declares_itself() -> None:
    done = CliRunner().invoke(app, ["sensor", "wrist", "--toml"])
    assert done.exit_code == 0, done.output
    (table,) = tomllib.loads(done.stdout)["sensor"]
    assert msgspec.convert(table, RemoteSensor).name == load_config("wrist").robot


def test_a_line_says_what_it_is_doing() -> None:
    text = line(STATUS, "tcp://robot:5555", as_json=False)
    assert text == (
        "tcp://robot:5555: lossless sending, lossy refused (no such stream);"
        " imu 7 camera STALE (nothing for 0.5 s) 3 (dropped 2)"
    )
    assert json.loads(line(STATUS, "x", as_json=True)) == STATUS


def test_without_sensors_or_with_a_bad_endpoint_it_says_so(tmp_path: Path) -> None:
    file = tmp_path / "wrist.toml"
    file.write_text('robot = "wrist"\n')
    assert "has no [[sensor]]" in CliRunner().invoke(app, ["sensor", str(file)]).output
    file.write_text('[[sensor]]\ndriver = "simulated"\nstreams = ["imu"]\n')
    done = CliRunner().invoke(app, ["sensor", str(file), "--to", "robot:5555"])
    assert "cannot connect to 'robot:5555'" in done.output
    assert done.exit_code == 1


REMOTE = '[[sensor]]\ndriver = "remote"\nname = "w"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (REMOTE + "streams = []", "length"),
        (REMOTE + 'streams = [{ name = "a", modality = "smell", rate_hz = 1.0 }]', "smell"),
        ('[endpoints]\ningest = "here"', "endpoints.ingest"),
        (
            REMOTE + 'streams = [{ name = "imu", modality = "imu", rate_hz = 1.0 }]\n'
            '[[sensor]]\ndriver = "imu_serial"\nid = "x"\n',
            "is there already",
        ),
    ],
)
def test_what_a_robots_file_cannot_say(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_config(text, "robot.toml")


def test_the_defaults_are_the_endpoints_of_the_table() -> None:
    assert Config().uplink.to == Config().endpoints.ingest == "tcp://127.0.0.1:5555"
