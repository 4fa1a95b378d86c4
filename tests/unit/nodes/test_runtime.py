"""The runtime directory: nobody else's, short enough, or an error that a person can act on."""

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import Mock

import pytest
from sixsense.nodes import runtime
from sixsense.nodes.runtime import is_private, make_run_directory
from sixsense.sensors.errors import SixsenseError


def test_each_run_has_a_private_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        check_private_folders()


def check_private_folders() -> None:
    first, second = make_run_directory("r1"), make_run_directory("r1")
    assert first != second
    assert is_private(first)
    assert is_private(first.parent)


def test_one_that_others_may_enter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "sixsense").mkdir(mode=0o755)
    with pytest.raises(SixsenseError, match="is not only yours: remove it"):
        make_run_directory("r1")


def test_where_none_can_be_made_it_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    with pytest.raises(SixsenseError, match="set XDG_RUNTIME_DIR"):
        make_run_directory("r1")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    full = Mock(side_effect=OSError(28, "No space left on device"))
    monkeypatch.setattr(runtime.tempfile, "mkdtemp", full)
    with pytest.raises(SixsenseError, match="No space left on device; make room"):
        make_run_directory("r1")


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 80)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with pytest.raises(SixsenseError, match="too long for a socket's path"):
        make_run_directory("r1")
