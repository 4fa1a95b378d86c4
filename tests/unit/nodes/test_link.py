"""Real sockets: two consumers of one outlet, a consumer that dies and comes back, one that never reads."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from sixsense.nodes import link
from sixsense.nodes.link import GATHER_S, GATHERED_CREDIT, Inlet, Outlet
from sixsense.nodes.ring import Ring
from sixsense.sensors.errors import SixsenseError
from sixsense.sensors.sample import NS


@pytest.fixture
def context() -> Iterator["zmq.Context[zmq.Socket[bytes]]"]:
    with zmq.Context() as context:
        yield context


def collect(outlet: Outlet, inlet: Inlet, count: int) -> list[bytes]:
    """Serve the outlet until `count` messages have come through."""
    got: list[bytes] = []
    poller = zmq.Poller()
    for end in (inlet, outlet):
        poller.register(end.socket, zmq.POLLIN)
    while len(got) < count:
        outlet.on_readable()
        assert poller.poll(5000), f"only {len(got)} of {count} came"
        while frames := inlet.receive():
            got.append(frames[0])
        inlet.acknowledge()
    return got


def test_each_consumer_gets_everything(context: "zmq.Context[zmq.Socket[bytes]]", tmp_path: Path) -> None:
    outlet = Outlet(context, f"ipc://{tmp_path}/o", Ring(("a", "b"), keep_s=60, lossless=True), 8)
    first, second = (Inlet(context, outlet.endpoint, name) for name in ("a", "b"))
    expected = [b"%d" % i for i in range(100)]
    for i, payload in enumerate(expected):
        outlet.put("imu", i, 1, [payload])
    assert collect(outlet, first, 100) == expected
    assert collect(outlet, second, 100) == expected
    for end in (outlet, first, second):
        end.close()


def test_a_consumer_that_comes_back_gets_what_it_had_not_acknowledged(
    context: "zmq.Context[zmq.Socket[bytes]]", tmp_path: Path
) -> None:
    outlet = Outlet(context, f"ipc://{tmp_path}/o", Ring(("a",), keep_s=60, lossless=False), 8)
    dying = Inlet(context, outlet.endpoint, "a")
    for i in range(20):
        outlet.put("imu", i, 1, [b"%d" % i])
    collect(outlet, dying, 8)
    assert outlet.socket.poll(5000)
    outlet.on_readable()
    dying.close()
    again = Inlet(context, outlet.endpoint, "a")
    assert collect(outlet, again, 12) == [b"%d" % i for i in range(8, 20)]
    outlet.close()
    again.close()


def test_who_is_in_no_hurry_gets_many_messages_at_once(
    context: "zmq.Context[zmq.Socket[bytes]]", tmp_path: Path
) -> None:
    outlet = Outlet(context, f"ipc://{tmp_path}/o", Ring(("a",), keep_s=60, lossless=False), 8)
    inlet = Inlet(context, outlet.endpoint, "a", gathered=True)
    large = bytes(range(256)) * 1024
    sent = [[b"topic", b"%d" % i, *([large] if i % 10 == 0 else [])] for i in range(GATHERED_CREDIT + 20)]
    for i, frames in enumerate(sent):
        outlet.put("imu", i, 1, frames)
    outlet.socket.poll(5000)
    outlet.on_readable()
    assert inlet.socket.poll(5000)
    got = []
    while frames := inlet.receive():
        got.append([bytes(frame) for frame in frames])
    assert got == sent[:GATHERED_CREDIT], "one bundle, as far as the credit goes"
    assert not inlet.pending
    inlet.acknowledge()
    while not inlet.socket.poll(20):
        outlet.on_readable()
    assert collect(outlet, inlet, 20) == [b"topic"] * 20
    assert outlet.ring.idle or outlet.socket.poll(5000)
    outlet.close()
    inlet.close()


def test_messages_gather_for_a_while(context: "zmq.Context[zmq.Socket[bytes]]", tmp_path: Path) -> None:
    ring = Ring(("a", "b"), keep_s=60, lossless=False)
    outlet = Outlet(context, f"ipc://{tmp_path}/o", ring, 8)
    hurried = Inlet(context, outlet.endpoint, "a")
    gathered = Inlet(context, outlet.endpoint, "b", gathered=True)
    bundles = 0
    for _ in range(2):
        while outlet.socket.poll(200):
            outlet.on_readable()
    began = time.monotonic()
    for i in range(40):
        outlet.put("imu", i, 1, [b"%d" % i])
        got = collect(outlet, hurried, 1)
        assert got == [b"%d" % i]
        if gathered.socket.poll(0) and not gathered.pending:
            bundles += 1
            while gathered.receive():
                pass
            gathered.acknowledge()
    assert bundles <= (time.monotonic() - began) / GATHER_S + 1
    for end in (outlet, hurried, gathered):
        end.close()


def test_a_guest_that_was_killed_is_forgotten_and_one_of_the_plan_is_waited_for(
    context: "zmq.Context[zmq.Socket[bytes]]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "GUEST_S", 0.05)
    ring = Ring(("planned",), keep_s=60, lossless=False)
    outlet = Outlet(context, f"ipc://{tmp_path}/o", ring, 8)
    with zmq.Context() as theirs:
        ends = [
            Inlet(theirs, outlet.endpoint, name, gathered=name == "guest") for name in ("guest", "planned")
        ]
        while not (ring.guests_behind() and all(end.socket.poll(0) for end in ends)):
            outlet.put("imu", 0, 1, [b"x"])
            outlet.socket.poll(20)
            outlet.on_readable()
        assert outlet.joined
        for end in ends:
            end.close()
    stamp, deadline = 0, time.monotonic() + 10
    while ring.guests_behind():
        assert time.monotonic() < deadline
        stamp += NS
        outlet.put("imu", stamp, 1, [b"x"])
    before = ring.dropped()["guest"]
    for _ in range(100):
        stamp += NS
        outlet.put("imu", stamp, 1, [b"x"])
    assert ring.dropped()["guest"] == before
    assert ring.dropped()["planned"]["imu"] >= 30
    outlet.close()


def test_an_endpoint_that_cannot_be_bound_is_named(
    context: "zmq.Context[zmq.Socket[bytes]]", tmp_path: Path
) -> None:
    with pytest.raises(SixsenseError, match="missing/o"):
        Outlet(context, f"ipc://{tmp_path}/missing/o", Ring((), keep_s=1, lossless=False), 1)


def test_acknowledgements_can_wait_until_there_are_some(
    context: "zmq.Context[zmq.Socket[bytes]]", tmp_path: Path
) -> None:
    outlet = Outlet(context, f"ipc://{tmp_path}/o", Ring(("a",), keep_s=60, lossless=False), 8)
    inlet = Inlet(context, outlet.endpoint, "a")
    assert outlet.socket.poll(5000)
    outlet.on_readable()
    acknowledged: list[int] = []
    for i in range(9):
        outlet.put("imu", i, 1, [b"%d" % i])
        assert inlet.socket.poll(5000)
        assert inlet.receive() == [b"%d" % i]
        inlet.acknowledge(4)
        if outlet.socket.poll(100):
            outlet.on_readable()
            acknowledged.append(i)
    assert acknowledged == [3, 7]
    inlet.acknowledge()
    assert outlet.socket.poll(5000)
    outlet.on_readable()
    assert outlet.idle
    outlet.close()
    inlet.close()
