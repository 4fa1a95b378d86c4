"""Requests to a running service: the client against a real one, and what either end refuses."""

import msgpack
import numpy as np
import pytest
import zmq
from sixsense.fusion.query import Example, Query, Term
from sixsense.nodes.wire import control, verbs
from sixsense.nodes.wire.control import ControlClient
from sixsense.nodes.wire.envelope import decode
from sixsense.nodes.wire.errors import ControlError, WireError
from sixsense.sensors.errors import SixsenseError

PICTURE = Example(modality="vision", data=np.arange(12, dtype=np.uint8).reshape(2, 2, 3))


def test_a_client_adds_lists_and_removes_queries(service) -> None:
    with ControlClient(service.control) as client:
        assert client.watch(Query(name="alarm", terms=(Term(example=PICTURE),))) == verbs.Accepted(
            name="alarm", note="soon"
        )
        assert [query.name for query in client.queries()] == ["alarm"]
        assert client.unwatch("alarm").name == "alarm"
        assert client.queries() == ()
        assert [node.node for node in client.directory()] == ["fuse"]


def test_a_refusal_is_raised_with_the_services_words(service) -> None:
    with ControlClient(service.control) as client:
        with pytest.raises(ControlError, match="no query is called 'x'; `queries` lists them"):
            client.unwatch("x")
        assert client.queries() == ()


def test_a_snapshot_comes_as_whole_messages(service, make) -> None:
    service.publish(make.info(), make.fused(3), make.match(1))
    with ControlClient(service.control) as client:
        messages = [decode(frames)[1] for frames in client.snapshot("match", "fused/r1")]
        assert [type(message).__name__ for message in messages] == ["Fused", "Match"]
        assert len(client.snapshot()) == 3
        with pytest.raises(WireError, match="did you mean"):
            client.snapshot("fsued")


def test_nobody_there_is_an_error_and_not_a_wait(folder) -> None:
    with (
        ControlClient(f"ipc://{folder}/nobody", timeout=0.05) as client,
        pytest.raises(ControlError, match=r"no answer to queries .* within 0.05 s; is a service running"),
    ):
        client.queries()


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next(folder) -> None:
    with (
        zmq.Context.instance().socket(zmq.ROUTER) as router,
        ControlClient(f"ipc://{folder}/slow", timeout=0.05) as client,
    ):
        router.bind(f"ipc://{folder}/slow")
        first = client.send(verbs.Unwatch(name="a"))
        second = client.send(verbs.Unwatch(name="b"))
        for request_id in (first, second):
            peer, *_ = router.recv_multipart()
            reply = control.make_reply(request_id, verbs.Accepted(name=str(request_id)))
            router.send_multipart([peer, *reply])
        client.socket.poll(2000)
        reply = None
        while reply is None:
            reply = client.receive(second)
        assert reply.fields["name"] == str(second)


def test_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(WireError, match="cannot connect to control endpoint 'banana'"):
        ControlClient("banana")


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"v": 1, "verb": "dance", "id": 5}, "unknown verb 'dance'; this service knows snapshot"),
        ({"v": 1, "verb": ["watch"], "id": 5}, "unknown verb"),
        ({"v": 3, "verb": "queries", "id": 5}, "wire version '3'"),
        ({"v": 1, "verb": "unwatch", "id": 5}, "missing required field `name`"),
        ({"v": 1, "verb": "watch", "id": 5, "query": {"name": 4}}, r"\$.query.name"),
        ({"v": 1, "verb": "queries", "id": -1}, "id '-1'"),
        ({"v": 1, "verb": "queries"}, "id 'None'"),
    ],
)
def test_a_bad_request_is_answered_with_what_is_wrong(header: dict, says: str) -> None:
    frames = [msgpack.packb(header)]
    with pytest.raises(WireError, match=says):
        control.parse_request(frames)

    reply = control.parse_reply(control.answer(frames, _never))

    assert reply.id == (5 if header.get("id") == 5 and header["v"] == 1 else 0)
    assert says.split(";")[0].replace("\\", "") in reply.error


def test_a_query_with_a_wrong_array_is_refused() -> None:
    wrong = Example(modality="audio", data=np.zeros((3, 1), np.float32), rate_hz=16000.0)
    with pytest.raises(WireError, match="audio example is <f4"):
        control.parse_request(
            control.make_request(1, verbs.Watch(query=Query(name="a", terms=(Term(example=wrong),))))
        )


def test_what_the_service_refuses_is_answered() -> None:
    def refuse(request: control.Request) -> list[bytes]:
        raise SixsenseError(f"not {request.verb} now")

    reply = control.parse_reply(control.answer(control.make_request(7, verbs.ListNodes()), refuse))
    assert (reply.id, reply.error) == (7, "not directory now")


@pytest.mark.parametrize("lengths", [[2], [1, 1, 1], [0, 2], [-1, 3], [3]])
def test_a_snapshot_whose_frames_do_not_add_up_is_refused(lengths: list[int]) -> None:
    header = msgpack.packb({"v": 1, "id": 1, "ok": True, "frames": lengths})
    reply = control.parse_reply([header, b"a", b"b"])
    if lengths == [2]:
        assert control.split_messages(reply) == [[b"a", b"b"]]
    else:
        with pytest.raises(WireError, match="malformed snapshot"):
            control.split_messages(reply)


def test_a_snapshot_that_is_too_large_says_so() -> None:
    with pytest.raises(WireError, match="ask for fewer topics"):
        control.make_snapshot(1, [[b"a"] * 3] * control.MAX_SNAPSHOT_FRAMES)


def _never(request: control.Request) -> list[bytes]:
    raise AssertionError(f"{request} should have been refused")
