"""A sensor on another machine: through a bad network, with keys, and what is refused."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import msgspec
import numpy as np
import pytest
import zmq
from sixsense.encoders.track import Track
from sixsense.launch.config import parse_config
from sixsense.launch.plan import plan_run
from sixsense.launch.sensor import Sending
from sixsense.launch.service import Service
from sixsense.nodes.control import RunState
from sixsense.nodes.ingest import Ingest
from sixsense.nodes.spec import IngestSpec, SourceSpec
from sixsense.nodes.wire.curve import secure_client
from sixsense.nodes.wire.envelope import encode
from sixsense.nodes.wire.ingest import (
    Ack,
    Ask,
    Begin,
    Counts,
    Data,
    Join,
    Refused,
    Tell,
    Welcome,
    pack,
    unpack,
)
from sixsense.nodes.wire.keys import allow, new_keys
from sixsense.nodes.wire.status import Status
from sixsense.sensors.clock import Timeline
from sixsense.sensors.sample import NS, End, Event, Progress, Sample, StreamInfo

_spec = spec_from_file_location("network", Path(__file__).with_name("network.py"))
assert _spec is not None
assert _spec.loader is not None
network = module_from_spec(_spec)
_spec.loader.exec_module(network)

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
OFFLINE = """[endpoints]
results = ""
control = ""
"""
INFOS = {
    "camera": StreamInfo(stream="camera", modality="vision", encoding="jpeg", rate_hz=30, clock="host"),
    "microphone": StreamInfo(
        stream="microphone", modality="audio", encoding="pcm_s16", rate_hz=16_000, clock="host"
    ),
    "imu": StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=200, clock="host", channels=6),
}
RATES = {"camera": 30, "microphone": 50, "imu": 100}
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
            yield _sample(stream, sent[stream], start, epoch)
            sent[stream] += 1
            yield Progress(stream=stream, epoch=epoch, t_ns=start + sent[stream] * NS // RATES[stream])


def _sample(stream: str, index: int, start_ns: int, epoch: int) -> Sample:
    info, stamp = INFOS[stream], start_ns + index * NS // RATES[stream]
    match stream:
        case "camera":
            data = np.frombuffer(b"\xff\xd8" + index.to_bytes(4, "little") * 2500, np.uint8)
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
        item=index * (1 if stream == "camera" else len(data)),
        stamp_ns=stamp,
        encoding=info.encoding,
        data=data,
        stamps=stamps,
        rate_hz=info.rate_hz,
    )


@pytest.fixture
def wrist(monkeypatch: pytest.MonkeyPatch) -> IngestSpec:
    """What a light install on a wrist reads."""
    module = ModuleType("far_wrist")
    vars(module)["Wrist"] = Wrist
    monkeypatch.setitem(sys.modules, "far_wrist", module)
    source = SourceSpec(driver="far_wrist:Wrist", options={}, streams=Wrist().streams)
    return IngestSpec(sources=(source,), pace=1.0, live=True, seconds=None)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One folder of keys for both machines, allowed to publish as `wrist`; its public key."""
    monkeypatch.setenv("SIXSENSE_KEYS", str(tmp_path / "keys"))
    public = new_keys(tmp_path / "keys").public
    allow(tmp_path / "keys", "wrist", public, ("camera", "microphone", "imu"), ())
    return public


class Robot:
    """An ingest node that its own thread turns, and an encoder's account of what came out of it."""

    def __init__(self, ingest: str, key: str = "") -> None:
        body = plan_run(parse_config(ROBOT.format(ingest=ingest, key=key), "robot.toml")).nodes[0].body
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
            self.why = status["links"]["lossless"]["why"]
            self.dropped = {name: one["dropped"] for name, one in status["streams"].items()}
        sending.close()


def check_accounts(robot: Robot) -> None:
    produced = {one.stream: one for one in robot.node.report()["produced"]}
    for name, track in robot.tracks.items():
        assert produced[name].items == track.ledger.received + track.ledger.lost, name
        assert track.ledger.known == produced[name].items


@pytest.mark.skipif(bool(network.why_not()), reason=network.why_not())
def test_sound_and_rows_arrive_complete_through_loss_and_a_cut(wrist: IngestSpec, keys: str) -> None:
    near, far = network.Machine("10.77.0.1"), network.Machine("10.77.0.2")
    wire = network.Wire(near, far, delay_s=0.02, jitter_s=0.005, loss=0.05)
    wire.start()
    robot = Robot("tcp://10.77.0.1:5555", key="wrist")
    clock = Timeline(robot.clock.offset_ns + AHEAD_NS)
    sensor = Sensor(wrist, "tcp://10.77.0.1:5555", clock, keys)
    served, sent = near.start(robot.run), far.start(sensor.run)
    robot.wait_until_fresh()
    wire.cut.set()
    time.sleep(3)
    wire.cut.clear()
    robot.wait_until_fresh()
    robot.stopping.set()
    served.join(10)
    sensor.over.set()
    sent.join(10)
    wire.over.set()
    wire.join(10)
    for machine in (near, far):
        machine.close()
    assert wire.lost > 50
    check_accounts(robot)
    for stream in ("microphone", "imu"):
        assert robot.tracks[stream].ledger.lost == 0
        assert np.array_equal(*robot.values(stream))
        assert max(s.recv_ns - s.end_ns for s in robot.of(stream)) > 2 * NS
    assert robot.tracks["camera"].ledger.lost >= sensor.dropped["camera"] > 15
    assert not any(track.ledger.late for track in robot.tracks.values())
    clock = robot.node.report()["sensors"]["imu"].clock
    assert abs(clock.offset_ns + AHEAD_NS) < min(clock.uncertainty_ns, 6_000_000)
    assert {sample.clock for sample in robot.samples} == {"estimated"}


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


def test_the_next_run_of_the_robot_begins_with_itself(wrist: IngestSpec, tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    first, clock = Robot(endpoint), Timeline(time.time_ns() - time.monotonic_ns())
    sensor = Sensor(wrist, endpoint, clock)
    with running(sensor):
        first.wait_for(lambda: sensor.produced.get("imu", 0) > 60)
        first.start_ns = first.clock.now_ns()
        with running(first) as (served,):
            first.wait_until_fresh()
            first.stopping.set()
            served.join(10)
        second = Robot(endpoint)
        with running(second) as (served,):
            second.wait_until_fresh()
            second.stopping.set()
            served.join(10)
    for robot in (first, second):
        check_accounts(robot)
        assert {robot.of(stream)[0].item for stream in RATES} == {0}
        assert {name: track.ledger.lost for name, track in robot.tracks.items()} == dict.fromkeys(RATES, 0)
        assert min(sample.end_ns for sample in robot.samples) > robot.start_ns - NS // 20
    assert second.samples[0].epoch > first.samples[0].epoch


def test_an_ingest_node_that_was_killed_takes_the_numbers_up_again(wrist: IngestSpec, tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    first, clock = Robot(endpoint), Timeline(time.time_ns() - time.monotonic_ns())
    with running(Sensor(wrist, endpoint, clock)):
        with running(first):
            first.wait_until_fresh()
        second = Robot(endpoint)
        second.start_ns = first.start_ns
        with running(second):
            second.wait_until_fresh()
    for stream in RATES:
        assert {s.epoch for s in first.of(stream) + second.of(stream)} == {first.of(stream)[0].epoch}
    for stream in ("microphone", "imu"):
        items = np.concatenate([s.item + np.arange(s.items) for s in first.of(stream) + second.of(stream)])
        assert np.array_equal(np.unique(items), np.arange(items.max() + 1))
    assert second.of("imu")[0].item > 0


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
        sample = _sample(stream, number, self._robot.clock.now_ns(), 1)
        self.say(Data(number, encode(sample, robot="any")))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def test_a_client_of_ones_own_needs_seven_kinds_of_message(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    robot = Robot(endpoint)
    with running(robot), Client(robot, endpoint) as client:
        client.join("imu")
        welcome = client.hear(Welcome)
        client.say(Begin(epoch=welcome.epoch, bases={}))
        for number in range(3):
            client.send(number, "imu")
        client.hear(Ack)
        robot.wait_for(lambda: len(robot.of("imu")) == 3)
        client.say(Counts(produced={"imu": 10}))
        robot.wait_for(lambda: robot.node.report()["produced"][2].items == 10)
        with Client(robot, endpoint) as again:
            again.join("imu")
            again.hear(Welcome)
            again.say(Begin(epoch=welcome.epoch, bases={}))
            for number in range(1, 4):
                again.send(number, "imu")
            robot.wait_for(lambda: len(robot.of("imu")) == 4)
    assert [sample.item for sample in robot.of("imu")] == [0, 2, 4, 6]
    assert {sample.epoch for sample in robot.samples} == {welcome.epoch}


@pytest.mark.parametrize(
    ("join", "said"),
    [
        (
            Join(sensor="ankle", traffic="lossless", streams=(INFOS["imu"],)),
            "no remote .* 'ankle'; it has wrist",
        ),
        (Join(sensor="wrist", traffic="lossy", streams=(INFOS["imu"],)), "declares .* and no imu"),
        (
            Join(
                sensor="wrist",
                traffic="lossless",
                streams=(msgspec.structs.replace(INFOS["imu"], rate_hz=100),),
            ),
            "rate_hz 100.* says 200",
        ),
    ],
)
def test_what_the_configuration_does_not_declare_is_refused(tmp_path: Path, join: Join, said: str) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    robot = Robot(endpoint)
    with running(robot), Client(robot, endpoint) as client:
        client.say(join)
        assert re.search(said, client.hear(Refused).reason)


def test_a_key_publishes_its_own_streams_only_and_that_is_counted(tmp_path: Path, keys: str) -> None:
    endpoint, folder = f"ipc://{tmp_path}/ingest", tmp_path / "keys"
    allow(folder, "wrist", keys, ("imu",), ())
    robot = Robot(endpoint, key="wrist")
    with running(robot):
        robot.wait_for(lambda: Path(tmp_path / "ingest").exists())
        with Client(robot, endpoint, (keys, folder)) as client:
            client.join("imu", "microphone")
            assert "wrist may not publish microphone" in client.hear(Refused).reason
        with Client(robot, endpoint, (keys, folder)) as client:
            client.join("imu")
            client.say(Begin(epoch=client.hear(Welcome).epoch, bases={}))
            client.send(0, "imu")
            client.send(1, "microphone")
            assert "did not join" in client.hear(Refused).reason
        robot.wait_for(lambda: len(robot.of("imu")) == 1)
        refused = robot.node.report()["produced"][-1].causes
    assert refused == {"stream microphone by wrist": 2}
    assert not robot.of("microphone")


def test_another_key_is_not_the_one_of_this_sensor(tmp_path: Path, keys: str) -> None:
    endpoint, folder = f"ipc://{tmp_path}/ingest", tmp_path / "keys"
    robot = Robot(endpoint, key="ankle")
    with running(robot):
        robot.wait_for(lambda: Path(tmp_path / "ingest").exists())
        with Client(robot, endpoint, (keys, folder)) as client:
            client.join("imu")
            assert "the key wrist may not publish imu as wrist" in client.hear(Refused).reason


def test_a_light_install_sends_and_says_so(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    config = tmp_path / "wrist.toml"
    config.write_text('robot = "wrist"\n[[sensor]]\ndriver = "simulated"\nstreams = ["imu"]\n')
    absent = ("torch", "ray", "cv2", "av", "onnxruntime", "sounddevice", "rosbags", "mcap")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
        "from sixsense.launch.cli import main; main()"
    )
    robot = Robot(endpoint)
    command = [sys.executable, "-c", code, "sensor", str(config), "--to", endpoint, "--json"]
    with running(robot), subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        robot.wait_for(lambda: robot.age_s("imu") < 0.3)
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        robot.wait_for(lambda: robot.tracks["imu"].ended)
        assert process.wait(10) == 0, process.stderr
    assert line["links"].keys() == {"lossless"}
    assert line["streams"]["imu"]["items"] > 0


def statuses(service: Service) -> Iterator[Status]:
    """Those of a run, up to its last."""
    for output in service.outputs():
        if isinstance(output, Status):
            yield output
            if output.final:
                return


def test_the_service_accounts_for_a_sensor_that_was_restarted(wrist: IngestSpec, tmp_path: Path) -> None:
    streams = tuple(INFOS[name] for name in ("microphone", "imu"))
    heard = msgspec.structs.replace(wrist.sources[0], streams=streams, options={"streams": streams})
    spec = msgspec.structs.replace(wrist, sources=(heard,))
    endpoint = f"ipc://{tmp_path}/ingest"
    text = ROBOT.format(ingest=endpoint, key="").replace("[endpoints]", OFFLINE)
    plan = plan_run(parse_config(re.sub(r"  {{? name = .camera.*", "", text), "robot.toml"))
    clock, seen, again = Timeline(time.time_ns() - time.monotonic_ns()), list[Status](), 0
    with ExitStack() as sensors, Service(plan, local=True) as service:
        sensors.enter_context(running(Sensor(spec, endpoint, clock)))
        for status in statuses(service):
            seen.append(status)
            received = status.streams["imu"].received
            if received > 100 and not again:
                again = received
                sensors.close()
                sensors.enter_context(running(Sensor(spec, endpoint, clock)))
            elif again and received > again + 200:
                service.stop()
    final = seen[-1]
    assert final.final
    for counts in final.streams.values():
        assert counts.produced == counts.received + sum(counts.lost_in_transport.values())
        assert counts.received == counts.windowed + sum(counts.skipped.values()) + counts.late
    assert final.sensors["imu"].clock is not None
    assert {change.state for status in seen for change in status.changes} >= {"STARTING", "RUNNING"}


def test_a_sensor_whose_key_is_not_allowed_says_so_and_sends_once_it_is(
    wrist: IngestSpec, tmp_path: Path, keys: str
) -> None:
    endpoint, folder = f"ipc://{tmp_path}/ingest", tmp_path / "keys"
    (folder / "allowed.toml").unlink()
    robot = Robot(endpoint, key="wrist")
    sensor = Sensor(wrist, endpoint, Timeline(time.time_ns() - time.monotonic_ns()), keys)
    with running(robot):
        robot.wait_for(lambda: Path(tmp_path / "ingest").exists())
        with running(sensor):
            robot.wait_for(lambda: f"keys allow NAME '{keys}'" in sensor.why)
            allow(folder, "wrist", keys, ("*",), ())
            robot.wait_until_fresh()
    assert robot.of("imu")[0].item == 0
