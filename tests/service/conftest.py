"""A light install on a wrist, and keys, for the tests of sensors on other machines."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from far import Wrist
from sixsense.nodes.spec import IngestSpec, SourceSpec
from sixsense.nodes.wire.keys import allow, new_keys


@pytest.fixture
def wrist(monkeypatch: pytest.MonkeyPatch) -> IngestSpec:
    """What a light install on a wrist reads."""
    module = ModuleType("far_wrist")
    vars(module)["Wrist"] = Wrist
    monkeypatch.setitem(sys.modules, "far_wrist", module)
    source = SourceSpec(driver="far_wrist:Wrist", options={}, streams=Wrist().streams)
    return IngestSpec(sources=(source,), pace=1.0, live=True, seconds=None)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One folder of keys for both machines, allowed to publish as `wrist`; its public key."""
    monkeypatch.setenv("SIXSENSE_KEYS", str(tmp_path / "keys"))
    public = new_keys(tmp_path / "keys").public
    allow(tmp_path / "keys", "wrist", public, ("camera", "microphone", "imu"), ())
    return public
