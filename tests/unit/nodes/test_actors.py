"""What of Ray was started is what is stopped."""

import sys

import pytest
from sixsense.nodes.actors import RayRunner
from sixsense.sensors.errors import SixsenseError


def test_who_is_interrupted_before_ray_is_there_stops_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    RayRunner("", "").stop()


def test_ray_without_its_token_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    runner = RayRunner("", "")
    with pytest.raises(SixsenseError, match="unset RAY_AUTH_MODE"):
        runner.start(())
    runner.stop()
