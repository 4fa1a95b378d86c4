"""`listen` and `watch` against real sockets: a service of two, without nodes behind it."""

import json
import socket
import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest
import zmq
from sixsense.fusion.query import Query, Term
from sixsense.launch.following import listen, message_line, watch
from sixsense.nodes.wire.control import Request, answer, make_reply, make_snapshot
from sixsense.nodes.wire.envelope import encode
from sixsense.nodes.wire.errors import ControlError, SubscriberTimeoutError
from sixsense.nodes.wire.publisher import ResultsPublisher
from sixsense.nodes.wire.verbs import Accepted, ListQueries, Queries, Snapshot, Unwatch, Watch
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.errors import SixsenseError


class Service(threading.Thread):
    """Publishes `messages` whenever a query has been added; remembers the queries."""

    def __init__(self, messages: list) -> None:
        super().__init__(daemon=True)
        self.context = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger = 0
        port = self.router.bind_to_random_port("tcp://127.0.0.1")
        self.control = f"tcp://127.0.0.1:{port}"
        self.publisher = ResultsPublisher(
            "tcp://127.0.0.1:*",
            robot="r",
            control=self.control,
            epoch=1,
            clock=ManualClock(1),
            context=self.context,
        )
        self.results = self.publisher.endpoint
        self.names: list[str] = []
        self.log: list[str] = []
        self.inbox: SimpleQueue = SimpleQueue()
        self._messages = messages
        self._over = threading.Event()

    def run(self) -> None:
        poller = zmq.Poller()
        poller.register(self.router, zmq.POLLIN)
        poller.register(self.publisher.socket, zmq.POLLIN)
        while not self._over.is_set():
            ready = dict(poller.poll(20))
            while not self.inbox.empty():
                self.publisher.publish(encode(self.inbox.get(), robot="r"))
            if self.publisher.socket in ready:
                self.publisher.on_readable()
            if self.router in ready:
                peer, *frames = self.router.recv_multipart()
                self.router.send_multipart([peer, *answer(frames, self._handle)])
        self.publisher.close()
        self.router.close()

    def _handle(self, request: Request) -> list[bytes]:
        match request.body:
            case Watch(query=query):
                if query.name in self.names:
                    raise SixsenseError(f"there is a query {query.name!r} already")
                self.names.append(query.name)
                self.log.append(f"+{query.name}")
                for message in self._messages:
                    self.publisher.publish(encode(message, robot="r"))
                return make_reply(request.id, Accepted(name=query.name, note="untrained"))
            case Unwatch(name=name):
                self.names.remove(name)
                self.log.append(f"-{name}")
                return make_reply(request.id, Accepted(name=name))
            case ListQueries():
                return make_reply(request.id, Queries(queries=()))
            case Snapshot():
                return make_snapshot(request.id, self.publisher.snapshot())
            case _:
                raise SixsenseError("not here")

    def stop(self) -> None:
        self._over.set()
        self.join()
        self.context.term()


@pytest.fixture
def service(made) -> Iterator[Service]:
    running = Service(
        [made.match("begin", 8), made.match("update", 12, query="other"), made.match("end", 22)]
    )
    running.start()
    yield running
    running.stop()


def test_watch_prints_its_own_events_and_takes_the_query_away(service: Service):
    lines = watch(
        service.results,
        service.control,
        Query(name="alarm", terms=(Term(text="x"),)),
        json=False,
        timeout=5.0,
    )
    assert next(lines) == "watching for alarm (untrained); Ctrl-C ends it"
    assert service.names == ["alarm"]
    assert next(lines) == "00:00:02.00 alarm begins: score 6.2 in microphone (uncalibrated)"
    assert next(lines) == "00:00:05.50 alarm ended: lasted 3.00 s, peak 9.0"
    lines.close()
    assert service.log == ["+alarm", "-alarm"]


def test_ctrl_c_takes_the_query_away_too(service: Service):
    lines = watch(
        service.results, service.control, Query(name="alarm", terms=(Term(text="x"),)), json=True, timeout=5.0
    )
    assert json.loads(next(lines))["phase"] == "begin"
    with pytest.raises(KeyboardInterrupt):
        lines.throw(KeyboardInterrupt())
    assert service.names == []


def test_silence_takes_the_query_away_too(service: Service):
    lines = watch(
        service.results, service.control, Query(name="quiet", terms=(Term(text="x"),)), json=True, timeout=0.2
    )
    with pytest.raises(SubscriberTimeoutError):
        list(lines)
    assert service.log == ["+quiet", "-quiet"]


def test_a_query_that_stands_already_is_left_alone(service: Service):
    service.names.append("alarm")
    lines = watch(
        service.results, service.control, Query(name="alarm", terms=(Term(text="x"),)), json=True, timeout=5.0
    )
    with pytest.raises(ControlError, match="already"):
        next(lines)
    assert service.names == ["alarm"]


def test_nobody_to_ask_is_found_out(service: Service):
    # A port that takes connections and says nothing, as another program's would.
    with socket.create_server(("127.0.0.1", 0)) as mute:
        endpoint = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        lines = watch(
            service.results, endpoint, Query(name="alarm", terms=(Term(text="x"),)), json=True, timeout=5.0
        )
        with pytest.raises(ControlError, match="no answer"):
            next(lines)


def test_listen_gives_a_line_a_message_and_ends_after_its_count(service: Service, made):
    for message in (made.fused(3, "camera"), made.match("end", 22), made.status(1)):
        service.inbox.put(message)
    lines = list(listen(service.results, ("fused", "match", "status"), json=True, count=3, timeout=5.0))
    assert {json.loads(line)["kind"] for line in lines} == {"fused", "match", "status"}
    assert not any("vector" in json.loads(line) for line in lines)


def test_lines_for_people(made):
    assert message_line(made.fused(3, "camera")) == "00:00:00.75 fused coverage 0.33 camera 100%"
    assert message_line(made.match("update", 8)).startswith("00:00:02.00 alarm updates: score 6.2")
    assert json.loads(message_line(made.embedding("imu", 2)))["kind"] == "embedding"
