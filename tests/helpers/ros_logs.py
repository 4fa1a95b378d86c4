"""A drive of two seconds as a robot with ROS 2 would record it, by rosbags and by the `mcap` library."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
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
