"""Labels and novelty in a running service: told with the ticks, recorded, computed again from the log."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.imagebind import ImageBind
from sixsense.fusion.fused import Labels
from sixsense.fusion.query import Query
from sixsense.launch.as_recorded import Refusion
from sixsense.launch.plan import plan_run
from sixsense.launch.recording import Recording, with_recorder
from sixsense.launch.schema import Config, Endpoints, LabelsConfig, SimulatedSensor
from sixsense.launch.service import Service
from sixsense.nodes.recorded import from_json
from sixsense.nodes.wire.status import Status
from sixsense.sensors.mcap.log import open_log
from sixsense.sensors.sample import NS

SMALL = Architecture(8, {name: Trunk(8, 1, 2) for name in ("text", "audio")}, vocabulary=259)
WINDOWS = {"audio": {"length_ns": NS // 2, "hop_ns": NS // 4}}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "model"
    folder.mkdir()
    torch.manual_seed(0)
    state = {key: 0.1 * torch.randn(value.shape) for key, value in ImageBind(SMALL).state_dict().items()}
    torch.save(state, folder / "weights.pth")
    (folder / "config.json").write_text(json.dumps(format_architecture(SMALL) | {"windows": WINDOWS}))
    labels = (
        LabelsConfig(name="sounds", file="home_sounds", top=3, every_s=0.5),
        LabelsConfig(name="doing", file="activities", modalities=("fused",)),
    )
    return Config(
        robot="labelled",
        model=str(folder),
        endpoints=Endpoints(results="", control=""),
        sensor=(SimulatedSensor(streams=("microphone",)),),
        labels=labels,
    )


def test_labels_are_told_with_the_ticks_and_recorded(config: Config, tmp_path: Path) -> None:
    queries = (
        Query(name="new", asks="novelty", modalities=("audio",), hours=0.5),
        Query(name="odd", asks="novelty", at_most_per_h=6.0),
    )
    path = tmp_path / "log.mcap"
    plan = with_recorder(plan_run(config, queries=queries, seconds=4.0), Recording(path=path))
    with Service(plan, local=True) as service:
        outputs = list(service.outputs(timeout_s=60))
    told = [one for one in outputs if isinstance(one, Labels)]
    final = outputs[-1]
    assert isinstance(final, Status)
    assert [query.name for query in final.queries] == ["new", "odd"]
    assert final.queries[0].modalities == ("audio",)
    sounds = [one for one in told if one.name == "sounds"]
    assert len(sounds) >= 6
    assert len(sounds) > len(told) - len(sounds) >= 3
    assert {one.stamp_ns % (NS // 2) for one in sounds} == {0}
    assert [one.seq for one in sounds] == list(range(len(sounds)))
    (answer,) = sounds[-1].answers
    assert (answer.target, len(answer.best), answer.calibrated) == ("audio", 3, False)
    assert 0 < answer.none + sum(likely.share for likely in answer.best) <= 1 + 1e-9
    assert np.isfinite([likely.cosine for likely in answer.best]).all()
    log = open_log(path)
    again: list[Labels] = []
    result = Refusion(log, from_json(log.head.plan)).run(
        lambda one: again.append(one) if isinstance(one, Labels) else None
    )
    assert result.equal, result.example
    assert len(again) >= len(told) - 1
