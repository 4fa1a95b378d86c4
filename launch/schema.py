"""What a configuration file may say: one Struct a table, every key with its type, bounds and default."""

from typing import Annotated, Literal

import msgspec

from ..nodes.wire.endpoints import CONTROL, RESULTS

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Weight = Annotated[float, msgspec.Meta(ge=0, le=1000)]
Score = Annotated[float, msgspec.Meta(ge=-1000, le=1000)]
Span = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+$", max_length=64)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
WindowModality = Literal["vision", "depth", "thermal", "audio", "imu"]
StreamName = Literal["camera", "depth", "thermal", "microphone", "imu"]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: unknown keys are mistakes."""


class Endpoints(_Table, frozen=True):
    """Where results are published and control is answered; both empty: nowhere."""

    results: str = RESULTS
    control: str = CONTROL


class FusionConfig(_Table, frozen=True):
    """A tick every `hop_s`; live, it waits for its inputs at most `deadline_s`."""

    hop_s: Seconds = 0.25
    deadline_s: Seconds = 0.5


class WindowConfig(_Table, frozen=True):
    """Window k of this modality covers `[k*hop_s, k*hop_s + length_s)`; None takes the model's own."""

    length_s: Seconds | None = None
    hop_s: Seconds | None = None


class InputConfig(_Table, frozen=True):
    """How much an input counts, and how old its newest embedding may be."""

    weight: Weight = 1.0
    limit_s: Seconds = 1.0


class SimulatedSensor(_Table, frozen=True, tag="simulated", tag_field="driver"):
    """The simulated robot; `streams` empty means all five."""

    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 1
    streams: tuple[StreamName, ...] = ()


class RecordingSensor(_Table, frozen=True, tag="recording", tag_field="driver"):
    """A recording read as if it were live; `path` is relative to the configuration file."""

    path: str


class Simulated(_Table, frozen=True):
    """An example to watch for: a happening as the simulated robot of another seed senses it."""

    happening: Literal["alarm", "person", "bump"]
    modality: WindowModality
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 7


class WatchConfig(_Table, frozen=True):
    """A standing query: one of `text`, `file` (relative to the configuration file) or `simulated`.

    The thresholds are those of `fusion.query.Query`, which also says what they mean.
    """

    name: Label
    text: Label | None = None
    file: str | None = None
    simulated: Simulated | None = None
    modalities: tuple[WindowModality, ...] = ()
    on: Score = 4.0
    off: Score = 2.5
    min_s: Span = 0.0
    hold_s: Span = 0.5


class Config(_Table, frozen=True):
    """Everything a run needs to be planned. Every key has a default; docs are in the packaged files."""

    robot: Name = "robot"
    model: str = "mini"
    endpoints: Endpoints = Endpoints()
    fusion: FusionConfig = FusionConfig()
    windows: dict[WindowModality, WindowConfig] = {}
    inputs: dict[str, InputConfig] = {}
    sensor: tuple[SimulatedSensor | RecordingSensor, ...] = ()
    watch: tuple[WatchConfig, ...] = ()
