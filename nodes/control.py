"""What nodes and the supervisor tell each other: registration, reports, and the state a run should be in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ..encoders.track import Ledger
from ..fusion.query import Query, Standing, Term
from ..sensors.liveness import Change, SensorStatus
from ..sensors.sample import StreamInfo
from .wire.errors import WireError
from .wire.fields import VERSION, from_fields, unpack_header
from .wire.fields import pack as pack_fields
from .wire.status import QueryStatus, Status, TickCounts, WindowCounts

if TYPE_CHECKING:
    from .wire.curve import Gate


MAX_REASON = 4000
"""How many characters of a text for a person travel: errors may quote whatever they were given."""


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """A node's process is up: where its outlets are, by traffic class."""

    name: str
    epoch: int
    pid: int
    host: str
    endpoints: dict[str, str]


class StreamLedger(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer's account of one stream in one epoch."""

    stream: str
    epoch: int
    ledger: Ledger


class Produced(msgspec.Struct, frozen=True, kw_only=True):
    """A source's own count of one stream in one epoch, and what it lost while reading, by cause.

    `unsent` is what of `items` never left the source, by cause.
    """

    stream: str
    epoch: int
    items: int
    causes: dict[str, int]
    unsent: dict[str, int] = {}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A heartbeat: how a node is and everything it has counted since it joined the run (CPU too)."""

    name: str
    epoch: int
    done: bool
    cpu_s: float
    since_ns: int
    dropped: dict[str, dict[str, int]] = {}
    produced: tuple[Produced, ...] = ()
    ledgers: tuple[StreamLedger, ...] = ()
    windows: dict[str, WindowCounts] = {}
    ticks: TickCounts | None = None
    queries: tuple[QueryStatus, ...] = ()
    latency_ms: dict[str, tuple[float, float]] = {}
    sensors: dict[str, SensorStatus] = {}


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Transitions of live streams, said as soon as they are seen; `infos` where a device that was opened
    knows more of its streams than the plan."""

    name: str
    epoch: int
    changes: tuple[Change, ...] = ()
    infos: tuple[StreamInfo, ...] = ()


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a fuse node needs to go on after a tick (JSON), told before the tick is: none is told twice."""

    name: str
    epoch: int
    state: np.ndarray


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A node gives up: what happened, for a person; `fatal` where starting it again cannot help."""

    name: str
    epoch: int
    message: str
    fatal: bool


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor wants: complete in itself, sent to every node whenever it changes.

    `go` starts the run, `stop` asks its sources to end, `over` says that everything has come through; while
    `paused`, a replay reads nothing.

    `directory` is by node, then traffic class; `restarts` by node. `queries_version` tells a fuse node
    whether it has these queries already: without their terms, their vectors the rows of `vectors`,
    float32 (n, dim). `checkpoint` is the fuse node's last, for one that starts anew. `infos` are the streams
    of which a device, when it was opened, knew more than the plan.
    """

    go: bool
    offset_ns: int
    start_ns: int
    stop: bool = False
    over: bool = False
    paused: bool = False
    directory: dict[str, dict[str, str]] = {}
    restarts: dict[str, int] = {}
    queries_version: int = 0
    queries: tuple[Query, ...] = ()
    mixes: tuple[tuple[tuple[str, float], ...], ...] = ()
    space_id: str = ""
    vectors: np.ndarray = msgspec.field(default_factory=lambda: np.zeros((0, 0), np.float32))
    checkpoint: np.ndarray = msgspec.field(default_factory=lambda: np.zeros(0, np.uint8))
    infos: tuple[StreamInfo, ...] = ()

    def standing(self) -> list[Standing]:
        """The queries with their vectors."""
        rows = zip(self.queries, self.mixes, self.vectors, strict=True)
        return [Standing(query=q, mix=m, space_id=self.space_id, vector=v) for q, m, v in rows]


class Embed(msgspec.Struct, frozen=True, kw_only=True):
    """Supervisor to an encode node: give this query its vector."""

    id: int
    query: Query


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """An encode node's answer: the query with its vector, or why there is none.

    `resolved` are the vectors of its terms that were moments, in their order: they will not come again.
    """

    id: int
    standing: Standing | None
    error: str = ""
    resolved: tuple[Term, ...] = ()


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """The edge passes on what a client asks: to watch `query` (`keep`: in later runs too), or to stop
    watching `name`."""

    id: int
    query: Query | None = None
    name: str = ""
    keep: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The supervisor's answer to an Ask: why not, or what to know about it."""

    id: int
    error: str = ""
    note: str = ""


Word = Register | Report | Changed | Checkpoint | Failed | Embedded | Ask
"""What nodes say to the supervisor."""
Wish = RunState | Embed | Answer | Status
"""What the supervisor says to nodes."""
Outbox = list[tuple[str, Wish]]
"""What is to be sent, and to which node."""

MESSAGES: dict[str, type[msgspec.Struct]] = {
    t.__name__: t
    for t in (Register, Report, Changed, Checkpoint, Failed, Embedded, Ask, RunState, Embed, Answer, Status)
}


def without_outdated(wishes: Sequence[Wish]) -> list[Wish]:
    """Of what waits to be obeyed, all but states that a newer one follows: each is complete in itself."""
    newest = next((wish for wish in reversed(wishes) if isinstance(wish, RunState)), None)
    return [wish for wish in wishes if wish is newest or not isinstance(wish, RunState)]


def refusals(gates: "Sequence[Gate]", epoch: int) -> tuple[Produced, ...]:
    """What endpoints refused, as a report tells it: counts of no stream, which become notes of the status."""
    causes = {what: count for gate in gates for what, count in list(gate.refused.items())}
    return (Produced(stream="refused", epoch=epoch, items=0, causes=causes),) if causes else ()


def pack(message: Word | Wish) -> list[bytes]:
    """The frames of one of MESSAGES."""
    payloads: list[bytes] = []
    header = pack_fields({"v": VERSION, "word": type(message).__name__}, message, payloads)
    return [header, *payloads]


def unpack(frames: Sequence[bytes]) -> msgspec.Struct:
    """One of MESSAGES from its frames. Raises WireError for anything else."""
    header = unpack_header(frames, 0)
    type_ = MESSAGES.get(str(header.get("word")))
    if type_ is None:
        raise WireError(f"unknown control message {str(header.get('word'))[:40]!r}")
    return from_fields(type_, header, frames[1:])
