"""Node: a plain class with no threads or Ray in it. A shell gives it messages, wishes and a clock."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import zmq

from ..encoders.embedding import Embedding, Missing
from ..fusion.fused import Fused, Labels, Match
from ..fusion.snapshot import Snapshot
from ..sensors.clock import Clock
from ..sensors.modalities import MODALITIES
from ..sensors.sample import NEVER_NS, End, Progress, Sample
from .control import RunState, Wish, Word
from .spec import InletSpec, TrafficClass

Message = Sample | Progress | End | Embedding | Missing | Fused | Labels | Match | Snapshot
Yield = Iterator[Message | Word]


class Node(Protocol):
    """The life of a node: load, begin, then receive, obey and wake until done."""

    def load(self) -> None:
        """Do what takes long (open, import, read weights); messages and time come after."""
        ...

    def begin(self, state: RunState, clock: Clock) -> None:
        """The run starts, or this node joins it again."""
        ...

    def receive_from(self, inlet: InletSpec, message: Message) -> Yield:
        """Take one message of another node's outlet; yield what follows from it."""
        ...

    def obey(self, wish: Wish) -> Yield:
        """Take what the supervisor wants; yield what follows, answers included."""
        ...

    def wake(self) -> Yield:
        """Time has passed: yield what is due. The shell may stop after a Sample and wake the node again."""
        ...

    def greet(self) -> Yield:
        """A guest has begun to read: yield what it needs first."""
        ...

    def next_wake_ns(self) -> int | None:
        """When `wake` is worth calling again, if nothing arrives before."""
        ...

    def sockets(self) -> Mapping["zmq.Socket[bytes]", Callable[[], Yield]]:
        """Sockets of the node's own, and what to call when one is readable."""
        ...

    def close(self) -> None:
        """Let go of sockets and devices."""
        ...

    @property
    def unhurried(self) -> bool:
        """Nobody waits for what this node does: it may take messages a few at a time, which costs less."""
        ...

    @property
    def done(self) -> bool:
        """Nothing more will come of this node."""
        ...

    def report(self) -> dict[str, Any]:
        """The fields of a Report that this kind of node knows."""
        ...


class Base:
    """What most nodes do with most of a life: nothing."""

    unhurried = False

    def load(self) -> None:
        """Nothing takes long."""

    def receive_from(self, inlet: InletSpec, message: Message) -> Yield:  # noqa: ARG002
        """Most nodes take a message the same wherever it comes from."""
        return self.receive(message)

    def receive(self, message: Message) -> Yield:
        raise TypeError(f"{type(self).__name__} does not take {type(message).__name__}")

    def obey(self, wish: Wish) -> Yield:  # noqa: ARG002
        return iter(())

    def wake(self) -> Yield:
        return iter(())

    def greet(self) -> Yield:
        return iter(())

    def next_wake_ns(self) -> int | None:
        return None

    def sockets(self) -> Mapping["zmq.Socket[bytes]", Callable[[], Yield]]:
        return {}

    def close(self) -> None:
        """Nothing to let go of."""

    def report(self) -> dict[str, Any]:
        return {}


def route(message: Message, modalities: Mapping[str, str]) -> tuple[TrafficClass, str, int | None, int]:
    """Where a message goes: traffic class, stream, event time (None: now), items lost if it is dropped."""
    match message:
        case Sample():
            return MODALITIES[message.modality].traffic, message.stream, message.end_ns, message.items
        case Progress() | End():
            modality = modalities.get(message.stream)
            traffic: TrafficClass = MODALITIES[modality].traffic if modality else "results"
            stamp_ns = message.t_ns if isinstance(message, Progress) else NEVER_NS
            return traffic, message.stream, stamp_ns if stamp_ns > NEVER_NS else None, 0
        case Embedding() | Missing():
            return "results", message.input, message.end_ns, 1
        case Snapshot():
            return "results", "fused", None, 0
        case Fused() | Labels() | Match():
            return "results", "fused", message.stamp_ns, 1
