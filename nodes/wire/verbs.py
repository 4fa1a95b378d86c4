"""The table of what a client can ask of a running service, and the fields of each request and reply."""

from typing import NamedTuple

import msgspec
import numpy as np

from ...fusion.query import Query
from ...sensors.sample import StreamInfo
from .status import QueryStatus


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for the newest message of each topic; `topics` as in `parse_pattern`, none meaning all."""

    topics: tuple[str, ...] = ()


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """The reply's payloads are messages one after the other, of so many frames each."""

    frames: tuple[int, ...]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Add a standing query; it takes effect at the first tick not yet open. `keep`: in later runs too."""

    query: Query
    keep: bool = False


class Unwatch(msgspec.Struct, frozen=True, kw_only=True):
    """Remove the standing query of this name."""

    name: str


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The query that was added or removed, and what to know about it."""

    name: str
    note: str = ""


class ListQueries(msgspec.Struct, frozen=True, kw_only=True):
    """Ask which queries are standing."""


class Queries(msgspec.Struct, frozen=True, kw_only=True):
    """The standing queries."""

    queries: tuple[QueryStatus, ...]


class ListNodes(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for the directory."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A node's endpoint; `epoch` is new at every start of the node."""

    node: str
    epoch: int
    endpoint: str


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Every node that has registered, newest epoch only."""

    nodes: tuple[Registration, ...]


class Describe(msgspec.Struct, frozen=True, kw_only=True):
    """Ask what a recorder must know of the run."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """The run: its streams, this machine's monotonic clock to its timeline, its plan as JSON, uint8 (n,)."""

    robot: str
    offset_ns: int
    streams: tuple[StreamInfo, ...]
    plan: np.ndarray


class Verb(NamedTuple):
    """One row: the fields of a request, and of its reply."""

    request: type[msgspec.Struct]
    reply: type[msgspec.Struct]


VERBS = {
    "snapshot": Verb(Snapshot, Messages),
    "watch": Verb(Watch, Accepted),
    "unwatch": Verb(Unwatch, Accepted),
    "queries": Verb(ListQueries, Queries),
    "describe": Verb(Describe, Description),
    "directory": Verb(ListNodes, Directory),
}
VERB_OF = {row.request: name for name, row in VERBS.items()}
