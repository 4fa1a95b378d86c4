"""Keys over real sockets: what each may ask, what is refused and counted, and what a client is told."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from sixsense.fusion.query import Query
from sixsense.nodes.edge import Edge
from sixsense.nodes.spec import EdgeSpec
from sixsense.nodes.wire import endpoints
from sixsense.nodes.wire.control import ControlClient
from sixsense.nodes.wire.curve import MAX_REFUSED
from sixsense.nodes.wire.errors import ControlError, SubscriberTimeoutError, WireError
from sixsense.nodes.wire.keys import Keys, allow, new_keys
from sixsense.nodes.wire.status import Status, TickCounts
from sixsense.nodes.wire.subscriber import Subscriber


class Guarded:
    """An edge node with fixed endpoints that ask for keys, turned by a thread of its own."""

    def __init__(self, tmp_path: Path) -> None:
        self.robot, self.laptop = tmp_path / "robot", tmp_path / "laptop"
        self.keys: Keys = new_keys(self.robot)
        self.public = new_keys(self.laptop).public
        spec = EdgeSpec(results="tcp://127.0.0.1:*", control="tcp://127.0.0.1:*", infos=())
        self.edge = Edge("r1", spec, 7)
        self.edge.load()
        assert self.edge._publisher is not None
        assert self.edge._control is not None
        self.results = self.edge._publisher.endpoint
        self.control = self.edge._control.getsockopt_string(zmq.LAST_ENDPOINT)
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._turn)
        self._thread.start()

    def client(self, timeout: float = 5.0, key: str | None = None) -> ControlClient:
        return ControlClient(
            self.control, timeout=timeout, server_key=key or self.keys.public, keys=self.laptop
        )

    def allow(self, *verbs: str) -> None:
        allow(self.robot, "laptop", self.public, (), verbs)

    def refused(self) -> dict[str, int]:
        reports = self.edge.report()["produced"]
        return {what: count for report in reports for what, count in report.causes.items()}

    def close(self) -> None:
        self.over.set()
        self._thread.join()
        self.edge.close()

    def _turn(self) -> None:
        self.edge.obey(status())
        while not self.over.is_set():
            for socket, readable in self.edge.sockets().items():
                if socket.poll(5):
                    assert not list(readable())


def status() -> Status:
    return Status(
        robot="r1",
        epoch=1,
        seq=0,
        stamp_ns=1,
        final=False,
        model="m",
        space_id="s",
        streams={},
        windows={},
        ticks=TickCounts(),
        nodes=(),
    )


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    """As if its endpoints reached beyond this machine."""
    monkeypatch.setenv("SIXSENSE_KEYS", str(tmp_path / "robot"))
    monkeypatch.setattr(endpoints, "is_local", lambda endpoint: endpoint.startswith("inproc"))
    made = Guarded(tmp_path)
    yield made
    made.close()


def test_a_key_may_ask_what_it_was_allowed_and_nothing_else(guarded: Guarded) -> None:
    guarded.allow("queries")
    with guarded.client() as client:
        assert client.queries() == ()
        with pytest.raises(ControlError, match=r"laptop may not ask watch.*keys allow laptop"):
            client.watch(Query(name="q"))
        with pytest.raises(ControlError, match="may not ask snapshot"):
            client.snapshot()
        guarded.allow("snapshot")
        wait_until_newer(guarded)
        assert len(client.snapshot()) == 1
        with pytest.raises(ControlError, match="may not ask queries"):
            client.queries()
    assert guarded.refused() == {"watch by laptop": 1, "snapshot by laptop": 1, "queries by laptop": 1}


def wait_until_newer(guarded: Guarded) -> None:
    """Two writes within the file system's clock tick would look like one."""
    path = guarded.robot / "allowed.toml"
    before = path.stat().st_mtime_ns
    deadline = time.monotonic() + 5
    while path.stat().st_mtime_ns == before and time.monotonic() < deadline:
        path.touch()


def test_an_unknown_key_is_told_what_to_do(guarded: Guarded) -> None:
    with guarded.client(timeout=0.5) as client, pytest.raises(ControlError) as refused:
        client.queries()
    assert f"keys allow NAME '{guarded.public}'" in str(refused.value)
    assert any(guarded.public in what for what in guarded.refused())


def test_a_wrong_service_key_and_none_are_told_apart_from_silence(guarded: Guarded) -> None:
    guarded.allow("*")
    with (
        guarded.client(timeout=0.5, key=guarded.public) as client,
        pytest.raises(ControlError, match="--server-key"),
    ):
        client.queries()
    with (
        ControlClient(guarded.control, timeout=0.5) as plain,
        pytest.raises(ControlError, match=r"do not agree on keys|broke off while keys were exchanged"),
    ):
        plain.queries()


def test_a_subscriber_needs_the_verb_listen(guarded: Guarded) -> None:
    guarded.allow("snapshot")
    keys = {"server_key": guarded.keys.public, "keys": guarded.laptop}
    with (
        Subscriber(guarded.results, "status", timeout=0.5, **keys) as subscriber,
        pytest.raises(SubscriberTimeoutError, match="keys allow NAME"),
    ):
        subscriber.recv()
    guarded.allow("snapshot", "listen")
    wait_until_newer(guarded)
    with Subscriber(guarded.results, "status", timeout=10, **keys) as subscriber:
        assert subscriber.recv().robot == "r1"


def test_nothing_is_bound_for_other_machines_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIXSENSE_KEYS", str(tmp_path))
    for name in ("ingest", "results", "control"):
        with pytest.raises(WireError, match=rf"refused to bind {name} .*`sixsense keys new`"):
            endpoints.open_gate(name, "tcp://0.0.0.0:5557")
    with pytest.raises(WireError, match=r"refused to bind control .*keys new"):
        endpoints.bind_endpoint("control", "tcp://*:0", zmq.ROUTER, {})


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("tcp://127.0.0.1:1", True),
        ("tcp://127.9.9.9:1", True),
        ("tcp://[::1]:1", True),
        ("tcp://localhost:1", True),
        ("ipc:///x", True),
        ("tcp://*:1", False),
        ("tcp://0.0.0.0:1", False),
        ("tcp://10.0.0.1:1", False),
        ("tcp://robot:1", False),
        ("tcp://127.0.0.1.example.org:1", False),
        ("udp://127.0.0.1:1", False),
    ],
)
def test_what_only_this_machine_can_reach(endpoint: str, local: bool) -> None:
    assert endpoints.is_local(endpoint) is local


def test_an_endpoint_bound_everywhere_is_reached_where_the_greeting_came_from() -> None:
    assert endpoints.reachable("tcp://0.0.0.0:5557", "tcp://robot:5556") == "tcp://robot:5557"
    assert endpoints.reachable("tcp://127.0.0.1:9", "tcp://127.0.0.1:5556") == "tcp://127.0.0.1:9"
    assert endpoints.reachable("ipc:///c", "tcp://robot:5556") == "ipc:///c"


def test_a_stranger_with_ever_new_keys_fills_neither_memory_nor_status(guarded: Guarded) -> None:
    gate = guarded.edge._gate
    assert gate is not None
    for stranger in range(5000):
        gate.refuse(f"{stranger:040}", "connection to control")
    (refused,) = guarded.edge.report()["produced"]
    assert len(refused.causes) == MAX_REFUSED + 1
    assert refused.causes["others"] == 5000 - MAX_REFUSED
