"""The nodes: what each kind of body is run by, and what it needs of a machine."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .edge import Edge
from .encode import Encode
from .fuse import Fuse
from .ingest import Ingest
from .node import Node
from .record import Record
from .spec import EdgeSpec, EncodeSpec, FuseSpec, IngestSpec, NodeSpec, RecordSpec


class Kind(NamedTuple):
    """One row. Ray places by `cpus`: only encoders claim one, so that four nodes fit on two cores."""

    make: Callable[[NodeSpec, Any, int], Node]
    cpus: float
    max_restarts: int


KINDS: dict[type, Kind] = {
    IngestSpec: Kind(lambda spec, body, epoch: Ingest(spec.name, body, epoch), 0, -1),
    EncodeSpec: Kind(lambda spec, body, epoch: Encode(spec.name, body, epoch), 1, -1),
    FuseSpec: Kind(lambda spec, body, epoch: Fuse(spec.name, body, epoch), 0, -1),
    EdgeSpec: Kind(lambda spec, body, epoch: Edge(spec.robot, body, epoch), 0, -1),
    RecordSpec: Kind(lambda spec, body, epoch: Record(spec.name, spec.robot, body, epoch), 0, -1),
}


def make_node(spec: NodeSpec, epoch: int) -> Node:
    """The plain node that a spec describes."""
    return KINDS[type(spec.body)].make(spec, spec.body, epoch)
