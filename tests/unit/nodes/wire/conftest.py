"""A small real service: the results and control endpoints, run by a thread of its own."""

import itertools
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest
import zmq
from sixsense.fusion.fused import Fused, Match
from sixsense.nodes.wire import control, verbs
from sixsense.nodes.wire.endpoints import bind_endpoint
from sixsense.nodes.wire.envelope import encode
from sixsense.nodes.wire.publisher import ResultsPublisher
from sixsense.nodes.wire.status import QueryStatus, Status, TickCounts
from sixsense.sensors.clock import Timeline
from sixsense.sensors.errors import SixsenseError
from sixsense.sensors.sample import StreamInfo

CLOCK = Timeline(1_000_000_000_000_000_000)


class Service:
    """Publishes what a test says and answers control requests, until it is stopped."""

    def __init__(self, results: str, *, epoch: int = 1, queue_length: int = 400) -> None:
        self.names: list[str] = []
        self.verbs: list[str] = []
        self._results, self._epoch, self._queue_length = results, epoch, queue_length
        self._orders: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._bound = threading.Event()
        self._thread.start()
        assert self._bound.wait(10)

    def publish(self, *messages: msgspec.Struct, robot: str = "r1") -> None:
        for message in messages:
            self.send(encode(message, robot=robot))

    def send(self, frames: list[bytes]) -> None:
        self.do(lambda: self.publisher.publish(frames))

    def do(self, order: Callable[[], Any]) -> Any:
        """Run `order` in the service's thread and wait for its result."""
        results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._orders.put(lambda: results.put(order()))
        return results.get(timeout=20)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._orders.put(None)
            self._thread.join(20)
            # ZeroMQ lets go of an endpoint a little later, in a thread of its own.
            deadline_s = time.monotonic() + 20
            while self._is_listening() and time.monotonic() < deadline_s:
                time.sleep(0.005)

    def _is_listening(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self._results.removeprefix("ipc://")) == 0

    def _run(self) -> None:
        router = bind_endpoint("control", "tcp://127.0.0.1:*", zmq.ROUTER, {})
        self.control = router.getsockopt_string(zmq.LAST_ENDPOINT)
        settings = {"robot": "r1", "control": self.control, "epoch": self._epoch, "clock": CLOCK}
        with ResultsPublisher(self._results, queue=self._queue_length, **settings) as self.publisher:
            self.endpoint = self.publisher.endpoint
            self._bound.set()
            while self._work():
                self.publisher.on_readable()
                if router.poll(1):
                    peer, *frames = router.recv_multipart()
                    router.send_multipart([peer, *control.answer(frames, self._handle)])
        router.close()

    def _work(self) -> bool:
        while not self._orders.empty():
            order = self._orders.get()
            if order is None:
                return False
            order()
        return True

    def _handle(self, request: control.Request) -> list[bytes]:
        self.verbs.append(request.verb)
        match request.body:
            case verbs.Snapshot(topics=topics):
                return control.make_snapshot(request.id, self.publisher.snapshot(topics))
            case verbs.Watch(query=query):
                self.names.append(query.name)
                return control.make_reply(request.id, verbs.Accepted(name=query.name, note="soon"))
            case verbs.Unwatch(name=name) if name in self.names:
                self.names.remove(name)
                return control.make_reply(request.id, verbs.Accepted(name=name))
            case verbs.Unwatch(name=name):
                raise SixsenseError(f"no query is called {name!r}; `queries` lists them")
            case verbs.ListQueries():
                rows = tuple(QueryStatus(name=n, since_ns=0, modalities=()) for n in self.names)
                return control.make_reply(request.id, verbs.Queries(queries=rows))
            case _:
                node = verbs.Registration(node="fuse", epoch=2, endpoint="ipc://fuse")
                return control.make_reply(request.id, verbs.Directory(nodes=(node,)))


class Make:
    """Messages of one robot, as short as a test needs them."""

    @staticmethod
    def fused(seq: int, *, epoch: int = 1, dim: int = 4, age_ns: int = 0, has_trace: bool = True) -> Fused:
        now = CLOCK.now_ns()
        values = {"coverage": 1.0, "closed": "complete", "parts": (), "space_id": "s"}
        vector = np.zeros(dim, np.float32)
        trace = {"publish": now} if has_trace else {}
        return Fused(epoch=epoch, seq=seq, stamp_ns=now - age_ns, vector=vector, trace=trace, **values)

    @staticmethod
    def match(seq: int, *, epoch: int = 1) -> Match:
        times = {"stamp_ns": 1, "begin_ns": 1, "evidence_start_ns": 0, "evidence_end_ns": 1}
        scores = {"score": 5.0, "peak": 5.0, "cosine": 0.5, "calibrated": False, "modalities": ()}
        names = {"phase": "begin", "query": "alarm", "input": "mic", "embedding_seq": 1, "event": 1}
        return Match(epoch=epoch, seq=seq, **times, **scores, **names)

    @staticmethod
    def status(seq: int) -> Status:
        values = {"epoch": 1, "stamp_ns": 1, "final": False, "model": "mini", "space_id": "s"}
        return Status(robot="r1", seq=seq, streams={}, windows={}, ticks=TickCounts(), nodes=(), **values)

    @staticmethod
    def info(stream: str = "camera") -> StreamInfo:
        return StreamInfo(stream=stream, modality="vision", encoding="jpeg", rate_hz=30.0, clock="host")


@pytest.fixture
def make() -> type[Make]:
    return Make


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a unix socket's name."""
    with TemporaryDirectory(prefix="six") as path:
        yield Path(path)


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Service]]:
    """Start services; they are stopped when the test ends."""
    services: list[Service] = []
    numbers = itertools.count()

    def begin(results: str = "", **settings: Any) -> Service:
        services.append(Service(results or f"ipc://{folder}/{next(numbers)}", **settings))
        return services[-1]

    yield begin
    for service in services:
        service.stop()


@pytest.fixture
def service(start: Callable[..., Service]) -> Service:
    return start()
