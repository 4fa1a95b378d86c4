"""A live run on Ray is recorded; the log gives its windows, ticks and events exactly, to us and to others."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from sixsense.encoders.embedding import Embedding, Missing
from sixsense.fusion.fused import Fused, Match
from sixsense.fusion.query import Query
from sixsense.launch.as_recorded import Refusion
from sixsense.launch.config import load_config
from sixsense.launch.plan import plan_replay, plan_run
from sixsense.launch.queries import config_queries
from sixsense.launch.recorded_results import read_results
from sixsense.launch.recording import Recording, with_recorder
from sixsense.launch.schema import Config, Endpoints
from sixsense.launch.service import Output, Service
from sixsense.launch.vectors_again import compare_vectors, encoded_again
from sixsense.nodes.recorded import from_json
from sixsense.nodes.wire.control import ControlClient
from sixsense.nodes.wire.status import Status
from sixsense.sensors.mcap.head import OWN
from sixsense.sensors.mcap.log import Log, open_log

SECONDS = 8.0
ADDED_AFTER = 10
"""Ticks after which a query is added."""


def added() -> Query:
    """A query of the demo with a threshold that it passes often, whatever the model thinks of it."""
    query = config_queries(load_config("demo"))[0]
    return msgspec.structs.replace(query, on=-2.0, off=-3.0)


class Run(msgspec.Struct, frozen=True):
    """What a run told, and its log."""

    outputs: list[Output]
    path: Path

    def of(self, *types: type) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, types)]


def recorded(folder: Path, *, local: bool) -> Run:
    """A run of the simulated robot's lighter senses, with a query that is added while it runs."""
    control = f"ipc://{folder}/control"
    config = msgspec.structs.replace(
        load_config("demo"), endpoints=Endpoints(results=f"ipc://{folder}/results", control=control), watch=()
    )
    path = folder / "drive.mcap"
    plan = with_recorder(plan_run(config, seconds=SECONDS), Recording(path=path))
    with Service(plan, local=local) as service, ControlClient(control, timeout=20) as client:
        return Run(list(watching(service, client)), path)


def watching(service: Service, client: ControlClient) -> Iterator[Output]:
    ticks = 0
    for output in service.outputs(timeout_s=60):
        ticks += isinstance(output, Fused)
        if ticks == ADDED_AFTER and isinstance(output, Fused):
            client.watch(added())
        yield output


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return recorded(tmp_path_factory.mktemp("ray"), local=False)


@pytest.fixture(scope="module")
def log(run: Run) -> Log:
    return open_log(run.path)


def same(one: msgspec.Struct, other: msgspec.Struct) -> bool:
    """Whether two messages are equal, arrays bit for bit."""
    values = ((getattr(one, name), getattr(other, name)) for name in one.__struct_fields__)
    return all(a.tobytes() == b.tobytes() if hasattr(a, "tobytes") else a == b for a, b in values)


def test_the_log_has_every_result_in_its_order(run: Run, log: Log) -> None:
    for types, prefix in (
        ((Fused, Match), ("fused", "match")),
        ((Embedding, Missing), ("embedding", "none")),
    ):
        told = run.of(*types)
        kept = list(read_results(log, tuple(OWN + one for one in prefix)))
        assert len(told) > ADDED_AFTER
        assert len(kept) == len(told)
        assert all(same(one, other) for one, other in zip(kept, told, strict=True))


def test_as_recorded_gives_the_same_ticks_and_events(run: Run, log: Log) -> None:
    compared = Refusion(log, from_json(log.head.plan)).run()
    assert compared.equal, compared.example
    assert compared.before == 0
    assert compared.ticks == len(run.of(Fused))
    assert compared.matches == len(run.of(Match)) > 0
    assert compared.events >= 1


def test_a_changed_embedding_is_noticed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    import sixsense.launch.as_recorded as module

    def changed(log: Log, prefixes: tuple[str, ...]) -> Iterator[msgspec.Struct]:
        for number, message in enumerate(read_results(log, prefixes)):
            if isinstance(message, Embedding) and number > 50:
                message = msgspec.structs.replace(message, vector=message.vector[::-1].copy())
            yield message

    monkeypatch.setattr(module, "read_results", changed)
    assert not Refusion(log, from_json(log.head.plan)).run().equal


def test_the_recorded_windows_encode_to_the_same_vectors(run: Run, log: Log) -> None:
    again = encoded_again(log, from_json(log.head.plan).encode)
    compared = compare_vectors(log, again, log.bases(), "exact")
    assert compared.equal, compared
    assert compared.windows + compared.reused + compared.other == len(run.of(Embedding))
    assert compared.furthest <= 1e-5


def test_vectors_of_another_model_are_not_compared(
    log: Log, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sixsense.launch.as_recorded as module

    card = msgspec.structs.replace(module.read_card("mini"), space_id="mini:older")
    monkeypatch.setattr(module, "read_card", lambda _: card)
    assert not module.replay_as_recorded(log.paths[0], json=False)
    assert "NOT COMPARED" in (said := capsys.readouterr().out)
    assert "mini is mini:older now" in said
    assert "every one is the recorded one" in said


def test_a_replay_at_any_speed_gives_the_same_vectors(run: Run) -> None:
    config = Config(endpoints=Endpoints(results="", control=""))
    told: list[list[Output]] = []
    for rate in (None, 16.0):
        with Service(plan_replay(config, str(run.path), rate=rate), local=True) as service:
            told.append([o for o in service.outputs(timeout_s=60) if isinstance(o, (Embedding, Fused))])
    fast, paced = (
        {(type(o), getattr(o, "input", ""), getattr(o, "index", o.seq)): o.vector for o in run}
        for run in told
    )
    assert fast.keys() == paced.keys()
    assert len(fast) > 50
    for key, vector in fast.items():
        assert vector is None or vector.tobytes() == paced[key].tobytes()


def test_nothing_was_dropped_and_the_status_is_there(run: Run, log: Log) -> None:
    final = run.outputs[-1]
    assert isinstance(final, Status)
    assert {node.name: node.restarts for node in final.nodes}["record"] == 0
    assert [s for s in read_results(log, (f"{OWN}status",)) if isinstance(s, Status)]


def test_others_read_it(run: Run) -> None:
    with open(run.path, "rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert reader.get_header().profile == "ros2"
        assert summary is not None
        assert summary.statistics is not None
        assert {s.encoding for s in summary.schemas.values()} == {"ros2msg"}
        assert sum(1 for _ in reader.iter_messages()) == summary.statistics.message_count
    with AnyReader([run.path]) as bag:
        assert {c.msgtype for c in bag.connections} >= {
            "sensor_msgs/msg/CompressedImage",
            "sensor_msgs/msg/Imu",
            "sixsense_msgs/msg/Embedding",
        }
        told = [bag.deserialize(raw, connection.msgtype) for connection, _, raw in bag.messages()]
    assert len(told) == summary.statistics.message_count
