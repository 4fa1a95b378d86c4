"""What a node is told before it starts: plain data, the same for Ray and in-process."""

from typing import Any, Literal

import msgspec

from ..encoders.card import DEFAULT_IMU, ImuInput, ModelCard, WindowSpec
from ..encoders.windower import InputSpec
from ..fusion.labels import LabelTable
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
    """A driver (a key of the drivers' tables) with its options, and the streams it was found to have.

    Where `device`, it is live, and has the streams that its options promise, delivered `delay_ms` after what
    they show; whether it is there is seen when the run begins.
    """

    driver: str
    options: dict[str, Any]
    streams: tuple[StreamInfo, ...]
    device: bool = False
    delay_ms: float = 0.0


class IngestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Reads sources. `pace` is event seconds a second: 1 as if live, None as fast as the slowest reader.

    `endpoint` is where sensors on other machines come in, those whose driver is "remote".
    """

    sources: tuple[SourceSpec, ...]
    pace: float | None
    live: bool
    seconds: float | None
    endpoint: str = ""


class EncodeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Windows and encodes inputs. Live, a window older than `shed_s` is shed; in replay (None) none is.

    Live too, up to `batch` windows of a modality are encoded together, for which one waits `wait_s` at most,
    and a picture that differs by less than `unchanged` keeps the last one's vector. `imu` is how the model
    takes rows, as its card or the configuration says; `precision` what it is computed in.
    """

    model: str
    inputs: tuple[InputSpec, ...]
    windows: dict[str, WindowSpec]
    shed_s: float | None
    threads: int
    batch: int = 1
    wait_s: float = 0.0
    unchanged: float = 0.0
    imu: ImuInput = DEFAULT_IMU
    precision: Literal["exact", "fast", "int8"] = "exact"


class FuseSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Fuses and matches. `deadline_s` is how long a live tick waits for an input (None in replay).

    `background` is a file with what was learnt of the queries' backgrounds; live, it is kept up to date.
    """

    card: ModelCard
    rules: dict[str, InputRule]
    hop_s: float
    deadline_s: float | None
    background: str = ""
    labels: tuple[LabelTable, ...] = ()


class EdgeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Publishes results and answers control requests at fixed endpoints."""

    results: str
    control: str
    infos: tuple[StreamInfo, ...]
    plan: str = "{}"


class RecordSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Records a run at `path` (absolute), in several files where `split_bytes` or `split_s` are not 0.

    `streams` are those to be recorded, `inputs` those that are encoded, `plan` is JSON of a RunPlan. It ends
    before the disk has less than `keep_free_bytes`.
    """

    path: str
    streams: tuple[StreamInfo, ...]
    plan: str
    inputs: tuple[str, ...] = ()
    split_bytes: int = 0
    split_s: float = 0.0
    keep_free_bytes: int = 500_000_000


class NodeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One node: what it does, what it binds, what it reads. `lossless` (replay) never drops, it waits."""

    name: str
    robot: str
    body: IngestSpec | EncodeSpec | FuseSpec | EdgeSpec | RecordSpec
    outlets: tuple[OutletSpec, ...]
    inlets: tuple[InletSpec, ...]
    lossless: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run starts. `whole_minute` starts the timeline on one (the simulated robot's script).

    `facts` is JSON of the RunPlan, for a log. `taps` are the outlets that the starting process itself reads
    as the consumer `output`. `state` is the folder where its queries are kept between runs ("": nowhere).
    """

    robot: str
    card: ModelCard
    nodes: tuple[NodeSpec, ...]
    taps: tuple[InletSpec, ...]
    queries: tuple[Query, ...] = ()
    whole_minute: bool = False
    notes: tuple[str, ...] = ()
    facts: str = "{}"
    state: str = ""
