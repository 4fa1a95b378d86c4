"""Status: what the whole service knows of itself, published once a second and once at the end."""

from typing import Literal

import msgspec

from ...sensors.liveness import Change, SensorStatus

NodeState = Literal["STARTING", "RUNNING", "STALE", "DOWN", "DONE", "FAILED"]


class StreamCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Items of one stream: `produced = received + lost`, `received = windowed + skipped + late + dropped +
    pending`. The dictionaries are by cause; `unread` is what the source itself could not read (a corrupt
    packet), `since_ns` when the receiving node began to count."""

    modality: str
    unit: Literal["frame", "pcm", "row"]
    unread: dict[str, int] = {}
    produced: int = 0
    received: int = 0
    lost_in_transport: dict[str, int] = {}
    windowed: int = 0
    skipped: dict[str, int] = {}
    late: int = 0
    dropped: dict[str, int] = {}
    pending: int = 0
    since_ns: int = 0


class WindowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Windows of one input: `closed = embedded + reused + none + pending`, `none` by cause."""

    modality: str
    closed: int = 0
    embedded: int = 0
    reused: int = 0
    none: dict[str, int] = {}
    pending: int = 0


class TickCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Ticks of fusion: how many, over which span, how they closed, how many had no vector."""

    fused: int = 0
    complete: int = 0
    deadline: int = 0
    empty: int = 0
    first_ns: int = 0
    last_ns: int = 0
    events: int = 0


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One node: which process, since when, how it is, what of its output consumers lost by cause."""

    name: str
    state: NodeState
    epoch: int = 0
    pid: int = 0
    host: str = ""
    heartbeat_ns: int = 0
    restarts: int = 0
    cpu_s: float = 0.0
    dropped: dict[str, int] = {}


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A node was away from `from_ns` until `until_ns` (0 while it still is)."""

    node: str
    from_ns: int
    until_ns: int
    cause: str


class QueryStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A standing query and the first tick it was matched in (0 until then).

    It looks at `modalities` of this run, and at those `inputs` alone if it names any. `background_h` hours of
    its background were seen; `at_most_per_h` is the rate it asks for, if any.
    """

    name: str
    since_ns: int
    modalities: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    note: str = ""
    background_h: float = 0.0
    at_most_per_h: float | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The service at `stamp_ns` of the run's timeline.

    `sensors` are the live streams; `changes` their transitions since the status before, each in one status,
    which is then published at once.

    `latency_ms` is by stage: median and 99th percentile. `trace` is as in every message.
    """

    robot: str
    epoch: int
    seq: int
    stamp_ns: int
    final: bool
    model: str
    space_id: str
    streams: dict[str, StreamCounts]
    windows: dict[str, WindowCounts]
    ticks: TickCounts
    nodes: tuple[NodeStatus, ...]
    outages: tuple[Outage, ...] = ()
    queries: tuple[QueryStatus, ...] = ()
    latency_ms: dict[str, tuple[float, float]] = {}
    notes: tuple[str, ...] = ()
    sensors: dict[str, SensorStatus] = {}
    changes: tuple[Change, ...] = ()
    trace: dict[str, int] = {}
