"""What sensors and robots say survives the wire; of anything else comes a WireError, or a refusal."""

from collections.abc import Iterator
from unittest.mock import Mock

import msgpack
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.nodes.control import Report
from sixsense.nodes.control import pack as pack_word
from sixsense.nodes.control import unpack as unpack_word
from sixsense.nodes.intake import Intake
from sixsense.nodes.spec import SourceSpec
from sixsense.nodes.wire.envelope import encode
from sixsense.nodes.wire.errors import WireError
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
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.clock_offset import BURST
from sixsense.sensors.liveness import SensorStatus
from sixsense.sensors.sample import StreamInfo

IMU = StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=200, clock="host", channels=6)
whole = st.integers(0, (1 << 63) - 1)
items = st.integers(0, 1 << 60)
stamps = st.integers(-(1 << 62), 1 << 62)
EXTREMES = st.sampled_from([-(1 << 63), -(1 << 62), -1, 0, 1, 1 << 60, 1 << 62, (1 << 63) - 1, (1 << 64) - 1])
names = st.text("abcxyz._-", min_size=1, max_size=12)
MESSAGES = st.one_of(
    st.builds(Join, sensor=names, traffic=st.sampled_from(["lossless", "lossy"]), streams=st.just((IMU,))),
    st.builds(Refused, reason=st.text(max_size=50)),
    st.builds(Ask, t0=whole),
    st.builds(Tell, t0=stamps, t1=stamps, t2=stamps),
    st.builds(Welcome, run=whole, epoch=whole, from_ns=whole),
    st.builds(Begin, epoch=whole, bases=st.dictionaries(names, items, max_size=4)),
    st.builds(
        Counts,
        produced=st.dictionaries(names, items, max_size=3),
        sensors=st.just({"imu": SensorStatus(state="STALE", since_ns=1, reason="x")}),
    ),
    st.builds(Ack, upto=whole),
    st.builds(Data, items, st.lists(st.binary(max_size=30), min_size=2, max_size=4), st.just(False)),
    st.builds(Data, items, st.lists(st.binary(max_size=30), min_size=3, max_size=4), st.just(True)),
)
KINDS = [
    b"join",
    b"refused",
    b"ask",
    b"tell",
    b"welcome",
    b"begin",
    b"counts",
    b"ack",
    b"data",
    b"packed",
    b"",
]
JUNK = st.recursive(
    st.none() | st.booleans() | whole | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
headers = st.binary(max_size=60) | st.builds(
    lambda fields: msgpack.packb({"v": 1} | fields), st.dictionaries(names, JUNK, max_size=5)
)
frames = st.lists(st.sampled_from(KINDS) | headers, max_size=5)


@given(MESSAGES)
def test_what_is_said_is_heard(message) -> None:
    assert unpack(pack(message)) == message


@given(frames)
def test_nothing_but_a_wire_error_comes_of_anything_else(given_frames: list[bytes]) -> None:
    try:
        message = unpack(given_frames)
    except WireError:
        return
    assert unpack(pack(message)) == message


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Intake, zmq.Socket]]:
    """An endpoint, and a client that has joined."""
    endpoint = f"ipc://{tmp_path_factory.mktemp('intake')}/i"
    source = SourceSpec(driver="remote", options={"name": "wrist"}, streams=(IMU,))
    made, client = Intake(endpoint, (source,), 1), zmq.Context.instance().socket(zmq.DEALER)
    made.load()
    made.begin(ManualClock(1 << 60), 1 << 60)
    client.setsockopt(zmq.LINGER, 0)
    client.connect(endpoint)
    yield made, client
    client.close()
    made.close()


@settings(max_examples=200, deadline=None)
@given(st.lists(frames | MESSAGES.map(pack), min_size=1, max_size=8))
def test_an_intake_survives_whatever_a_client_sends(intake: tuple[Intake, zmq.Socket], sent) -> None:
    made, client = intake
    client.send_multipart(pack(Join(sensor="wrist", traffic="lossless", streams=(IMU,))))
    for message in sent:
        if message:
            client.send_multipart(message)
    while made.socket.poll(5):
        list(made.on_readable())
    list(made.tick())
    while client.poll(0):
        unpack(client.recv_multipart())


def words(said: str, **fields: object) -> list[bytes]:
    """A word with fields that no Struct would take."""
    packed = msgpack.packb({"v": 1, **fields})
    assert packed is not None
    return [said.encode(), packed]


def row(item: int, stamp_ns: int, row_ns: int, seq: int) -> list[bytes]:
    """Data whose envelope says anything; one row."""
    number = {"payload": 0, "dtype": "<f4", "shape": [1, 6]}
    head = {"kind": "sample", "robot": "r", "stream": "imu", "modality": "imu", "encoding": "f32", "epoch": 1}
    times = {"item": item, "stamp_ns": stamp_ns, "stamps": {"payload": 1, "dtype": "<i8", "shape": [1]}}
    packed = msgpack.packb({"v": 1, **head, **times, "seq": seq, "data": number})
    assert packed is not None
    payloads = [bytes(24), (row_ns % (1 << 64)).to_bytes(8, "little")]
    return [b"data", (item % (1 << 64)).to_bytes(8, "little"), b"sample/r/imu/", packed, *payloads]


def progress(t_ns: int) -> list[bytes]:
    packed = msgpack.packb(
        {"v": 1, "kind": "progress", "robot": "r", "stream": "imu", "epoch": 1, "t_ns": t_ns}
    )
    assert packed is not None
    return [b"data", bytes(8), b"progress/r/imu/", packed]


SAID = st.one_of(
    st.builds(row, EXTREMES, EXTREMES, EXTREMES, EXTREMES),
    st.builds(progress, EXTREMES),
    st.builds(lambda n: words("counts", produced={"imu": n}, unsent={"imu": {"a": n}}), EXTREMES),
    st.builds(lambda n: words("counts", unread={"imu": {str(i): n for i in range(40)}}), EXTREMES),
    st.builds(lambda n, epoch: words("begin", epoch=epoch, bases={"imu": n}), EXTREMES, EXTREMES),
    st.builds(lambda n: words("tell", t0=1 << 60, t1=n, t2=n), EXTREMES),
)


@settings(max_examples=200, deadline=None)
@given(clock=EXTREMES, said=st.lists(SAID, max_size=6))
def test_whatever_a_welcomed_sensor_counts_and_stamps_its_robot_can_tell_it(clock: int, said) -> None:
    made = Intake("", (SourceSpec(driver="remote", options={"name": "wrist"}, streams=(IMU,)),), 1)
    made.socket = Mock()
    made.begin(ManualClock(1 << 60), 1 << 60)
    opening = [pack(Join(sensor="wrist", traffic="lossless", streams=(IMU,)))]
    opening += [words("tell", t0=1 << 60, t1=clock, t2=clock)] * BURST
    opening += [pack(Begin(epoch=1 << 60, bases={}))]
    for frames in [*opening, *said]:
        received = [zmq.Frame(frame) for frame in (b"peer", *frames)]
        made.socket.poll.side_effect, made.socket.recv_multipart.return_value = [1, 0], received
        for message in made.on_readable():
            encode(message, robot="r")
    report = Report(name="i", epoch=1, done=False, cpu_s=0, since_ns=0, produced=made.produced())
    assert unpack_word(pack_word(report)) == report
