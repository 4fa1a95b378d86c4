"""Key files: closed to others, whole, and what is wrong with them said."""

import stat
from pathlib import Path

import pytest
from sixsense.launch.cli import app
from sixsense.nodes.wire.errors import WireError
from sixsense.nodes.wire.keys import allow, grants, new_keys, own_keys, server_key_of
from typer.testing import CliRunner

KEY = "a" * 40


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_0600_in_a_0700_folder_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "keys"
    made = new_keys(folder)
    allow(folder, "wrist", KEY, ("imu",), ())
    assert own_keys(folder) == made
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {"own.toml": 0o600, "allowed.toml": 0o600}


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    new_keys(tmp_path)
    (tmp_path / "own.toml").chmod(0o644)
    with pytest.raises(WireError, match=r"chmod 600"):
        own_keys(tmp_path)


def test_keys_are_not_made_twice(tmp_path: Path) -> None:
    new_keys(tmp_path)
    with pytest.raises(WireError, match="is there already"):
        new_keys(tmp_path)


def test_a_name_has_one_key_with_what_was_allowed_last(tmp_path: Path) -> None:
    allow(tmp_path, "wrist", KEY, ("imu", "camera"), ())
    allow(tmp_path, "laptop", "b" * 40, (), ("listen", "*"))
    allow(tmp_path, "wrist", "c" * 40, ("imu",), ())
    known = grants(tmp_path)
    assert known["wrist"].key == "c" * 40
    assert known["wrist"].may_publish("imu")
    assert not known["wrist"].may_publish("camera")
    assert known["laptop"].may_ask("snapshot")


@pytest.mark.parametrize(
    ("name", "key", "streams", "verbs", "said"),
    [
        ("a/b", KEY, (), (), "key's name 'a/b'"),
        ("wrist", "short", (), (), "is no key"),
        ("wrist", KEY[:-1] + '"', (), (), "is no key"),
        ("wrist", KEY, ("a b",), (), "stream 'a b'"),
        ("wrist", KEY, (), ("shutdown",), "no verb 'shutdown'"),
        ("other", "d" * 40, (), (), "allowed already, as 'first'"),
    ],
)
def test_what_cannot_be_allowed(tmp_path: Path, name, key, streams, verbs, said) -> None:
    allow(tmp_path, "first", "d" * 40, (), ())
    with pytest.raises(WireError, match=said):
        allow(tmp_path, name, key, streams, verbs)
    assert list(grants(tmp_path)) == ["first"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("[wrist]\nkye = 'a'", "key"), ("not toml", "cannot read"), ("[w]\nkey='a'\nstream=['x']", "stream")],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "allowed.toml").write_text(text)
    with pytest.raises(WireError, match=said):
        grants(tmp_path)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXSENSE_KEYS", str(tmp_path))
    run = CliRunner()
    assert "sixsense keys new" in run.invoke(app, ["keys", "list"]).output
    public = run.invoke(app, ["keys", "new"]).stdout.strip()
    done = run.invoke(app, ["keys", "allow", "wrist", KEY, "--streams", "imu, camera", "--verbs", "listen"])
    assert done.exit_code == 0, done.output
    listed = run.invoke(app, ["keys", "list"]).output
    assert f"this machine: {public}" in listed
    assert f"wrist: {KEY} may publish imu, camera and ask listen" in listed
    assert run.invoke(app, ["keys", "new"]).exit_code == 1


def test_the_environment_gives_a_key_for_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXSENSE_SERVER_KEY", KEY)
    assert server_key_of("tcp://robot:5556", "") == KEY
    assert server_key_of("tcp://robot:5556", "b" * 40) == "b" * 40
    assert server_key_of("tcp://127.0.0.1:5556", "") == ""
    assert server_key_of("ipc:///run/x", "") == ""
