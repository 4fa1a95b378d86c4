import json
import socket
import sys
from pathlib import Path

import pytest
from sixsense.launch import checks, doctor
from sixsense.launch.checks import CHECKS, Check
from sixsense.launch.ports import holder, is_free


@pytest.fixture
def busy_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def named(check) -> dict[str, Check]:
    return {one.name: one for one in check()}


def test_every_bad_line_has_a_fix_and_every_level_is_known():
    found = list(doctor.diagnose())
    assert [one.name for one in found if one.level != "ok" and not one.fix] == []
    assert {one.level for one in found} <= {"ok", "warn", "fail"}
    assert {"python", "ray", "ray token", "/dev/shm", "port 5556", "mini", "torch", "opencv"} <= {
        one.name for one in found
    }


def test_slow_imports_come_last_so_that_the_first_line_does_not_wait():
    names = [check.__name__ for check in CHECKS]
    assert names[0] == "python"
    assert names[-2:] == ["onnxruntime", "torch"]


@pytest.mark.parametrize(
    ("mode", "level"), [("token", "ok"), ("TOKEN", "ok"), ("disabled", "fail"), ("", "fail"), (None, "ok")]
)
def test_ray_without_its_token_is_a_failure(mode, level, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    if mode is not None:
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
    assert named(checks.ray)["ray token"].level == level


@pytest.mark.parametrize(("mode", "level"), [(0o600, "ok"), (0o644, "fail")])
def test_a_token_that_others_can_read_is_a_failure(
    mode, level, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    path = tmp_path / "token"
    path.write_text("secret")
    path.chmod(mode)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(path))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    token = named(checks.ray)["ray token"]
    assert token.level == level
    assert "secret" not in token.text


def test_a_port_in_use_names_who_uses_it(busy_port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checks, "PORTS", {busy_port: "results"})
    check = named(checks.ports)[f"port {busy_port}"]
    assert check.level == "warn"
    assert "results" in check.text
    assert not is_free(busy_port)
    if sys.platform == "linux":
        assert "pytest" in holder(busy_port)


@pytest.mark.parametrize(("mode", "level"), [(0o700, "ok"), (0o755, "fail")])
def test_a_runtime_directory_that_others_can_enter_is_a_failure(
    mode, level, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert named(checks.runtime_directory)["runtime directory"].level == "ok"
    (tmp_path / "sixsense").mkdir(mode=mode)
    assert named(checks.runtime_directory)["runtime directory"].level == level


def test_little_shared_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch):
    if not Path("/dev/shm").is_dir():
        pytest.skip("this system has no /dev/shm")
    monkeypatch.setattr(checks, "SHM_BYTES", 1 << 60)
    check = named(checks.shared_memory)["/dev/shm"]
    assert check.level == "warn"
    assert "--shm-size" in check.fix


def test_a_check_that_breaks_is_a_failure_and_stops_no_other():
    def broken():
        yield Check(name="first", level="ok", text="fine")
        raise RuntimeError("no such library")

    found = list(doctor.diagnose((broken, checks.python)))
    assert [(one.name, one.level) for one in found] == [("first", "ok"), ("broken", "fail"), ("python", "ok")]
    assert "no such library" in found[1].text


def test_the_exit_status_is_the_number_of_failures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def bad():
        yield Check(name="a", level="fail", text="gone", fix="bring it back")
        yield Check(name="b", level="warn", text="low", fix="add some")
        yield Check(name="c", level="fail", text="gone", fix="bring it back")

    found = list(doctor.diagnose((bad,)))
    monkeypatch.setattr(doctor, "diagnose", lambda: iter(found))
    assert doctor.main(json=False) == 2
    assert capsys.readouterr().out.count("fix: ") == 3
    assert doctor.main(json=True) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["level"] for line in lines] == ["fail", "warn", "fail"]
