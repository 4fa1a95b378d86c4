"""What a node is told before it starts: plain data, the same for Ray and in-process."""

from typing import Literal

import msgspec

from ..encoders.card import ModelCard, WindowSpec
from ..encoders.windower import InputSpec
from ..fusion.query import Query
from ..fusion.rule import InputRule
from ..sensors.sample import StreamInfo

TrafficClass = Literal["lossless", "lossy", "results"]


class OutletSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One socket that a node binds: its traffic class, who reads it, how many seconds it keeps."""

    traffic: TrafficClass
    consumers: tuple[str, ...]
    keep_s: float


class InletSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One outlet of another node that a node reads."""

    node: str
    traffic: TrafficClass


class SourceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A driver (a key of the drivers' table) with its options, and the streams it was found to have."""

    driver: str
    options: dict[str, str | int | float | tuple[str, ...]]
    streams: tuple[StreamInfo, ...]


class IngestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Reads sources. `pace` is event seconds a second: 1 as if live, None as fast as the slowest reader."""

    sources: tuple[SourceSpec, ...]
    pace: float | None
    live: bool
    seconds: float | None


class EncodeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Windows and encodes inputs. Live, a window older than `shed_s` is shed; in replay (None) none is."""

    model: str
    inputs: tuple[InputSpec, ...]
    windows: dict[str, WindowSpec]
    shed_s: float | None
    threads: int


class FuseSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Fuses and matches. `deadline_s` is how long a live tick waits for an input (None in replay)."""

    card: ModelCard
    rules: dict[str, InputRule]
    hop_s: float
    deadline_s: float | None


class EdgeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Publishes results and answers control requests at fixed endpoints."""

    results: str
    control: str
    infos: tuple[StreamInfo, ...]


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One node: what it does, what it binds, what it reads. `lossless` (replay) never drops, it waits."""

    name: str
    robot: str
    body: IngestSpec | EncodeSpec | FuseSpec | EdgeSpec
    outlets: tuple[OutletSpec, ...]
    inlets: tuple[InletSpec, ...]
    lossless: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run starts. `whole_minute` starts the timeline on one (the simulated robot's script).

    `taps` are the outlets that the starting process itself reads as the consumer `output`.
    """

    robot: str
    card: ModelCard
    nodes: tuple[NodeSpec, ...]
    taps: tuple[InletSpec, ...]
    queries: tuple[Query, ...] = ()
    whole_minute: bool = False
    notes: tuple[str, ...] = ()
