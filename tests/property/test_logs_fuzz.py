"""Logs that are cut off, overwritten or made of nothing: they give Samples in order or one clear error."""

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.sensors.errors import SourceError
from sixsense.sensors.logs import open_log
from sixsense.sensors.messages import decoder
from sixsense.sensors.ros import MessageError, read_picture
from sixsense.sensors.sample import NS, Sample

T0 = 1_700_000_000 * NS
STARTS = (b"\x89MCAP0\r\n", b"SQLite format 3\0", b"PK\x03\x04", b"[", b"")


def _mcap(path: Path, compression: str) -> bytes:
    from mcap.writer import CompressionType, Writer

    with path.open("wb") as file:
        writer = Writer(file, chunk_size=600, compression=CompressionType[compression])
        writer.start()
        schema = writer.register_schema("foxglove.RawImage", "jsonschema", b"{}")
        camera = writer.register_channel("/camera", "json", schema)
        for k in range(30):
            stamp = {"sec": T0 // NS, "nsec": k * 10_000_000}
            fields = {
                "timestamp": stamp,
                "width": 2,
                "height": 1,
                "step": 2,
                "encoding": "mono8",
                "data": "AQI=",
            }
            stamp_ns = T0 + k * 10_000_000
            writer.add_message(camera, stamp_ns, json.dumps(fields).encode(), stamp_ns)
        writer.finish()
    return path.read_bytes()


def _bag(path: Path) -> bytes:
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    types, kind = store.types, "sensor_msgs/msg/CompressedImage"
    with Writer(path, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connection = writer.add_connection("/camera", kind, typestore=store)
        for k in range(30):
            stamp = types["builtin_interfaces/msg/Time"](sec=T0 // NS, nanosec=k * 10_000_000)
            header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="")
            message = types[kind](header, "jpeg", np.frombuffer(b"\xff\xd8\xff" + bytes(200), np.uint8))
            writer.write(connection, T0 + k * 10_000_000, store.serialize_cdr(message, kind).tobytes())
    return next(path.glob("*.db3")).read_bytes()


@pytest.fixture(scope="module")
def log_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], bytes]:
    """A function, because hypothesis prints what a test is given."""
    folder = tmp_path_factory.mktemp("logs")
    made = [_mcap(folder / kind, kind) for kind in ("NONE", "LZ4", "ZSTD")]
    return [*made, _bag(folder / "bag")].__getitem__


def read(data: bytes) -> list[Sample]:
    """The samples of a log of these bytes, in order; none where it is refused."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            events = list(open_log(file.name).events(1))
        except SourceError:
            return []
    samples = [event for event in events if isinstance(event, Sample)]
    assert [sample.item for sample in samples] == list(range(len(samples)))
    assert samples == sorted(samples, key=lambda sample: sample.end_ns)
    return samples


@settings(max_examples=60, deadline=None)
@given(which=st.integers(0, 2), share=st.floats(0, 1))
def test_a_cut_mcap_gives_what_is_before_the_cut(
    log_of: Callable[[int], bytes], which: int, share: float
) -> None:
    data = log_of(which)
    found = read(data[: int(share * len(data))])
    assert len(found) >= int(20 * share) - 10
    assert [sample.stamp_ns for sample in found] == [T0 + k * 10_000_000 for k in range(len(found))]


@settings(max_examples=100, deadline=None)
@given(which=st.integers(0, 3), share=st.floats(0, 1), noise=st.binary(min_size=1, max_size=60))
def test_overwritten_bytes(log_of: Callable[[int], bytes], which: int, share: float, noise: bytes) -> None:
    data = bytearray(log_of(which))
    at = int(share * (len(data) - len(noise)))
    data[at : at + len(noise)] = noise
    assert len(read(bytes(data))) <= 30


@settings(max_examples=60, deadline=None)
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300))
def test_garbage_is_refused(start: bytes, rest: bytes) -> None:
    assert read(start + rest) == []


@settings(max_examples=150, deadline=None)
@given(
    encoding=st.sampled_from(["cdr", "ros1", "protobuf", "json", "odd"]),
    definition=st.binary(max_size=80) | st.text(max_size=80).map(str.encode),
    data=st.binary(max_size=200),
)
def test_messages_of_any_bytes(encoding: str, definition: bytes, data: bytes) -> None:
    with suppress(MessageError):
        message = decoder(encoding, "ros2msg", "sensor_msgs/msg/Imu", definition)(data)
        assert message is not None
        assert encoding != "odd"


@settings(max_examples=100, deadline=None)
@given(
    start=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b""]), rest=st.binary(max_size=200)
)
def test_pictures_of_any_bytes(start: bytes, rest: bytes) -> None:
    with suppress(MessageError):
        assert read_picture(start + rest, "png", "depth").data.ndim == 2
