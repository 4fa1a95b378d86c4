import tomllib
from pathlib import Path

import pytest
from sixsense.launch.config import CONFIGS, ConfigError, find_config, load_config, parse_config
from sixsense.launch.schema import Config, SimulatedSensor

MISTAKES = {
    "unknown table": ("fusio = 1", 1, "fusio", 'did you mean "fusion"?'),
    "unknown key": ("[fusion]\nhop = 1", 2, "fusion.hop", 'did you mean "hop_s"?'),
    "wrong type": ('\n[fusion]\nhop_s = "x"', 3, "fusion.hop_s", 'is "x": expected float, got str'),
    "wrong type of a table": ("fusion = 3", 1, "fusion", "expected table, got int"),
    "out of range": ("[fusion]\nhop_s = -1", 2, "fusion.hop_s", "expected float > 0.0"),
    "out of range, of what may be left out": (
        "[windows.audio]\nlength_s = -1",
        2,
        "windows.audio.length_s",
        "write for example 0.5",
    ),
    "not a number": ("[fusion]\nhop_s = nan", 2, "fusion.hop_s", "expected float > 0.0"),
    "infinite": ("[inputs.camera]\nweight = inf", 2, "inputs.camera.weight", "<= 1000.0"),
    "hop off the grid": ("[fusion]\nhop_s = 0.123", 2, "fusion.hop_s", "write for example 0.12"),
    "window hop off the grid": ("[windows.audio]\nhop_s = 0.005", 2, "windows.audio.hop_s", "0.01 s"),
    "unknown modality": ("[windows.vison]\nhop_s = 1", 1, "windows.vison", 'did you mean "vision"?'),
    "unknown driver": ('[[sensor]]\ndriver = "simulatd"', 2, "sensor[0].driver", 'did you mean "simulated"?'),
    "no driver": ("[[sensor]]\nseed = 3", 1, "sensor[0]", "it can be: simulated, recording"),
    "unknown option of a driver": ('[[sensor]]\ndriver = "simulated"\nsed = 3', 3, "sensor[0].sed", '"seed"'),
    "missing option of a driver": ('[[sensor]]\ndriver = "recording"', 1, "sensor[0]", 'add `path = "text"`'),
    "unknown stream": (
        '[[sensor]]\ndriver = "simulated"\nstreams = ["cam"]',
        3,
        "sensor[0].streams[0]",
        'did you mean "camera"?',
    ),
    "one stream twice": (
        '[[sensor]]\ndriver = "simulated"\n[[sensor]]\ndriver = "simulated"\nstreams = ["imu"]',
        3,
        "sensor[1]",
        'is "imu", which is there already',
    ),
    "one watch twice": (
        '[[watch]]\nname = "a"\ntext = "x"\n[[watch]]\nname = "a"\ntext = "y"',
        5,
        "watch[1].name",
        "give each a name of its own",
    ),
    "nothing to watch": ('[[watch]]\nname = "a"', 1, "watch[0]", "write one of text, file, simulated"),
    "two things to watch": (
        '[[watch]]\nname = "a"\ntext = "x"\nfile = "y"',
        1,
        "watch[0]",
        "has text and file",
    ),
    "off above on": ('[[watch]]\nname = "a"\ntext = "x"\noff = 5', 4, "watch[0].off", "write off below on"),
    "inside an inline table": (
        '[[watch]]\nname = "a"\nsimulated = { happening = "alrm", modality = "audio" }',
        3,
        "watch[0].simulated.happening",
        'did you mean "alarm"?',
    ),
    "robot that cannot be a topic": ('robot = "a b"', 1, "robot", 'is "a b"'),
    "endpoint that is none": ('[endpoints]\nresults = "5556"', 2, "endpoints.results", "tcp://HOST:PORT"),
    "one endpoint twice": (
        '[endpoints]\nresults = "tcp://127.0.0.1:1"\ncontrol = "tcp://127.0.0.1:1"',
        3,
        "endpoints.control",
        "a port of its own",
    ),
    "half published": ('[endpoints]\nresults = ""', 2, "endpoints.results", "set both, or neither"),
    "not TOML": ('robot = "a"\nmodel = x', 2, "", "not TOML"),
}


@pytest.mark.parametrize(("text", "line", "path", "advice"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_located_and_advised_on(text: str, line: int, path: str, advice: str):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "robot.toml")
    message = str(caught.value)
    assert message.startswith(f"robot.toml:{line}: {path}"), message
    assert advice in message


def test_all_mistakes_come_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_config('mdel = 1\n[fusion]\nhop_s = "x"\ndeadline = 2\n', "r.toml")
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["1", "3", "4"]


def test_an_empty_file_is_all_defaults():
    assert parse_config("", "r.toml") == Config()


@pytest.mark.parametrize("name", ["demo", "demo.toml", "configs/demo.toml"])
def test_packaged_configurations_are_found_from_anywhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == CONFIGS / "demo.toml"


def test_a_file_of_ones_own_comes_before_a_packaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("demo.toml").write_text('robot = "mine"')
    assert load_config("demo.toml").robot == "mine"


RUNS = sorted(file for file in CONFIGS.glob("*.toml") if file.stem != "bind")


@pytest.mark.parametrize("file", RUNS, ids=lambda file: file.stem)
def test_every_packaged_configuration_is_right(file: Path):
    config = load_config(str(file))
    written = tomllib.loads(file.read_text())
    assert len(config.sensor) == len(written.get("sensor", ()))
    assert {watch.name for watch in config.watch} == {watch["name"] for watch in written.get("watch", ())}
    assert (config.robot, config.model) == (written.get("robot", "robot"), written.get("model", "mini"))


def test_the_demo_has_a_robot_and_asks_for_it_in_words():
    demo = load_config("demo")
    assert isinstance(demo.sensor[0], SimulatedSensor)
    assert demo.sensor[0].split == "test"
    assert {watch.name for watch in demo.watch} == {"alarm", "person", "bump"}
    assert all(watch.text for watch in demo.watch)


@pytest.mark.parametrize("name", ["nosuch", "dmeo.toml", "/nowhere/demo.toml"])
def test_a_missing_configuration_names_the_packaged_ones(name: str):
    with pytest.raises(ConfigError, match="demo"):
        load_config(name)


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own.toml").write_text(
        '[[sensor]]\ndriver = "recording"\npath = "a.mp4"\n[[watch]]\nname = "bark"\nfile = "/b/bark.wav"\n'
    )
    monkeypatch.chdir("/")
    config = load_config(str(tmp_path / "own.toml"))
    assert getattr(config.sensor[0], "path") == str(tmp_path / "a.mp4")  # noqa: B009
    assert config.watch[0].file == "/b/bark.wav"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(str(tmp_path / "binary.toml"))
