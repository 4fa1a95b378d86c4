import subprocess
import sys
from pathlib import Path

import pytest
from sixsense import __version__
from sixsense.launch import cli
from sixsense.nodes.wire import endpoints
from sixsense.sensors.errors import SixsenseError
from typer.testing import CliRunner

COMMANDS = ("demo", "run", "replay", "listen", "watch", "embed", "classify", "compare", "doctor")
HEAVY = ("torch", "ray", "av", "cv2", "onnxruntime", "zmq", "numpy", "rich.live")


@pytest.fixture
def invoke():
    def run(*arguments: str):
        return CliRunner().invoke(cli.app, arguments)

    return run


def test_help_names_every_command(invoke):
    result = invoke("--help")
    assert result.exit_code == 0
    assert [command for command in COMMANDS if command not in result.output] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(invoke, command: str):
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "--json" in result.output


def test_the_endpoints_that_help_shows_are_the_services():
    assert (cli.RESULTS, cli.CONTROL) == (endpoints.RESULTS, endpoints.CONTROL)


def test_version(invoke):
    assert invoke("--version").output.strip() == f"sixsense {__version__}"


@pytest.mark.parametrize("arguments", ["['--help']", "['demo', '--help']", "['--version']"])
def test_help_imports_nothing_heavy(arguments: str):
    code = (
        "import sys\n"
        "from sixsense.launch import cli\n"
        f"cli.app({arguments}, standalone_mode=False)\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nosuch"), "there is no configuration file nosuch"),
        (("run", "dmeo.toml"), 'did you mean "demo"?'),
        (("replay", "x.mp4", "--config", "nosuch"), "there is no configuration file nosuch"),
        (("replay", "x.mp4", "--watch", "nosuch.wav"), "there is no file nosuch.wav"),
        (("replay", "x.mp4", "--out", "run.txt"), "name it run.npz"),
        (("watch", "nosuch.wav"), "there is no file nosuch.wav"),
        (("watch", "rain", "--control", "carrier-pigeon"), "carrier-pigeon"),
        (("listen", "mach"), "did you mean 'match'?"),
        (("listen", "--timeout", "0.1", "--endpoint", "tcp://127.0.0.1:9"), "within 0.1 s"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_error_is_one_message_and_status_1(invoke, arguments: tuple[str, ...], said: str):
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("nosuch",),
        ("run",),
        ("run", "demo", "--seconds", "soon"),
        ("run", "demo", "--seconds", "-1"),
        ("demo", "--nosuch"),
        ("replay", "x.mp4", "--fast", "--rate", "2"),
        ("replay", "x.mp4", "--rate", "0"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2(invoke, arguments: tuple[str, ...]):
    assert invoke(*arguments).exit_code == 2


def test_a_bad_configuration_lists_its_mistakes(invoke, tmp_path: Path):
    path = tmp_path / "bad.toml"
    path.write_text('[fusion]\nhop = 1\ndeadline_s = "x"\n')
    result = invoke("run", str(path))
    assert result.exit_code == 1
    assert f'{path}:2: fusion.hop is not a key here; did you mean "hop_s"?' in result.stderr
    assert f"{path}:3: fusion.deadline_s" in result.stderr


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (SixsenseError("the camera is gone; plug it in"), 1, "sixsense: the camera is gone; plug it in"),
        (ModuleNotFoundError("No module named 'ray'", name="ray"), 1, "this needs ray"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
    ids=["error", "light install", "second Ctrl-C"],
)
def test_what_goes_wrong_in_a_command_is_said(invoke, monkeypatch: pytest.MonkeyPatch, error, status, said):
    class Broken:
        def main(self, *, json: bool) -> int:  # noqa: ARG002
            raise error

    monkeypatch.setattr(cli, "_load", lambda _: Broken())
    result = invoke("doctor")
    assert result.exit_code == status
    assert said in result.stderr


def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -c 'from sixsense.launch.cli import main; main()' doctor --json | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr
