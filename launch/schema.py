"""What a configuration file may say: one Struct a table, every key with its type, bounds and default."""

from typing import Annotated, Literal

import msgspec

from ..fusion.score import MOST_OFTEN_PER_H, MOST_SELDOM_PER_H
from ..nodes.wire.endpoints import CONTROL, INGEST, RESULTS
from ..sensors.imu_frames import ImuChecksum, ImuColumn
from ..sensors.simulated.kinds import KindName
from ..sensors.simulated.split import Split
from ..sensors.topics import TopicModality, TopicRule

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Weight = Annotated[float, msgspec.Meta(ge=0, le=1000)]
Score = Annotated[float, msgspec.Meta(ge=-1000, le=1000)]
PerHour = Annotated[float, msgspec.Meta(ge=MOST_SELDOM_PER_H, le=MOST_OFTEN_PER_H)]
Span = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Delay = Annotated[float, msgspec.Meta(ge=-10_000, le=10_000)]
Rate = Annotated[float, msgspec.Meta(gt=0, le=100_000)]
Pixels = Annotated[int, msgspec.Meta(ge=1, le=16_384)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+$", max_length=64)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
WindowModality = Literal["vision", "depth", "thermal", "audio", "imu"]
StreamModality = Literal["vision", "depth", "thermal", "audio", "accelerometer", "gyroscope", "imu"]
StreamName = Literal["camera", "depth", "thermal", "microphone", "imu"]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: unknown keys are mistakes."""


class Endpoints(_Table, frozen=True):
    """Where results are published and control is answered (both empty: nowhere), and where sensors on other
    machines come in, if there are any."""

    results: str = RESULTS
    control: str = CONTROL
    ingest: str = INGEST


class Uplink(_Table, frozen=True):
    """Where `sixsense sensor` sends these sensors: a robot's ingest endpoint and its public key, which a
    robot beyond this machine has."""

    to: str = INGEST
    server_key: str = ""


class FusionConfig(_Table, frozen=True):
    """A tick every `hop_s`; live, it waits for its inputs at most `deadline_s`."""

    hop_s: Seconds = 0.25
    deadline_s: Seconds = 0.5


class WindowConfig(_Table, frozen=True):
    """Window k of this modality covers `[k*hop_s, k*hop_s + length_s)`; None takes the model's own."""

    length_s: Seconds | None = None
    hop_s: Seconds | None = None


class EncodeConfig(_Table, frozen=True):
    """How windows are encoded; but for `precision`, live alone: a replay encodes every window by itself.

    `precision` "fast" rounds products to bfloat16, where the processor has units for it (else, or in a narrow
    model, it is "exact", and says so); "int8" is for models that were exported in it.
    A picture that differs by less than `unchanged` (in contrasts of usual pictures; 0: never) from the last
    one that was encoded keeps its vector. Up to `batch` windows of a modality, from several inputs, are
    computed together, for which one waits `wait_ms` at most.
    """

    unchanged: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01
    batch: Annotated[int, msgspec.Meta(ge=1, le=256)] = 8
    wait_ms: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 5.0
    precision: Literal["exact", "fast", "int8"] = "exact"


class ImuConfig(_Table, frozen=True):
    """How the model takes IMU rows, where its own card should not be followed: the order of its channels, and
    instants a second (0: all that it takes, spread over the window)."""

    order: Literal["accelerometer-gyroscope", "gyroscope-accelerometer"] | None = None
    rate_hz: Annotated[float, msgspec.Meta(ge=0, le=100_000)] | None = None


class InputConfig(_Table, frozen=True):
    """How much an input counts, and how old its newest embedding may be."""

    weight: Weight = 1.0
    limit_s: Seconds = 1.0


class SimulatedSensor(_Table, frozen=True, tag="simulated", tag_field="driver"):
    """The simulated robot, in a world of its `split`'s rooms, things and sounds; `streams` empty means all
    five."""

    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 1
    split: Split = "test"
    streams: tuple[StreamName, ...] = ()


class RecordingSensor(_Table, frozen=True, tag="recording", tag_field="driver"):
    """A recording read as if it were live; `path` is relative to the configuration file."""

    path: str


class LiveSensor(_Table, frozen=True):
    """What every live device's table has; the other keys are the keyword options of the driver's class.

    `delay_ms` after what they show its readings are stamped (`sync-check` measures it): it is subtracted.
    """

    delay_ms: Delay = 0.0


class ImuSerialSensor(LiveSensor, frozen=True, kw_only=True, tag="imu_serial", tag_field="driver"):
    """An inertial unit on a serial port, `id` its path in /dev/serial/by-id; `sensors/imu_serial.py` has the
    meaning of each key."""

    id: str
    name: Name = "imu"
    baud: Annotated[int, msgspec.Meta(ge=50, le=10_000_000)] = 115_200
    rate_hz: Rate = 100.0
    columns: tuple[ImuColumn, ...] = ("ax", "ay", "az", "gx", "gy", "gz")
    separator: str = ","
    binary: str = ""
    sync: str = ""
    checksum: ImuChecksum = "none"
    acceleration: Literal["m/s^2", "g"] = "m/s^2"
    rotation: Literal["rad/s", "deg/s"] = "rad/s"
    acceleration_scale: float = 1.0
    rotation_scale: float = 1.0
    stamp: Literal["s", "ms", "us", "ns"] = "us"


class PhoneSensor(LiveSensor, frozen=True, kw_only=True, tag="phone", tag_field="driver"):
    """A phone that runs the app Sensor Logger and pushes over HTTP to `http://HOST:PORT/TOKEN`.

    `platform` is "ios" for an iPhone whose "Standardise Units & Frames" is off. `id` takes only the phone
    with this deviceId. A `host` beyond this machine needs a `token`.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]*$", max_length=48)] = ""
    id: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8055
    token: str = ""
    platform: Literal["android", "ios"] = "android"
    rate_hz: Rate = 100.0


class CameraSensor(LiveSensor, frozen=True, kw_only=True, tag="camera", tag_field="driver"):
    """A camera: `id` its path in /dev/v4l/by-id, `http://` (MJPEG), `rtsp://`, or `gst: PIPELINE`.

    "" is the only V4L2 camera of the machine.
    """

    id: str = ""
    name: Name = "camera"
    width: Pixels = 1280
    height: Pixels = 720
    rate_hz: Rate = 30.0


class MicrophoneSensor(LiveSensor, frozen=True, kw_only=True, tag="microphone", tag_field="driver"):
    """A microphone: `id` is `default`, `pulse:SOURCE`, or the sound card's name without its number."""

    id: str = "default"
    name: Name = "microphone"
    rate_hz: Annotated[float, msgspec.Meta(ge=8000, le=384_000)] = 48_000
    channels: Annotated[int, msgspec.Meta(ge=1, le=32)] = 1


class DepthSensor(LiveSensor, frozen=True, kw_only=True, tag="depth", tag_field="driver"):
    """A RealSense: `id` its serial number, "" the only one; `colour` and `imu` add its other sensors."""

    id: str = ""
    name: Name = "depth"
    width: Pixels = 640
    height: Pixels = 480
    rate_hz: Annotated[int, msgspec.Meta(ge=1, le=300)] = 30
    colour: bool = False
    imu: bool = False


class ThermalSensor(LiveSensor, frozen=True, kw_only=True, tag="thermal", tag_field="driver"):
    """A UVC thermal camera of 16 bits: kelvin are `kelvin_at_zero + kelvin_per_count * count`.

    `rows` is how many rows are picture and not telemetry; 0: as the kind of camera says.
    """

    id: str
    name: Name = "thermal"
    width: Pixels = 160
    height: Pixels = 120
    rate_hz: Rate = 9.0
    kelvin_per_count: float = 0.01
    kelvin_at_zero: float = 0.0
    rows: Annotated[int, msgspec.Meta(ge=0, le=8192)] = 0


class PluginSensor(LiveSensor, frozen=True, kw_only=True, tag="plugin", tag_field="driver"):
    """A live device of another package: `use` is its name in the entry point group `sixsense.sensors`, or
    `package.module:Class`; `options` are its own."""

    use: str
    options: dict[str, str | int | float | bool] = {}


class RemoteStream(_Table, frozen=True, kw_only=True):
    """What a stream of a remote sensor is; `sixsense sensor FILE --toml` prints it."""

    name: Name
    modality: StreamModality
    rate_hz: Rate
    encoding: str = ""
    channels: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0
    width: Annotated[int, msgspec.Meta(ge=0, le=16_384)] = 0
    height: Annotated[int, msgspec.Meta(ge=0, le=16_384)] = 0


class RemoteSensor(_Table, frozen=True, kw_only=True, tag="remote", tag_field="driver"):
    """The sensors of another machine, sent by `sixsense sensor`.

    `name` is what the configuration there calls its `robot`, `key` the name of the key that it must have
    (`sixsense keys allow NAME KEY`).
    """

    name: Name
    streams: Annotated[tuple[RemoteStream, ...], msgspec.Meta(min_length=1)]
    key: str = ""


class Simulated(_Table, frozen=True):
    """An example to watch for: a happening as the simulated robot of another seed senses it."""

    happening: KindName
    modality: WindowModality
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 7
    split: Split = "test"


class WatchConfig(_Table, frozen=True):
    """A standing query: one of `text` (words, or texts in quotes with + and - between them), `file` (relative
    to the configuration file) or `simulated`.

    The thresholds are those of `fusion.query.Query`, which also says what they mean.
    """

    name: Label
    text: Label | None = None
    file: str | None = None
    simulated: Simulated | None = None
    modalities: tuple[WindowModality | Literal["fused"], ...] = ()
    inputs: tuple[Label, ...] = ()
    on: Score = 4.0
    off: Score = 2.5
    min_s: Span = 0.0
    hold_s: Span = 0.5
    cool_s: Span = 0.0
    at_most_per_h: PerHour | None = None


class LabelsConfig(_Table, frozen=True):
    """A set of labels: the `top` likeliest of `file` for each of `modalities`, every `every_s`.

    `file` has one label a line, `#` begins a comment; it is relative to the configuration file, or the name
    of a packaged set. `modalities` empty means all that the model can compare with texts; "fused" is one too.
    """

    name: Name
    file: str
    modalities: tuple[WindowModality | Literal["fused"], ...] = ()
    top: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    every_s: Seconds = 1.0


Sensor = (
    SimulatedSensor
    | RecordingSensor
    | CameraSensor
    | MicrophoneSensor
    | DepthSensor
    | ThermalSensor
    | ImuSerialSensor
    | PhoneSensor
    | PluginSensor
    | RemoteSensor
)


class Config(_Table, frozen=True):
    """Everything a run needs to be planned. Every key has a default; docs are in the packaged files."""

    robot: Name = "robot"
    model: str = "mini"
    endpoints: Endpoints = Endpoints()
    uplink: Uplink = Uplink()
    fusion: FusionConfig = FusionConfig()
    encode: EncodeConfig = EncodeConfig()
    imu: ImuConfig = ImuConfig()
    windows: dict[WindowModality, WindowConfig] = {}
    inputs: dict[str, InputConfig] = {}
    topics: dict[str, TopicModality | TopicRule] = {}
    sensor: tuple[Sensor, ...] = ()
    watch: tuple[WatchConfig, ...] = ()
    labels: tuple[LabelsConfig, ...] = ()
