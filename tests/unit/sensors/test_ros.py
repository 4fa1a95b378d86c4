"""Standard messages as arrays: every raw encoding, compressed pictures, motion, sound and calibrations."""

import struct
from types import SimpleNamespace as Message

import cv2
import numpy as np
import pytest
from sixsense.sensors import ros

RED = np.zeros((4, 6, 3), np.uint8)
RED[..., 0] = 200


def raw(image: np.ndarray, encoding: str, **fields: object) -> Message:
    image = np.ascontiguousarray(image)
    held = {
        "height": image.shape[0],
        "width": image.shape[1],
        "step": image.strides[0],
        "encoding": encoding,
        "is_bigendian": 0,
        "data": np.frombuffer(image.tobytes(), np.uint8),
    }
    return Message(**held | fields)


def shown(message: Message, modality: str = "vision") -> np.ndarray:
    return ros.read_raw(message, modality).data


@pytest.mark.parametrize(
    ("encoding", "image"),
    [
        ("rgb8", RED),
        ("bgr8", RED[..., ::-1]),
        ("rgba8", np.dstack([RED, np.full((4, 6), 9, np.uint8)])),
        ("bgra8", np.dstack([RED[..., ::-1], np.full((4, 6), 9, np.uint8)])),
        ("rgb16", RED.astype(np.uint16) << 8),
        ("bgr16", RED[..., ::-1].astype(np.uint16) << 8),
    ],
)
def test_colours_are_rgb(encoding: str, image: np.ndarray) -> None:
    content = ros.read_raw(raw(image, encoding), "vision")
    assert content.encoding == "rgb8"
    assert np.array_equal(content.data, RED)


@pytest.mark.parametrize(("encoding", "order"), [("yuv422", (1, 0)), ("yuv422_yuy2", (0, 1))])
def test_yuv_has_its_luma_and_chroma_in_the_right_bytes(encoding: str, order: tuple[int, int]) -> None:
    """Red has Y 82, U 90, V 240 (BT.601)."""
    packed = np.zeros((4, 6, 2), np.uint8)
    packed[..., order[0]] = 82
    packed[:, 0::2, order[1]], packed[:, 1::2, order[1]] = 90, 240
    red, green, blue = shown(raw(packed, encoding)).reshape(-1, 3).mean(axis=0)
    assert red > 240
    assert green < 12
    assert blue < 12


def test_bayer_shows_the_colour_of_its_first_pixel() -> None:
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[0::2, 0::2] = 200
    assert shown(raw(mosaic, "bayer_rggb8"))[2:6, 2:6].mean(axis=(0, 1)).argmax() == 0
    assert shown(raw(mosaic, "bayer_bggr8"))[2:6, 2:6].mean(axis=(0, 1)).argmax() == 2


def test_rows_with_padding_and_big_endian_numbers() -> None:
    padded = np.zeros((3, 10), np.uint8)
    padded[:, :8] = np.arange(12, dtype=">u2").reshape(3, 4).view(np.uint8)
    message = raw(padded, "16UC1", width=4, step=10, is_bigendian=1, data=padded.tobytes()[:28])
    assert np.array_equal(shown(message, "depth"), np.arange(12, dtype=np.uint16).reshape(3, 4))


def test_depth_and_thermal_keep_their_numbers() -> None:
    depth = np.array([[0.5, np.inf, np.nan]], np.float32)
    content = ros.read_raw(raw(depth, "32FC1"), "depth")
    assert content.encoding == "32FC1"
    assert np.array_equal(content.data, np.array([[0.5, np.nan, np.nan]], np.float32), equal_nan=True)
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert ros.read_raw(raw(grey, "mono8"), "thermal").encoding == "mono8"
    assert shown(raw(grey, "mono8")).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("encoding", "modality"),
    [("rgb8", "vision"), ("mono8", "vision"), ("16UC1", "depth"), ("32FC1", "depth"), ("mono16", "")],
)
def test_what_an_encoding_shows_by_itself(encoding: str, modality: str) -> None:
    assert ros.SCHEMAS["sensor_msgs/Image"].guess(Message(encoding=encoding)) == modality


@pytest.mark.parametrize(
    "message",
    [
        raw(RED, "rgb8", step=5),
        raw(RED, "rgb8", data=b"short"),
        raw(RED, "rgb8", height=0),
        raw(RED, "rgb8", width=1 << 31, height=1 << 31),
        raw(RED, "h264"),
    ],
)
def test_a_picture_that_does_not_add_up_is_refused(message: Message) -> None:
    with pytest.raises(ros.MessageError):
        ros.read_raw(message, "vision")


def test_colour_is_no_depth() -> None:
    with pytest.raises(ros.MessageError, match="16UC1 or 32FC1"):
        ros.read_raw(raw(RED, "rgb8"), "depth")


def packed(image: np.ndarray, form: str, kind: str = ".png", head: bytes = b"") -> Message:
    return Message(format=form, data=head + cv2.imencode(kind, image)[1].tobytes())


def test_jpeg_is_passed_through_and_png_decoded() -> None:
    jpeg = packed(RED, "jpeg", ".jpg")
    assert ros.read_compressed(jpeg, "vision").encoding == "jpeg"
    assert ros.read_compressed(jpeg, "vision").data.tobytes() == jpeg.data
    assert np.array_equal(ros.read_compressed(packed(RED[..., ::-1], "png"), "vision").data, RED)
    grey = packed(RED[..., 0], "mono8; jpeg compressed", ".jpg")
    assert ros.read_compressed(grey, "thermal").encoding == "mono8"


def test_compressed_depth_in_millimetres_and_as_inverse_depth() -> None:
    millimetres = np.array([[0, 1500]], np.uint16)
    head = struct.pack("<iff", 0, 0.0, 0.0)
    content = ros.read_compressed(packed(millimetres, "16UC1; compressedDepth png", head=head), "depth")
    assert np.array_equal(content.data, millimetres)
    inverse = struct.pack("<iff", 0, 100.0, 0.5)
    content = ros.read_compressed(packed(millimetres, "32FC1; compressedDepth png", head=inverse), "depth")
    assert np.isnan(content.data[0, 0])
    assert content.data[0, 1] == pytest.approx(100 / 1499.5)
    with pytest.raises(ros.MessageError, match="RVL"):
        ros.read_compressed(packed(millimetres, "16UC1; compressedDepth rvl"), "depth")


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x89PNG\r\n\x1a\n" + b"\xff" * 40])
def test_a_picture_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(ros.MessageError):
        ros.read_compressed(Message(format="png", data=data), "vision")


def imu(acceleration: tuple, rate: tuple, absent: str = "") -> Message:
    fields = {"linear_acceleration": acceleration, "angular_velocity": rate}
    vectors = {name: Message(**dict(zip("xyz", xyz, strict=True))) for name, xyz in fields.items()}
    covariances = {f"{name}_covariance": [-1.0 if name == absent else 0.0] * 9 for name in fields}
    return Message(**vectors, **covariances)


def test_motion_is_acceleration_then_rotation() -> None:
    row = ros.read_imu(imu((1, 2, 9.8), (0.1, 0.2, 0.3)), "imu").data
    assert row.dtype == np.float32
    assert row[0] == pytest.approx([1, 2, 9.8, 0.1, 0.2, 0.3])
    assert ros.read_imu(imu((1, 2, 3), (4, 5, 6)), "gyroscope").data[0] == pytest.approx([4, 5, 6])
    with pytest.raises(ros.MessageError):
        ros.read_imu(imu((float("nan"), 0, 0), (0, 0, 0)), "imu")


@pytest.mark.parametrize(
    ("message", "modality"),
    [
        (imu((0, 0, 9.8), (0.1, 0, 0)), "imu"),
        (imu((0, 0, 9.8), (0, 0, 0)), "accelerometer"),
        (imu((0, 0, 0), (0.1, 0, 0)), "gyroscope"),
        (imu((0, 0, 9.8), (0.1, 0, 0), "linear_acceleration"), "gyroscope"),
    ],
)
def test_which_halves_a_motion_message_has(message: Message, modality: str) -> None:
    assert ros.guess_imu(message) == modality


def test_sound_is_int16_and_refused_where_it_does_not_fit() -> None:
    content = ros.pcm(struct.pack("<4h", 1, -2, 3, -4), 16_000, 2)
    assert content.data.tolist() == [[1, -2], [3, -4]]
    with pytest.raises(ros.MessageError):
        ros.pcm(b"123", 16_000, 1)
    with pytest.raises(ros.MessageError):
        ros.pcm(b"1234", 0, 1)


def test_a_stereo_camera_has_a_baseline() -> None:
    """P[3] is -fx times the baseline (sensor_msgs/CameraInfo)."""
    projection = [400.0, 0, 320, -20.0, 0, 400, 240, 0, 0, 0, 1, 0]
    assert ros.intrinsics(Message(p=projection, k=[500.0] * 9, width=640)) == (400, 0.05, 640)
    assert ros.intrinsics(Message(p=[0.0] * 12, k=[500.0] * 9, width=640)) == (500, 0, 640)


def test_stamps_of_every_serialisation() -> None:
    ns = 1_700_000_000_000_000_005
    ros2 = Message(header=Message(stamp=Message(sec=1_700_000_000, nanosec=5)))
    protobuf = Message(timestamp=Message(seconds=1_700_000_000, nanos=5))
    json = Message(timestamp=Message(sec=1_700_000_000, nsec=5))
    assert [ros.stamp_of(message) for message in (ros2, protobuf, json)] == [ns] * 3
    assert ros.stamp_of(Message(header=Message(stamp=Message(sec=0, nanosec=0)))) is None
    assert ros.stamp_of(Message(data=b"")) is None
    assert ros.stamp_of(Message(timestamp=Message(sec=1 << 40, nsec=5))) is None
