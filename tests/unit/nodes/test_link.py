"""Real sockets: two consumers of one outlet, a consumer that dies and comes back, one that never reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from sixsense.nodes.link import Inlet, Outlet
from sixsense.nodes.ring import Ring
from sixsense.sensors.errors import SixsenseError


@pytest.fixture
def context() -> Iterator["zmq.Context[zmq.Socket[bytes]]"]:
    with zmq.Context() as context:
        yield context


def collect(outlet: Outlet, inlet: Inlet, count: int) -> list[bytes]:
    """Serve the outlet until `count` messages have come through."""
    got: list[bytes] = []
    while len(got) < count:
        outlet.on_readable()
        assert inlet.socket.poll(5000) or outlet.socket.poll(0), f"only {len(got)} of {count} came"
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


def test_an_endpoint_that_cannot_be_bound_is_named(
    context: "zmq.Context[zmq.Socket[bytes]]", tmp_path: Path
) -> None:
    with pytest.raises(SixsenseError, match="missing/o"):
        Outlet(context, f"ipc://{tmp_path}/missing/o", Ring((), keep_s=1, lossless=False), 1)
