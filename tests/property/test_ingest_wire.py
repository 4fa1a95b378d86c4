"""What sensors and robots say survives the wire; of anything else comes a WireError, or a refusal."""

import contextlib
from collections.abc import Iterator

import msgpack
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.nodes.intake import Intake
from sixsense.nodes.spec import SourceSpec
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
from sixsense.sensors.liveness import SensorStatus
from sixsense.sensors.sample import StreamInfo

IMU = StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=200, clock="host", channels=6)
whole = st.integers(0, (1 << 63) - 1)
names = st.text("abcxyz._-", min_size=1, max_size=12)
MESSAGES = st.one_of(
    st.builds(Join, sensor=names, traffic=st.sampled_from(["lossless", "lossy"]), streams=st.just((IMU,))),
    st.builds(Refused, reason=st.text(max_size=50)),
    st.builds(Ask, t0=whole),
    st.builds(Tell, t0=whole, t1=whole, t2=whole),
    st.builds(Welcome, run=whole, epoch=whole, from_ns=whole),
    st.builds(Begin, epoch=whole, bases=st.dictionaries(names, whole, max_size=4)),
    st.builds(
        Counts,
        produced=st.dictionaries(names, whole, max_size=3),
        sensors=st.just({"imu": SensorStatus(state="STALE", since_ns=1, reason="x")}),
    ),
    st.builds(Ack, upto=whole),
    st.builds(Data, whole, st.lists(st.binary(max_size=30), min_size=2, max_size=4)),
)
KINDS = [b"join", b"refused", b"ask", b"tell", b"welcome", b"begin", b"counts", b"ack", b"data", b"", b"no"]
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
    with contextlib.suppress(WireError):
        unpack(given_frames)


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
