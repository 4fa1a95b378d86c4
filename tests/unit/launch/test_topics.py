"""`topic list`, `echo` and `hz` against real sockets: a publisher that answers snapshots, without nodes."""

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from queue import SimpleQueue

import msgspec
import pytest
import zmq
from sixsense.launch.cli import app
from sixsense.launch.topics import echo, hz, list_topics, rhythm_line, rhythm_of
from sixsense.nodes.wire.control import Request, answer, make_snapshot
from sixsense.nodes.wire.envelope import encode
from sixsense.nodes.wire.errors import SubscriberTimeoutError, WireError
from sixsense.nodes.wire.publisher import ResultsPublisher
from sixsense.sensors.clock import Timeline
from sixsense.sensors.sample import NS, StreamInfo
from typer.testing import CliRunner


class Service(threading.Thread):
    """Publishes what is put into `inbox`, and `again(k)` every 50 ms."""

    def __init__(self, again) -> None:
        super().__init__(daemon=True)
        self.context, self.clock = zmq.Context(), Timeline(0)
        self.router = self.context.socket(zmq.ROUTER)
        self.router.linger = 0
        control = f"tcp://127.0.0.1:{self.router.bind_to_random_port('tcp://127.0.0.1')}"
        about = {"robot": "r", "control": control, "epoch": 1, "clock": self.clock, "context": self.context}
        self.publisher = ResultsPublisher("tcp://127.0.0.1:*", **about)
        self.endpoint = self.publisher.endpoint
        self.inbox: SimpleQueue = SimpleQueue()
        self._again, self._over = again, threading.Event()

    def run(self) -> None:
        count, due_ns = 1, time.monotonic_ns()
        while not self._over.is_set():
            if time.monotonic_ns() >= due_ns:
                self.inbox.put(self._again(count))
                count, due_ns = count + 1, due_ns + NS // 20
            while not self.inbox.empty():
                message = self.inbox.get()
                if hasattr(message, "trace"):
                    message = msgspec.structs.replace(message, trace={"edge": self.clock.now_ns()})
                if message is not None:
                    self.publisher.publish(encode(message, robot="r"))
            if self.publisher.socket.poll(5):
                self.publisher.on_readable()
            if self.router.poll(0):
                peer, *frames = self.router.recv_multipart()
                self.router.send_multipart([peer, *answer(frames, self._handle)])
        self.publisher.close()
        self.router.close()

    def _handle(self, request: Request) -> list[bytes]:
        return make_snapshot(request.id, self.publisher.snapshot())

    def stop(self) -> None:
        self._over.set()
        self.join()
        self.context.term()


@pytest.fixture
def service(made) -> Iterator[Service]:
    """Twenty fused vectors a second, every tenth of which is lost; one old embedding."""
    running = Service(lambda k: None if k % 10 == 0 else made.fused(k, "camera"))
    running.inbox.put(made.embedding("imu", 7))
    running.inbox.put(StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=200, clock="host"))
    running.start()
    yield running
    running.stop()


def test_list_has_every_topic_with_its_rate_and_age(service: Service) -> None:
    lines = [json.loads(line) for line in list_topics(service.endpoint, seconds=1.2, json=True)]
    fused, old = lines[1], lines[0]
    assert [(one["topic"], one["kind"]) for one in lines if one["kind"] != "status"] == [
        ("embedding/r/imu/", "embedding"),
        ("fused/r/fused/", "fused"),
        ("info/r/imu/", "info"),
    ]
    assert lines[2]["age_ms"] is None
    assert 10 < fused["rate_hz"] < 25
    assert fused["lost"] >= 1
    assert (old["rate_hz"], old["lost"]) == (0.0, 0)
    assert old["age_ms"] > 1000 > fused["age_ms"] >= 0


def test_list_for_people_is_a_line_a_topic(service: Service) -> None:
    done = CliRunner().invoke(app, ["topic", "list", "--endpoint", service.endpoint, "--seconds", "0.5"])
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("fused/r/fused/")]
    assert " Hz " in line
    assert " ms old" in line
    assert "latched" in done.stdout


def test_echo_is_a_line_a_message(service: Service) -> None:
    lines = list(echo(service.endpoint, "fused/r", json=True, count=3, timeout=10.0))
    stamps = [json.loads(line)["stamp_ns"] for line in lines]
    assert len(lines) == 3
    assert stamps == sorted(set(stamps))
    plain = list(echo(service.endpoint, "embedding/r/imu", json=False, count=1, timeout=10.0))
    assert json.loads(plain[0])["input"] == "imu"


def test_hz_tells_rate_jitter_and_losses_each_second(service: Service) -> None:
    asked = ["topic", "hz", "fused", "--endpoint", service.endpoint, "--count", "2", "--json"]
    first, second = (json.loads(line) for line in CliRunner().invoke(app, asked).stdout.splitlines())
    assert first["topic"] == "fused/r/fused/"
    assert 8 < second["rate_hz"] < 22
    assert second["lost"] >= max(first["lost"], 1)
    assert second["messages"] > first["messages"]
    assert second["longest_ms"] >= 75


def test_silence_and_wrong_names_are_said(service: Service) -> None:
    with pytest.raises(SubscriberTimeoutError, match=r"no match from .*topic list"):
        list(hz(service.endpoint, "match", json=True, count=1, timeout=0.5))
    for command in (echo, hz):
        with pytest.raises(WireError, match="did you mean 'match'"):
            list(command(service.endpoint, "mach", json=True, count=1, timeout=0.5))


def test_a_rhythm_is_that_of_the_last_ten_seconds() -> None:
    arrivals = deque([0, *(k * NS // 10 for k in range(200, 301)), 31 * NS])
    rhythm = rhythm_of("fused/r/fused/", arrivals, 305 * NS // 10, 4)
    assert (rhythm.messages, rhythm.longest_ms, rhythm.lost) == (97, 1000.0, 4)
    assert rhythm.rate_hz == pytest.approx(96 / 10.5)
    assert rhythm.jitter_ms == pytest.approx(1e3 * 0.9 * (95**0.5) / 96, rel=1e-3)
    assert rhythm_line(rhythm).startswith("fused/r/fused/ 9.14 Hz, jitter 91.4 ms, longest 1000 ms, 97 mess")
    assert rhythm_of("t", deque([1]), 2, 0).rate_hz == rhythm_of("t", deque(), 2, 0).rate_hz == 0.0
