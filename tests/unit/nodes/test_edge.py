"""Edge: what it hands on between clients and the supervisor. (Keys: wire/test_curve.py.)"""

from collections.abc import Iterator

import pytest
import zmq
from sixsense.fusion.query import Query
from sixsense.nodes.control import Answer, Ask
from sixsense.nodes.edge import Edge
from sixsense.nodes.spec import EdgeSpec
from sixsense.nodes.wire.control import make_request, parse_reply
from sixsense.nodes.wire.verbs import Watch


class Client:
    """A client of an edge node that is served when the test says so."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        assert edge._control is not None
        self._server = edge._control
        self._socket = zmq.Context.instance().socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(edge._control.getsockopt_string(zmq.LAST_ENDPOINT))

    def watch(self, name: str) -> Ask:
        """What the supervisor is asked when this client wants to watch something."""
        self._socket.send_multipart(make_request(1, Watch(query=Query(name=name))))
        assert self._server.poll(5000)
        (asked,) = self._edge.sockets()[self._server]()
        assert isinstance(asked, Ask)
        return asked

    def answers(self) -> list[str]:
        """The errors of the replies that have come."""
        return [parse_reply(self._socket.recv_multipart()).error for _ in range(self._socket.poll(200) and 1)]

    def close(self) -> None:
        self._socket.close()


def edge(epoch: int) -> Edge:
    made = Edge("r1", EdgeSpec(results="tcp://127.0.0.1:*", control="tcp://127.0.0.1:*", infos=()), epoch)
    made.load()
    return made


@pytest.fixture
def before_and_after() -> Iterator[tuple[Client, Edge, Client, Edge]]:
    """An edge node and the one that was started in its place, with a client each."""
    edges = edge(1_000_000), edge(2_000_000)
    clients = Client(edges[0]), Client(edges[1])
    yield clients[0], edges[0], clients[1], edges[1]
    for one in (*clients, *edges):
        one.close()


def test_the_answer_to_who_asked_before_a_restart_goes_to_nobody_else(before_and_after) -> None:
    early, _, late, restarted = before_and_after
    forgotten, asked = early.watch("early"), late.watch("late")
    restarted.obey(Answer(id=forgotten.id, error="for the early one"))
    assert late.answers() == []
    restarted.obey(Answer(id=asked.id, error="for the late one"))
    assert late.answers() == ["for the late one"]
