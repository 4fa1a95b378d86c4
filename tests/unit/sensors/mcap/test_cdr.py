"""Our CDR is the one that rosbags writes and reads, for every kind of message that a log has."""

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from sixsense.encoders.embedding import Embedding, Range
from sixsense.fusion.fused import Fused, Part
from sixsense.nodes.record import RESULTS
from sixsense.nodes.wire.status import NodeStatus, Status, TickCounts
from sixsense.sensors.mcap.cdr import CdrError, decode, definition, encode, type_name
from sixsense.sensors.mcap.head import Head
from sixsense.sensors.mcap.messages import CameraInfo, CompressedImage, Header, Image, Imu, RawAudio, time
from sixsense.sensors.mcap.samples import Envelope, camera_info
from sixsense.sensors.sample import Progress, StreamInfo

INFO = StreamInfo(
    stream="camera", modality="vision", encoding="jpeg", rate_hz=30.0, clock="host", width=8, height=6, fx=5.5
)
PART = Part(
    input="a", modality="vision", seq=1, end_ns=-5, age_ns=0, quality=0.5, weight=1.0, share=float("nan")
)
MESSAGES = [
    Progress(stream="camera", epoch=2**62, t_ns=-1),
    Head(run=1, part=0, robot="ä", offset_ns=-3, streams=(INFO, INFO)),
    Embedding(
        input="imu",
        modality="imu",
        epoch=1,
        seq=2,
        index=-3,
        start_ns=0,
        end_ns=5,
        ranges=(Range("a", 1, 2, 3), Range("bcd", 1, 2, 3)),
        quality=0.25,
        space_id="mini:0",
        vector=np.arange(5, dtype=np.float32),
        trace={"sense": 1, "in": 2},
    ),
    Fused(
        epoch=1, seq=1, stamp_ns=5, coverage=0.0, closed="deadline", parts=(PART,), space_id="", vector=None
    ),
    Status(
        robot="r",
        epoch=1,
        seq=0,
        stamp_ns=1,
        final=True,
        model="mini",
        space_id="x",
        streams={},
        windows={},
        ticks=TickCounts(fused=3),
        nodes=(NodeStatus(name="encode", state="RUNNING", dropped={"record/camera": 3}),),
        latency_ms={"fuse": (1.5, 2.5)},
        notes=("one", ""),
    ),
    camera_info(INFO, 1_500_000_000),
]


def plain(value: object) -> str:
    return repr(getattr(value, "tolist", lambda: value)()).replace("nan", "NaN")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_what_is_written_is_read_again(message) -> None:
    again = decode(type(message), encode(message))
    for name in message.__struct_fields__:
        assert plain(getattr(again, name)) == plain(getattr(message, name))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_rosbags_reads_the_same_from_the_definition_and_writes_the_same_bytes(message) -> None:
    store = get_typestore(Stores.EMPTY)
    name = type_name(type(message))
    store.register(get_types_from_msg(definition(type(message)), name))
    theirs = store.deserialize_cdr(encode(message), name)
    assert bytes(store.serialize_cdr(theirs, name)) == encode(message)
    for field in message.__struct_fields__:
        if isinstance(getattr(message, field), (int, float, str)):
            assert getattr(theirs, field) == getattr(message, field)


@pytest.mark.parametrize("type_", [Image, CompressedImage, Imu, CameraInfo])
def test_standard_messages_are_defined_as_in_ros(type_) -> None:
    ros = get_typestore(Stores.ROS2_HUMBLE)
    ours = get_types_from_msg(definition(type_), type_name(type_))
    assert len(ours) >= 3
    for name, (_, fields) in ours.items():
        assert fields == ros.fielddefs[name][1]


@pytest.mark.parametrize("type_", [*RESULTS, Envelope, Head, RawAudio])
def test_everything_that_is_recorded_has_a_definition_that_rosbags_takes(type_) -> None:
    store, name = get_typestore(Stores.EMPTY), type_name(type_)
    store.register(get_types_from_msg(definition(type_), name))
    assert [field for field, _ in store.fielddefs[name][1]] == [*type_.__struct_fields__]


def test_a_message_that_is_cut_off_or_of_another_kind_is_an_error() -> None:
    whole = encode(MESSAGES[2])
    for length in range(len(whole)):
        with pytest.raises(CdrError):
            decode(Embedding, whole[:length])
    with pytest.raises(CdrError, match="header"):
        decode(Embedding, b"\x00\x00" + whole[2:])


def test_large_data_is_not_copied_on_the_way_in() -> None:
    data = memoryview(bytes(1000))
    image = CompressedImage(header=Header(time(0), ""), format="jpeg", data=data)  # pyright: ignore
    again = decode(CompressedImage, encode(image))
    assert isinstance(again.data, memoryview)
    assert bytes(again.data) == bytes(1000)
