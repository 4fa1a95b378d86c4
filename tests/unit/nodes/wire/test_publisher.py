"""The results endpoint: where it binds, whom it greets, what it keeps."""

import pytest
import zmq
from sixsense.nodes.wire.endpoints import bind_endpoint
from sixsense.nodes.wire.envelope import decode, encode
from sixsense.nodes.wire.errors import WireError
from sixsense.nodes.wire.publisher import ResultsPublisher
from sixsense.sensors.clock import ManualClock


def publisher(endpoint: str = "tcp://127.0.0.1:*") -> ResultsPublisher:
    return ResultsPublisher(endpoint, robot="r1", control="ipc://c", epoch=3, clock=ManualClock(9))


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp://*:5556",
        "tcp://0.0.0.0:5556",
        "tcp://10.1.1.4:5556",
        "tcp://eth0:5556",
        "udp://127.0.0.1:1",
        "x",
    ],
)
def test_it_binds_only_what_this_machine_can_reach(endpoint: str) -> None:
    with pytest.raises(WireError, match=r"refused to bind results .*\[endpoints\] results"):
        publisher(endpoint)


def test_a_port_in_use_says_so_and_what_to_do() -> None:
    says = r"tcp://127\.0\.0\.1:\d+: the port is in use; stop"
    with publisher() as first, pytest.raises(WireError, match=says):
        publisher(first.endpoint)


def test_a_folder_that_is_missing_says_so() -> None:
    with pytest.raises(WireError, match="cannot bind control to ipc:///nowhere/c: No such file"):
        bind_endpoint("control", "ipc:///nowhere/c", zmq.ROUTER, {})


def test_it_greets_whoever_can_hear_it_with_the_positions(make) -> None:
    with publisher() as results, zmq.Context.instance().socket(zmq.SUB) as sub:
        for message in (make.info(), make.fused(4), make.fused(5), make.match(2, epoch=7)):
            results.publish(encode(message, robot="r1"))
        sub.connect(results.endpoint)
        sub.subscribe(b"match/")
        assert results.socket.poll(2000)
        results.on_readable()
        assert not sub.poll(50)
        sub.subscribe(b"hello/")
        assert results.socket.poll(2000)
        results.on_readable()
        assert sub.poll(2000)
        robot, hello = decode(sub.recv_multipart())

    assert (robot, hello.control, hello.epoch, hello.now_ns) == ("r1", "ipc://c", 3, 9)
    assert hello.positions == {"fused/r1/fused/": (1, 5), "match/r1/fused/": (7, 2)}


def test_unsubscribing_greets_nobody() -> None:
    context = zmq.Context.instance()
    with publisher() as results, context.socket(zmq.SUB) as stays, context.socket(zmq.SUB) as leaves:
        for sub, prefix in ((stays, b""), (leaves, b"hello/")):
            sub.connect(results.endpoint)
            sub.subscribe(prefix)
            assert results.socket.poll(2000)
            results.on_readable()
            assert sub.poll(2000)
        for _ in range(2):
            stays.recv_multipart()
        leaves.unsubscribe(b"hello/")
        assert results.socket.poll(2000)
        results.on_readable()
        assert not stays.poll(100)


def test_a_snapshot_has_the_newest_of_each_topic_in_the_order_of_publication(make) -> None:
    with publisher() as results:
        for message in (make.fused(0), make.info("a"), make.info("b"), make.match(0), make.fused(1)):
            results.publish(encode(message, robot="r1"))

        def names(*topics: str) -> list[bytes]:
            return [frames[0] for frames in results.snapshot(topics)]

        assert names() == [b"info/r1/a/", b"info/r1/b/", b"match/r1/fused/", b"fused/r1/fused/"]
        assert names("info/r1/b", "fused") == [b"info/r1/b/", b"fused/r1/fused/"]
        assert decode(results.snapshot(["fused"])[0])[1].seq == 1
        with pytest.raises(WireError, match="did you mean"):
            results.snapshot(["fsued"])


def test_an_ipc_path_that_another_service_listens_on_is_not_taken_over(tmp_path):
    endpoint = f"ipc://{tmp_path}/results"
    with zmq.Context() as context:
        first = bind_endpoint("results", endpoint, zmq.XPUB, {}, context)
        with pytest.raises(WireError, match="another service listens there"):
            bind_endpoint("results", endpoint, zmq.XPUB, {}, context)
        first.close()
    with zmq.Context() as context:
        bind_endpoint("results", endpoint, zmq.XPUB, {}, context).close()
