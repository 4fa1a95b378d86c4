"""Encoding and decoding any message, and what is refused."""

import msgpack
import msgspec
import numpy as np
import pytest
from sixsense.encoders.embedding import Missing
from sixsense.nodes.wire import fields
from sixsense.nodes.wire.envelope import decode, encode
from sixsense.nodes.wire.errors import WireError
from sixsense.nodes.wire.status import Status, TickCounts
from sixsense.sensors.sample import Sample


def depth(data: np.ndarray, **changes) -> Sample:
    values = {"stream": "d", "modality": "depth", "epoch": 1, "seq": 0, "item": 0, "stamp_ns": 5}
    return Sample(**(values | {"encoding": "32FC1", "data": data} | changes))


def rows(data: np.ndarray, stamps: np.ndarray | None) -> Sample:
    return depth(data, modality="imu", encoding="f32", stamps=stamps)


def test_an_array_travels_raw_and_comes_back_as_a_read_only_view() -> None:
    data = np.array([[0.5, np.nan], [np.inf, -0.0]], np.float32)
    frames = encode(depth(data), robot="r1")

    robot, sample = decode(frames)

    assert (robot, frames[0], frames[2]) == ("r1", b"sample/r1/d/", data.tobytes())
    assert sample.data.tobytes() == data.tobytes()
    assert np.shares_memory(sample.data, np.frombuffer(frames[2], np.uint8))
    assert not sample.data.flags.writeable


@pytest.mark.parametrize(
    "data",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4).T,
        np.arange(12, dtype=np.float32).reshape(3, 4)[::2, ::-1],
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.empty((0, 3), np.float32),
    ],
)
def test_any_memory_order_travels_as_little_endian_rows(data: np.ndarray) -> None:
    sample = decode(encode(depth(data), robot="r1"))[1]
    assert sample.data.dtype.str == "<f4"
    np.testing.assert_array_equal(sample.data, data)


def test_numpy_scalars_travel_as_numbers() -> None:
    message = Missing(
        input="imu",
        modality="imu",
        epoch=np.int64(1),
        seq=np.int32(5),
        index=12,
        start_ns=np.int64(2**62),
        end_ns=2,
        cause="short",
    )
    decoded = decode(encode(message, robot="r1"))[1]
    assert (type(decoded.epoch), decoded.epoch, decoded.seq, decoded.start_ns) == (int, 1, 5, 2**62)


def test_an_unknown_field_is_ignored() -> None:
    topic, header, *payloads = encode(depth(np.zeros((1, 1), np.float32)), robot="r1")
    newer = msgpack.packb(msgpack.unpackb(header) | {"humidity": [0.5]})
    assert decode([topic, newer, *payloads])[1].stream == "d"


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (depth(np.zeros((1, 1))), "expected <f4"),
        (depth(np.zeros(3, np.float32)), "expected <f4 of 2"),
        (depth(np.zeros((1, 1), np.float32), encoding="jpeg"), "not in the table"),
        (depth(np.zeros((1, 1), np.float32), modality="smell"), "not in the table"),
        (depth(np.zeros((2, 1), np.int16), modality="audio", encoding="pcm_s16"), "needs its rate"),
        (rows(np.zeros((2, 6), np.float32), None), "rows have stamps"),
        (rows(np.zeros((2, 6), np.float32), np.arange(3)), "3 stamps for 2 rows"),
        (rows(np.zeros((2, 6), np.float32), np.zeros(2, np.float32)), "expected <i8"),
    ],
)
def test_an_array_that_is_not_what_the_message_says_is_refused(message: Sample, says: str) -> None:
    with pytest.raises(WireError, match=says):
        decode(encode(message, robot="r1"))


@pytest.mark.parametrize(
    ("message", "robot", "says"),
    [
        (depth(np.zeros((1, 1), np.float32)), "r/1", "robot 'r/1' cannot be part of a topic"),
        (depth(np.zeros((1, 1), np.float32), stream="a b"), "r1", "stream 'a b' cannot"),
        (depth(np.zeros((1, 1), np.complex64)), "r1", "<c8 .* is outside"),
        (depth(np.zeros((1, 1, 1, 1, 1), np.float32)), "r1", "is outside"),
        (depth(np.array([object()])), "r1", "is outside"),
        (depth(np.zeros((1, 1), np.float32), epoch=2**70), "r1", "cannot encode Sample: .*2\\*\\*63"),
        (depth(np.zeros((1, 1), np.float32), units=object()), "r1", "a object cannot travel"),
        (TickCounts(), "r1", "TickCounts is not a message"),
    ],
)
def test_what_cannot_travel_is_refused_before_it_is_sent(message, robot: str, says: str) -> None:
    with pytest.raises(WireError, match=says):
        encode(message, robot=robot)


def test_a_status_of_another_robot_is_refused() -> None:
    values = {"epoch": 1, "seq": 1, "stamp_ns": 1, "final": False, "model": "", "space_id": ""}
    status = Status(robot="r2", streams={}, windows={}, ticks=TickCounts(), nodes=(), **values)
    with pytest.raises(WireError, match="'r2' cannot be sent as 'r1'"):
        encode(status, robot="r1")


@pytest.mark.parametrize(
    "header",
    [
        b"\xdd\x00\x10\x00\x00" * 1000,
        b"\x81\xa1v\xd6\xff\x00\x00\x00\x00",
        b"\x81\xa1v\xc4\x01\x00",
        b"\x91" * 100_000 + b"\x01",
        b"\x81\xa1v\xa2\xff\xff",
        b"\xc1",
        b"",
        b"\x80" + b"\x00" * fields.MAX_HEADER_BYTES,
    ],
    ids=["bomb", "timestamp", "bin", "deep", "utf-8", "reserved", "empty", "too long"],
)
def test_a_hostile_header_is_refused(header: bytes) -> None:
    with pytest.raises(WireError):
        decode([b"end/r1/a/", header])


@pytest.mark.parametrize(
    "shape", [[2**62, 4], [0, 2**62], [-1, -4], [4.0], [True, 4], "4", None, [1] * 5, [[4]], [4, None]]
)
def test_a_hostile_shape_is_refused(shape: object) -> None:
    topic, header, payload = encode(depth(np.zeros((2, 2), np.float32)), robot="r1")
    content = msgpack.unpackb(header)
    content["data"]["shape"] = shape
    with pytest.raises(WireError, match="data"):
        decode([topic, msgpack.packb(content), payload])


@pytest.mark.parametrize("index", [1, -1, True, 0.0, "0", None, [0]])
def test_a_payload_that_is_not_there_is_refused(index: object) -> None:
    topic, header, payload = encode(depth(np.zeros((2, 2), np.float32)), robot="r1")
    content = msgpack.unpackb(header)
    content["data"]["payload"] = index
    with pytest.raises(WireError, match="data"):
        decode([topic, msgpack.packb(content), payload])


def test_a_payload_is_not_used_twice() -> None:
    sample = rows(np.zeros((2, 2), np.float32), np.arange(2))
    topic, header, *payloads = encode(sample, robot="r1")
    content = msgpack.unpackb(header)
    content["stamps"]["payload"] = 0
    content["stamps"]["shape"] = [2]
    with pytest.raises(WireError, match="used twice"):
        decode([topic, msgpack.packb(content), payloads[0]])


def test_the_number_of_frames_is_bounded() -> None:
    topic, header, payload = encode(depth(np.zeros((1, 1), np.float32)), robot="r1")
    for frames in ([], [topic], [topic, header, *[payload] * (fields.MAX_PAYLOADS + 1)]):
        with pytest.raises(WireError, match="frames; expected"):
            decode(frames)


def test_a_struct_without_a_kind_has_no_frames() -> None:
    class Stranger(msgspec.Struct):
        a: int

    with pytest.raises(WireError, match="Stranger is not a message"):
        encode(Stranger(a=1), robot="r1")
