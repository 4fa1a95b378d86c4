"""Logs of others, written by their own libraries: ROS 2 in SQLite and MCAP, Foxglove's protobuf and JSON."""

import base64
import itertools
import json
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from sixsense.sensors.errors import SourceError
from sixsense.sensors.logs import open_log
from sixsense.sensors.sample import NS, End, Event, Progress, Sample

T0 = 1_700_000_000 * NS
MS = 1_000_000
TONE = (8000 * np.sin(np.arange(32_000) / 5)).astype(np.int16)
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CALIBRATION = "sensor_msgs/msg/CameraInfo"
SOUND, SOUND_INFO = "audio_common_msgs/msg/AudioData", "audio_common_msgs/msg/AudioInfo"
Put = Callable[[str, str, int, object], None]


class Ros:
    """ROS 2 messages by rosbags, as a robot would send them."""

    def __init__(self) -> None:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        self.store = get_typestore(Stores.ROS2_JAZZY)
        self.store.register(get_types_from_msg("uint8[] data", SOUND))
        self.store.register(
            get_types_from_msg(
                "uint8 channels\nuint32 sample_rate\nstring sample_format\nuint32 bitrate\n"
                "string coding_format",
                SOUND_INFO,
            )
        )
        self.types = self.store.types

    def header(self, ns: int) -> object:
        stamp = self.types["builtin_interfaces/msg/Time"](sec=ns // NS, nanosec=ns % NS)
        return self.types["std_msgs/msg/Header"](stamp=stamp, frame_id="head")

    def image(self, ns: int, image: np.ndarray, encoding: str) -> object:
        height, width = image.shape[:2]
        data = np.frombuffer(image.tobytes(), np.uint8)
        step = len(data) // height
        return self.types[IMAGE](self.header(ns), height, width, encoding, 0, step, data)

    def jpeg(self, ns: int, image: np.ndarray) -> object:
        data = cv2.imencode(".jpg", image)[1].ravel()
        return self.types[COMPRESSED](self.header(ns), "jpeg", data)

    def imu(self, ns: int, k: int) -> object:
        vector, zeros = self.types["geometry_msgs/msg/Vector3"], np.zeros(9)
        still = self.types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
        return self.types["sensor_msgs/msg/Imu"](
            self.header(ns), still, zeros, vector(0.1, 0.2, k), zeros, vector(0.0, 0.0, 9.8), zeros
        )

    def camera_info(self, ns: int) -> object:
        roi = self.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        projection = np.array([40.0, 0, 3, -4.0, 0, 40, 2, 0, 0, 0, 1, 0])
        return self.types[CALIBRATION](
            self.header(ns), 4, 6, "plumb_bob", np.zeros(5), np.zeros(9), np.zeros(9), projection, 0, 0, roi
        )


@contextmanager
def bag(ros: Ros, path: Path, plugin: str) -> Iterator[Put]:
    """A rosbag2 folder; `put(topic, type, logged_ns, message)`."""
    from rosbags.rosbag2 import StoragePlugin, Writer

    with Writer(path, version=9, storage_plugin=StoragePlugin[plugin]) as writer:
        connections: dict[str, object] = {}

        def put(topic: str, kind: str, logged_ns: int, message: object) -> None:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=ros.store)
            writer.write(connections[topic], logged_ns, ros.store.serialize_cdr(message, kind).tobytes())

        yield put


def drive(ros: Ros, put: Put) -> None:
    """Two seconds: a camera 40 ms late, depth with its calibration, motion, sound, and what is not sensed."""
    put("/mic/audio_info", SOUND_INFO, T0, ros.types[SOUND_INFO](1, 16_000, "S16LE", 0, "wave"))
    put("/depth/camera_info", CALIBRATION, T0, ros.camera_info(T0))
    put("/battery", "std_msgs/msg/String", T0, ros.types["std_msgs/msg/String"]("full"))
    due: list[tuple[int, str, str, object]] = []
    for k in range(200):
        due.append((k * 10 * MS + MS, "/imu", "sensor_msgs/msg/Imu", ros.imu(T0 + k * 10 * MS, k)))
    for k in range(20):
        t = T0 + k * 100 * MS
        colour = np.full((4, 6, 3), k, np.uint8)
        due.append((k * 100 * MS + 40 * MS, "/front/image_raw", IMAGE, ros.image(t, colour, "bgr8")))
        due.append((k * 100 * MS + 41 * MS, "/front/image_raw/compressed", COMPRESSED, ros.jpeg(t, colour)))
        depth = np.full((4, 6), 1000 + k, np.uint16)
        due.append((k * 100 * MS + 5 * MS, "/depth/image", IMAGE, ros.image(t, depth, "16UC1")))
        due.append((k * 100 * MS + 6 * MS, "/ir/image", IMAGE, ros.image(t, depth, "mono16")))
        part = np.frombuffer(TONE[k * 1600 : (k + 1) * 1600].tobytes(), np.uint8)
        sound = ros.types[SOUND](part)
        due.append(((k + 1) * 100 * MS, "/mic/audio", SOUND, sound))
    for after_ns, topic, kind, message in sorted(due, key=lambda one: one[0]):
        put(topic, kind, T0 + after_ns, message)


@pytest.fixture(scope="module")
def ros() -> Ros:
    return Ros()


@pytest.fixture(scope="module", params=["SQLITE3", "MCAP"])
def recorded(request: pytest.FixtureRequest, ros: Ros, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "drive"
    with bag(ros, path, request.param) as put:
        drive(ros, put)
    return path


def of(events: list[Event], stream: str) -> list[Sample]:
    return [event for event in events if isinstance(event, Sample) and event.stream == stream]


def check_contract(events: list[Event], names: list[str]) -> None:
    """The order, the counting and the promises of a Source."""
    ends = [event.end_ns for event in events if isinstance(event, Sample)]
    assert ends == sorted(ends)
    for name in names:
        mine = of(events, name)
        assert [sample.seq for sample in mine] == list(range(len(mine)))
        assert [s.item for s in mine] == [0, *itertools.accumulate(s.items for s in mine)][: len(mine)]
        assert [e.items for e in events if isinstance(e, End) and e.stream == name] == [
            sum(sample.items for sample in mine)
        ]
        promised = 0
        for event in (event for event in events if event.stream == name):
            if isinstance(event, Progress):
                assert event.t_ns >= promised
                promised = event.t_ns
            elif isinstance(event, Sample):
                assert event.stamp_ns >= promised


def test_a_ros_2_recording(recorded: Path) -> None:
    log = open_log(recorded)
    infos = {info.stream: info for info in log.streams}
    assert {name: info.modality for name, info in infos.items()} == {
        "front.image_raw": "vision",
        "depth.image": "depth",
        "imu": "imu",
        "mic.audio": "audio",
    }
    assert (infos["depth.image"].fx, infos["depth.image"].baseline) == (40, 0.1)
    assert (infos["mic.audio"].rate_hz, infos["mic.audio"].channels) == (16_000, 1)
    assert infos["imu"].rate_hz == pytest.approx(100, rel=0.01)
    events = list(log.events(7))
    check_contract(events, list(infos))
    assert log.counts() == {name: {} for name in infos}
    assert [sample.stamp_ns for sample in of(events, "front.image_raw")] == [
        T0 + k * 100 * MS for k in range(20)
    ]
    assert [int(s.data[0, 0, 0]) for s in of(events, "front.image_raw")] == list(range(20))
    assert [int(s.data[0, 0]) for s in of(events, "depth.image")] == [1000 + k for k in range(20)]
    rows = of(events, "imu")
    assert np.concatenate([s.stamps for s in rows]).tolist() == [T0 + k * 10 * MS for k in range(200)]
    assert np.concatenate([s.data for s in rows])[:, 5].tolist() == list(range(200))
    sound = of(events, "mic.audio")
    assert np.array_equal(np.concatenate([s.data for s in sound])[:, 0], TONE)
    assert sound[0].stamp_ns == T0
    assert all(a.end_ns == b.stamp_ns for a, b in itertools.pairwise(sound))


def test_what_is_ignored_is_said(recorded: Path) -> None:
    ignored = dict(open_log(recorded).ignored)
    assert set(ignored) == {
        "/battery",
        "/depth/camera_info",
        "/front/image_raw/compressed",
        "/ir/image",
        "/mic/audio_info",
    }
    assert '"/ir/image" = "depth"' in ignored["/ir/image"]
    assert "std_msgs/msg/String" in ignored["/battery"]
    assert "/front/image_raw" in ignored["/front/image_raw/compressed"]


def test_the_table_says_what_a_topic_is(recorded: Path) -> None:
    topics = {
        "/ir/image": {"modality": "thermal", "stream": "thermal"},
        "/front/image_raw": "ignore",
        "/imu": "gyroscope",
    }
    log = open_log(recorded, topics=topics)
    found = {info.stream: info.modality for info in log.streams}
    assert found == {
        "thermal": "thermal",
        "depth.image": "depth",
        "imu": "gyroscope",
        "mic.audio": "audio",
        "front.image_raw.compressed": "vision",
    }
    assert of(list(log.events(1)), "imu")[0].data.shape == (2, 3)


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        ({"/nowhere": "vision"}, "no '/nowhere'"),
        ({"/imu": "smell"}, "topics"),
        ({"/imu": {"modality": "imu", "stream": "a b"}}, "topics"),
        (
            {"/ir/image": {"modality": "depth", "stream": "x"}, "/imu": {"modality": "imu", "stream": "x"}},
            "'x'",
        ),
    ],
)
def test_a_table_that_is_wrong_is_refused(recorded: Path, topics: dict, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        open_log(recorded, topics=topics)


def test_reading_from_a_time_gives_the_rest(recorded: Path) -> None:
    log = open_log(recorded)
    events = list(log.events(2, T0 + NS))
    check_contract(events, [info.stream for info in log.streams])
    whole = {info.stream: of(list(log.events(1)), info.stream) for info in log.streams}
    for stream, samples in whole.items():
        rest = [sample.stamp_ns for sample in samples if sample.stamp_ns >= T0 + NS]
        assert [sample.stamp_ns for sample in of(events, stream)] == rest


def test_a_part_of_a_log_again_and_again(recorded: Path) -> None:
    log = open_log(recorded, start=0.5, end=1.0, loop=True)
    assert log.start_ns - T0 == pytest.approx(500 * MS, abs=2 * MS)
    events = itertools.takewhile(lambda event: event.epoch < 5 + 120 * NS, log.events(5))
    rounds = itertools.groupby(events, key=lambda event: event.epoch)
    first, second = ((epoch, list(round_)) for epoch, round_ in rounds)
    assert (first[0], second[0]) == (5, 5 + 60 * NS)
    for _, events_ in (first, second):
        check_contract(events_, [info.stream for info in log.streams])
    for a, b in zip(first[1], second[1], strict=True):
        assert type(a) is type(b)
        if isinstance(a, Sample) and isinstance(b, Sample):
            assert b.stamp_ns - a.stamp_ns == 60 * NS
            assert b.data.tobytes() == a.data.tobytes()
            assert log.start_ns <= a.stamp_ns
            assert a.end_ns <= T0 + 1000 * MS + 2 * MS
    assert len(of(first[1], "front.image_raw")) == 5
    joined = log.events(5, T0 + 800 * MS)
    pictures = [e for e in itertools.islice(joined, 200) if isinstance(e, Sample) and e.modality == "vision"]
    assert [(e.stamp_ns - T0) // MS for e in pictures[:3]] == [800, 900, 60_500]
    with pytest.raises(SourceError, match="long"):
        open_log(recorded, start=60.0)


def mcap_of(
    ros: Ros, path: Path, *, compression: str = "NONE", index: bool = True, chunks: bool = True
) -> Path:
    """The same drive by the `mcap` library, in small chunks."""
    from mcap.writer import CompressionType, IndexType, Writer

    with path.open("wb") as file:
        writer = Writer(
            file,
            chunk_size=4096,
            compression=CompressionType[compression],
            index_types=IndexType.ALL if index else IndexType.NONE,
            use_chunking=chunks,
        )
        writer.start("ros2", "test")
        channels: dict[str, int] = {}

        def put(topic: str, kind: str, logged_ns: int, message: object) -> None:
            if topic not in channels:
                text = ros.store.generate_msgdef(kind, ros_version=2)[0].encode()
                schema = writer.register_schema(kind, "ros2msg", text)
                channels[topic] = writer.register_channel(topic, "cdr", schema)
            data = ros.store.serialize_cdr(message, kind).tobytes()
            writer.add_message(channels[topic], log_time=logged_ns, data=data, publish_time=logged_ns)

        drive(ros, put)
        writer.finish()
    return path


@pytest.mark.parametrize(
    "how",
    [{"compression": "LZ4"}, {"compression": "ZSTD"}, {"index": False}, {"chunks": False}],
    ids=lambda how: next(iter(how)),
)
def test_every_form_of_mcap_gives_the_same(ros: Ros, tmp_path: Path, how: dict) -> None:
    plain, other = open_log(mcap_of(ros, tmp_path / "a")), open_log(mcap_of(ros, tmp_path / "b", **how))
    ours, theirs = list(plain.events(1)), list(other.events(1))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, Sample) and isinstance(b, Sample):
            assert (a.stream, a.stamp_ns, a.data.tobytes()) == (b.stream, b.stamp_ns, b.data.tobytes())
        else:
            assert a == b


def test_a_log_that_was_cut_off_gives_what_is_there(ros: Ros, tmp_path: Path) -> None:
    whole = mcap_of(ros, tmp_path / "whole.mcap")
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    log = open_log(cut)
    events = list(log.events(1))
    check_contract(events, [info.stream for info in log.streams])
    assert 4 < len(of(events, "front.image_raw")) < 20
    assert log.counts()["cut.mcap"] == {"truncated": 1}


def test_a_damaged_index_is_not_relied_on(ros: Ros, tmp_path: Path) -> None:
    path = mcap_of(ros, tmp_path / "whole.mcap")
    whole = path.read_bytes()
    expected = [sample.stamp_ns for sample in of(list(open_log(path).events(1)), "imu")]
    (summary_start,) = struct.unpack_from("<Q", whole, len(whole) - 28)
    for at in range(summary_start, len(whole) - 40, 997):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        assert [sample.stamp_ns for sample in of(list(open_log(path).events(1)), "imu")] == expected


def test_a_damaged_chunk_is_counted_and_the_rest_read(ros: Ros, tmp_path: Path) -> None:
    from mcap.reader import make_reader

    whole = mcap_of(ros, tmp_path / "whole.mcap")
    data = bytearray(whole.read_bytes())
    with whole.open("rb") as file:
        chunks = make_reader(file).get_summary().chunk_indexes
    middle = chunks[len(chunks) // 2].chunk_start_offset + 200
    data[middle : middle + 40] = bytes(range(40))
    path = tmp_path / "damaged.mcap"
    path.write_bytes(data)
    log = open_log(path)
    events = list(log.events(1))
    check_contract(events, [info.stream for info in log.streams])
    assert log.counts()["damaged.mcap"]["corrupt"] == 1
    assert of(events, "imu")[-1].stamp_ns > T0 + 1900 * MS


def test_faults_of_messages_are_counted_by_cause(ros: Ros, tmp_path: Path) -> None:
    with bag(ros, tmp_path / "faulty", "MCAP") as put:
        kind = IMAGE
        picture = np.zeros((4, 6, 3), np.uint8)
        for k, (own, logged) in enumerate(
            [(0, 10), (100, 110), (100, 120), (5000, 210), (300, 310), (3000, 3000), (1900, 3001)]
        ):
            put("/a", kind, T0 + logged * MS, ros.image(T0 + own * MS, picture + k, "rgb8"))
        for logged, encoding in ((4000, "purple"), (5000, "rgb8")):
            put("/a", kind, T0 + logged * MS, ros.image(T0 + logged * MS, picture, encoding))
    log = open_log(tmp_path / "faulty")
    stamps = [(s.stamp_ns - T0) // MS for s in of(list(log.events(1)), "a")]
    assert stamps == [0, 100, 210, 300, 3000, 3001, 5000]
    assert log.counts()["a"] == {"malformed": 1, "duplicate": 1, "clock": 2}


def test_foxglove_in_json(tmp_path: Path) -> None:
    from mcap.writer import Writer

    path = tmp_path / "f"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()

        def channel(topic: str, schema: str) -> int:
            return writer.register_channel(topic, "json", writer.register_schema(schema, "jsonschema", b"{}"))

        camera, sound, motion, odd = (
            channel("/camera", "foxglove.RawImage"),
            channel("/sound", "foxglove.RawAudio"),
            channel("/imu", "sensor_msgs/Imu"),
            channel("/odd", "foxglove.LocationFix"),
        )

        def put(number: int, after_ns: int, fields: dict) -> None:
            stamp = {"sec": (T0 + after_ns) // NS, "nsec": (T0 + after_ns) % NS}
            data = json.dumps({"timestamp": stamp, "header": {"stamp": stamp}} | fields).encode()
            writer.add_message(number, T0 + after_ns + MS, data, T0 + after_ns)

        for k in range(10):
            image = base64.b64encode(bytes([k]) * 72).decode()
            put(
                camera, k * 100 * MS, {"width": 6, "height": 4, "step": 18, "encoding": "rgb8", "data": image}
            )
            pcm = base64.b64encode(TONE[k * 1600 : (k + 1) * 1600].tobytes()).decode()
            form = {"format": "pcm-s16", "sample_rate": 16_000, "number_of_channels": 1}
            put(sound, k * 100 * MS, {**form, "data": pcm})
            xyz = {"x": 0.0, "y": 0.5, "z": 9.8}
            put(motion, k * 100 * MS, {"linear_acceleration": xyz, "angular_velocity": xyz})
        put(odd, 0, {"latitude": 1})
        writer.finish()
    log = open_log(path)
    events = list(log.events(1))
    check_contract(events, ["camera", "sound", "imu"])
    assert [int(s.data[0, 0, 0]) for s in of(events, "camera")] == list(range(10))
    assert np.array_equal(np.concatenate([s.data for s in of(events, "sound")])[:, 0], TONE[:16_000])
    assert sum(s.items for s in of(events, "imu")) == 10
    assert [one.topic for one in log.ignored] == ["/odd"]


def test_foxglove_in_protobuf_by_its_own_library(tmp_path: Path) -> None:
    import foxglove
    from foxglove import messages
    from foxglove.channels import CameraCalibrationChannel, CompressedImageChannel, RawAudioChannel

    path = tmp_path / "f.mcap"
    context = foxglove.Context()
    with foxglove.open_mcap(path, context=context):
        camera = CompressedImageChannel("/depth/image", context=context)
        sound = RawAudioChannel("/sound", context=context)
        calibration = CameraCalibrationChannel("/depth/calibration", context=context)
        for k in range(10):
            after = k * 100 * MS
            stamp = messages.Timestamp(sec=T0 // NS, nsec=after)
            png = cv2.imencode(".png", np.full((4, 6), 500 + k, np.uint16))[1].tobytes()
            fields = {"timestamp": stamp, "frame_id": "eye"}
            camera.log(messages.CompressedImage(**fields, data=png, format="png"), log_time=T0 + after)
            pcm = TONE[k * 1600 : (k + 1) * 1600].tobytes()
            sound.log(
                messages.RawAudio(
                    timestamp=stamp, data=pcm, format="pcm-s16", sample_rate=16_000, number_of_channels=1
                ),
                log_time=T0 + after,
            )
            calibration.log(
                messages.CameraCalibration(**fields, width=6, height=4, P=[40.0, 0, 0, -4.0, *[0.0] * 8]),
                log_time=T0 + after,
            )
    with pytest.raises(SourceError, match="/depth/image"):
        open_log(path, topics={"/sound": "ignore"})
    log = open_log(path, topics={"/depth/image": "depth"})
    infos = {info.stream: info for info in log.streams}
    assert (infos["depth.image"].fx, infos["depth.image"].baseline) == (40, 0.1)
    assert infos["depth.image"].frame_id == "eye"
    events = list(log.events(1))
    check_contract(events, list(infos))
    assert [int(s.data[0, 0]) for s in of(events, "depth.image")] == [500 + k for k in range(10)]
    assert np.array_equal(np.concatenate([s.data for s in of(events, "sound")])[:, 0], TONE[:16_000])


def test_sound_with_a_hole_says_how_much_is_missing(tmp_path: Path, ros: Ros) -> None:
    with bag(ros, tmp_path / "hole", "SQLITE3") as put:
        make = ros.types[SOUND]
        for k in (0, 1, 2, 13, 14):
            part = np.frombuffer(TONE[:1600].tobytes(), np.uint8)
            put("/mic", SOUND, T0 + k * 100 * MS, make(part))
    with pytest.raises(SourceError, match="rate_hz = 16000"):
        open_log(tmp_path / "hole")
    table = {"/mic": {"modality": "audio", "rate_hz": 16_000, "channels": 1}}
    log = open_log(tmp_path / "hole", topics=table)
    assert sum(s.items for s in of(list(log.events(1)), "mic")) == 8000
    assert log.counts()["mic"] == {"gap": 16_000}
