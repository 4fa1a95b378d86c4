"""Sensors on another machine and the robot that they send to, as threads of a test."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zmq
from sixsense.encoders.track import Track
from sixsense.launch.config import parse_config
from sixsense.launch.plan import plan_run
from sixsense.launch.sensor import Sending
from sixsense.nodes.control import RunState
from sixsense.nodes.ingest import Ingest
from sixsense.nodes.spec import IngestSpec
from sixsense.nodes.wire.curve import secure_client
from sixsense.nodes.wire.envelope import encode
from sixsense.nodes.wire.ingest import (
    Ask,
    Data,
    Join,
    Tell,
    pack,
    unpack,
)
from sixsense.sensors.clock import Timeline
from sixsense.sensors.sample import NS, End, Event, Progress, Sample, StreamInfo

ROBOT = """
[endpoints]
ingest = "{ingest}"

[[sensor]]
driver = "remote"
name = "wrist"
key = "{key}"
streams = [
  {{ name = "camera", modality = "vision", rate_hz = 30.0 }},
  {{ name = "microphone", modality = "audio", rate_hz = 16000.0 }},
  {{ name = "imu", modality = "imu", rate_hz = 200.0 }},
]
"""

INFOS = {
    "camera": StreamInfo(stream="camera", modality="vision", encoding="jpeg", rate_hz=30, clock="host"),
    "microphone": StreamInfo(
        stream="microphone", modality="audio", encoding="pcm_s16", rate_hz=16_000, clock="host"
    ),
    "imu": StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=200, clock="host", channels=6),
}

DEPTH = StreamInfo(
    stream="depth", modality="depth", encoding="16UC1", rate_hz=30, clock="host", width=64, height=48
)
RATES = {"depth": 30, "camera": 30, "microphone": 50, "imu": 100}

AHEAD_NS = 3600 * NS + 123_456_789
"""What the sensor's clock is ahead of the robot's."""


class Wrist:
    """Small pictures, sound that counts up, and rows that count up."""

    def __init__(self, streams: tuple[StreamInfo, ...] = tuple(INFOS.values())) -> None:
        self.streams = streams

    def counts(self) -> dict[str, dict[str, int]]:
        return {}

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        start, sent = from_ns or 0, {info.stream: 0 for info in self.streams}
        while True:
            stream = min(sent, key=lambda name: sent[name] / RATES[name])
            yield sample_of(stream, sent[stream], start, epoch)
            sent[stream] += 1
            yield Progress(stream=stream, epoch=epoch, t_ns=start + sent[stream] * NS // RATES[stream])


def sample_of(stream: str, index: int, start_ns: int, epoch: int) -> Sample:
    info, stamp = DEPTH if stream == "depth" else INFOS[stream], start_ns + index * NS // RATES[stream]
    match stream:
        case "camera":
            data = np.frombuffer(b"\xff\xd8" + index.to_bytes(4, "little") * 2500, np.uint8)
        case "depth":
            data = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint16) + np.uint16(1000 + index)
        case "microphone":
            data = (np.arange(index * 320, (index + 1) * 320) % 32768).astype(np.int16)[:, None]
        case _:
            data = np.full((2, 6), 2 * index, np.float32)
    stamps = np.array([stamp, stamp + NS // 200]) if stream == "imu" else None
    return Sample(
        stream=stream,
        modality=info.modality,
        epoch=epoch,
        seq=index,
        item=index * (1 if stream in ("camera", "depth") else len(data)),
        stamp_ns=stamp,
        encoding=info.encoding,
        data=data,
        stamps=stamps,
        rate_hz=info.rate_hz,
    )


class Robot:
    """An ingest node that its own thread turns, and an encoder's account of what came out of it."""

    def __init__(self, ingest: str, key: str = "", config: str = ROBOT) -> None:
        body = plan_run(parse_config(config.format(ingest=ingest, key=key), "robot.toml")).nodes[0].body
        assert isinstance(body, IngestSpec)
        self.clock = Timeline(time.time_ns() - time.monotonic_ns())
        self.node = Ingest("ingest", body, 5)
        self.tracks = {info.stream: Track(info) for source in body.sources for info in source.streams}
        self.samples: list[Sample] = []
        self.start_ns = self.clock.now_ns()
        self.stopping, self.killed = threading.Event(), threading.Event()

    def run(self) -> None:
        self.node.load()
        self.node.begin(state(self.start_ns), self.clock)
        while not self.node.done and not self.killed.is_set():
            for socket, readable in self.node.sockets().items():
                if socket.poll(5):
                    self._take(readable())
            self._take(self.node.wake())
            if self.stopping.is_set():
                self._take(self.node.obey(state(self.start_ns, stop=True)))
        self.node.close()

    def _take(self, messages) -> None:
        for message in messages:
            match message:
                case Sample():
                    self.samples.append(message)
                    self.tracks[message.stream].add(message)
                case Progress():
                    self.tracks[message.stream].advance(message.t_ns)
                case End():
                    self.tracks[message.stream].end(message.items)
                case _:
                    pass

    def wait_until_fresh(self) -> None:
        """Every stream comes, and nothing of it waits any more."""
        self.wait_for(lambda: all(self.age_s(stream) < 0.3 for stream in self.tracks))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.node.report()
            time.sleep(0.02)

    def age_s(self, stream: str) -> float:
        """How old the newest sample is."""
        came = self.of(stream)
        return (self.clock.now_ns() - came[-1].end_ns) / NS if came else float("inf")

    def values(self, stream: str) -> tuple[np.ndarray, np.ndarray]:
        """What came, and what should have come between the first and the last of it."""
        data = np.concatenate([sample.data[:, 0] for sample in self.of(stream)]).astype(np.int64)
        if stream == "imu":
            return data, data[0] + np.repeat(np.arange(0, len(data), 2), 2)
        return data, (data[0] + np.arange(len(data))) % 32768

    def of(self, stream: str) -> list[Sample]:
        return [sample for sample in self.samples if sample.stream == stream]


def state(start_ns: int, *, stop: bool = False) -> RunState:
    return RunState(
        go=True,
        over=False,
        stop=stop,
        offset_ns=0,
        start_ns=start_ns,
        directory={},
        restarts={},
        queries_version=0,
        queries=(),
        mixes=(),
        space_id="",
        vectors=np.zeros((0, 0), np.float32),
        checkpoint=np.zeros(0, np.uint8),
    )


class Sensor:
    """`sixsense sensor` in a thread."""

    def __init__(self, spec: IngestSpec, to: str, clock: Timeline, key: str = "") -> None:
        self._spec, self._to, self._clock, self._key = spec, to, clock, key
        self.over, self.ready = threading.Event(), threading.Event()
        self.states: Counter[str] = Counter()
        self.dropped: dict[str, int] = {}
        self.sent_bytes: dict[str, int] = {}
        self.produced: dict[str, int] = {}
        self.why = ""

    def run(self) -> None:
        sending = Sending(self._spec, "wrist", self._to, self._key, clock=self._clock)
        self.ready.set()
        while not self.over.is_set():
            sending.turn()
            status = sending.status()
            self.states.update(link["state"] for link in status["links"].values())
            self.produced = {name: one["items"] for name, one in status["streams"].items()}
            self.sent_bytes = {name: link["sent_bytes"] for name, link in status["links"].items()}
            self.why = status["links"]["lossless"]["why"]
            self.dropped = {name: one["dropped"] for name, one in status["streams"].items()}
        sending.close()


def check_accounts(robot: Robot) -> None:
    produced = {one.stream: one for one in robot.node.report()["produced"]}
    for name, track in robot.tracks.items():
        assert produced[name].items == track.ledger.received + track.ledger.lost, name
        assert track.ledger.known == produced[name].items


@contextmanager
def running(*machines) -> Iterator[list[threading.Thread]]:
    """Robots and sensors of this machine, each in a thread; sensors end with the block."""
    threads = [threading.Thread(target=machine.run, daemon=True) for machine in machines]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for machine in machines:
            getattr(machine, "over", threading.Event()).set()
            getattr(machine, "killed", threading.Event()).set()
        for thread in threads:
            thread.join(10)


class Client:
    """A sensor of somebody's own: frames as docs/wire.md says."""

    def __init__(self, robot: Robot, endpoint: str, keys: tuple[str, Path] | None = None) -> None:
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        if keys:
            secure_client(self.socket, *keys)
        self.socket.connect(endpoint)
        self._robot, self.seen = robot, []

    def say(self, message) -> None:
        self.socket.send_multipart(pack(message))

    def hear(self, kind: type):
        """The next message of a kind; its clock is the robot's."""
        while self.socket.poll(5000):
            message = unpack(self.socket.recv_multipart())
            if isinstance(message, Ask):
                self.say(Tell(t0=message.t0, t1=self._robot.clock.now_ns(), t2=self._robot.clock.now_ns()))
            if isinstance(message, kind):
                return message
        raise AssertionError(f"no {kind.__name__}")

    def join(self, *streams: str) -> None:
        infos = tuple(INFOS[stream] for stream in streams)
        self.say(Join(sensor="wrist", traffic="lossless", streams=infos))

    def send(self, number: int, stream: str) -> None:
        sample = sample_of(stream, number, self._robot.clock.now_ns(), 1)
        self.say(Data(number, encode(sample, robot="any")))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
