"""A replay is paused and goes on, and says so; a live run does neither."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sixsense.launch.config import parse_config
from sixsense.launch.plan import plan_replay, plan_run
from sixsense.launch.service import Service
from sixsense.nodes.spec import Plan

ALONE = '[endpoints]\nresults = ""\ncontrol = ""\n'
SIMULATED = '[[sensor]]\ndriver = "simulated"\nstreams = ["imu"]\n'


def replayed(path: Path) -> Plan:
    return plan_replay(parse_config(ALONE, "replay.toml"), str(path), rate=None)


def lived(_: Path) -> Plan:
    return plan_run(parse_config(ALONE + SIMULATED, "robot.toml"), seconds=0.1)


@pytest.mark.parametrize(
    ("plan", "says"), [(replayed, ["paused: the space key goes on", "going on"]), (lived, [])]
)
def test_pausing_is_told_where_there_is_something_to_pause(
    tmp_path: Path, wav: Callable, plan: Callable[[Path], Plan], says: list[str]
) -> None:
    wav(tmp_path / "s.wav", np.zeros(16_000))
    said: list[str] = []
    with Service(plan(tmp_path / "s.wav"), local=True, say=said.append) as service:
        service.pause()
        service.pause()
        assert list(service.outputs(60))[-1].final
    assert [one for one in said if one in ("paused: the space key goes on", "going on")] == says
