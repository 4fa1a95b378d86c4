"""Edge: publishes results to whoever subscribes, and takes what clients ask of the running service."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import zmq

from ..fusion.snapshot import Snapshot as FusionSnapshot
from ..sensors.clock import Clock, Timeline
from ..sensors.sample import End, Progress, Sample, StreamInfo
from .control import Answer, Ask, RunState, Wish, refusals
from .node import Base, Message, Yield
from .spec import EdgeSpec
from .wire.control import Request, answer, make_error, make_reply, make_snapshot
from .wire.endpoints import bind_endpoint, open_gate
from .wire.envelope import encode
from .wire.errors import ControlError
from .wire.fields import MAX_PAYLOAD_BYTES
from .wire.publisher import ResultsPublisher
from .wire.status import QueryStatus, Status
from .wire.verbs import (
    Accepted,
    Describe,
    Description,
    Directory,
    ListQueries,
    Queries,
    Registration,
    Snapshot,
    Unwatch,
    Watch,
)

if TYPE_CHECKING:
    from .wire.curve import Gate

MAX_ASKED = 256
"""How many requests may wait for the supervisor before another is refused."""


class Edge(Base):
    """The only node with fixed endpoints: results (XPUB) and control (ROUTER)."""

    def __init__(self, robot: str, spec: EdgeSpec, epoch: int) -> None:
        self._robot = robot
        self._spec = spec
        self._epoch = epoch
        self._clock: Clock = Timeline(0)
        self._publisher: ResultsPublisher | None = None
        self._control: zmq.Socket[bytes] | None = None
        self._gate: Gate | None = None
        self._directory: dict[str, dict[str, str]] = {}
        self._epochs: dict[str, int] = {}
        self._queries: tuple[QueryStatus, ...] = ()
        self._infos: dict[str, StreamInfo] = {}
        # Not those of an earlier process of this node, whose answers may still come.
        self._ids = count(epoch)
        self._asked: dict[int, tuple[bytes, int, str]] = {}

    def load(self) -> None:
        """Bind the control endpoint, so that one in use is known before anything runs."""
        options: dict[int, int] = {zmq.MAXMSGSIZE: MAX_PAYLOAD_BYTES, zmq.LINGER: 0}
        self._gate = open_gate("control", self._spec.control)
        self._control = bind_endpoint("control", self._spec.control, zmq.ROUTER, options, gate=self._gate)
        self._publisher = ResultsPublisher(
            self._spec.results,
            robot=self._robot,
            control=self._control.getsockopt_string(zmq.LAST_ENDPOINT),
            epoch=self._epoch,
            clock=self._clock,
        )

    def begin(self, state: RunState, clock: Clock) -> None:
        """Publish what the streams are."""
        if isinstance(self._clock, Timeline):
            self._clock.offset_ns = state.offset_ns
        self._clock = clock
        self._tell_infos(self._spec.infos)

    def _tell_infos(self, infos: Sequence[StreamInfo]) -> None:
        """Publish what streams are, each time it is another."""
        for info in infos:
            if self._infos.get(info.stream) != info:
                self._infos[info.stream] = info
                self._publish(info)

    def receive(self, message: Message) -> Yield:
        """Publish a result; progress is for nodes only."""
        if not isinstance(message, (Progress, End, Sample, FusionSnapshot)):
            trace = getattr(message, "trace", None)
            if trace:
                trace = trace | {"publish": self._clock.now_ns()}
                message = msgspec.structs.replace(message, trace=trace)
            self._publish(message)
        return iter(())

    def obey(self, wish: Wish) -> Yield:
        """Publish the status; pass the supervisor's answers on; keep the directory for who asks."""
        match wish:
            case Status():
                self._queries = wish.queries
                self._epochs = {node.name: node.epoch for node in wish.nodes}
                self._publish(wish)
            case RunState():
                self._directory = wish.directory
                self._tell_infos(wish.infos)
            case Answer() if wish.id in self._asked:
                peer, request_id, name = self._asked.pop(wish.id)
                accepted = Accepted(name=name, note=wish.note)
                reply = make_error(request_id, wish.error) if wish.error else make_reply(request_id, accepted)
                self._reply(peer, reply)
            case _:
                pass
        return iter(())

    def sockets(self) -> Mapping["zmq.Socket[bytes]", Callable[[], Yield]]:
        if self._publisher is None or self._control is None:
            return {}
        return {self._publisher.socket: self._greet, self._control: self._serve}

    def close(self) -> None:
        """Close both endpoints; what is queued has half a second to leave."""
        if self._publisher is not None:
            self._publisher.close()
        if self._control is not None:
            self._control.close()
        if self._gate is not None:
            self._gate.close()

    def report(self) -> dict[str, Any]:
        gates = [gate for gate in (self._gate, self._publisher and self._publisher.gate) if gate]
        return {"produced": refusals(gates, self._epoch)}

    @property
    def done(self) -> bool:
        return True

    def _greet(self) -> Yield:
        if self._publisher is not None:
            self._publisher.on_readable()
        return iter(())

    def _serve(self) -> Yield:
        """Answer what is known here; ask the supervisor for the rest."""
        asks: list[Ask] = []
        while self._control is not None and self._control.poll(0):
            peer, *frames = self._control.recv_multipart(copy=False)
            reply = answer(
                [frame.bytes for frame in frames],
                lambda request, peer=peer.bytes, sender=frames[-1]: (
                    self._check(request, sender) or self._handle(peer, request, asks)
                ),
            )
            if reply:
                self._reply(peer.bytes, reply)
        return iter(asks)

    def _check(self, request: Request, sender: zmq.Frame) -> None:
        """Whether whoever sent it may ask that. Raises SixsenseError."""
        if self._gate is None:
            return
        name, grant = self._gate.user(sender)
        if not grant.may_ask(request.verb):
            self._gate.refuse(name, request.verb)
            raise ControlError(
                f"{name} may not ask {request.verb}:"
                f" `sixsense keys allow {name} '{grant.key}' --verbs ...` on the robot"
            )

    def _handle(self, peer: bytes, request: Request, asks: list[Ask]) -> list[bytes]:
        match request.body:
            case Snapshot():
                messages = self._publisher.snapshot(request.body.topics) if self._publisher else []
                return make_snapshot(request.id, messages)
            case Watch():
                asked = Ask(id=next(self._ids), query=request.body.query, keep=request.body.keep)
                return self._ask(peer, request.id, asks, asked)
            case Unwatch():
                return self._ask(peer, request.id, asks, Ask(id=next(self._ids), name=request.body.name))
            case Describe():
                return make_reply(request.id, self._description())
            case ListQueries():
                return make_reply(request.id, Queries(queries=self._queries))
            case _:
                nodes = tuple(
                    Registration(node=f"{node}/{traffic}", epoch=self._epochs.get(node, 0), endpoint=endpoint)
                    for node, endpoints in self._directory.items()
                    for traffic, endpoint in endpoints.items()
                )
                return make_reply(request.id, Directory(nodes=nodes))

    def _description(self) -> Description:
        """What a recorder that joins puts first into its log."""
        return Description(
            robot=self._robot,
            offset_ns=self._clock.offset_ns if isinstance(self._clock, Timeline) else 0,
            streams=tuple(self._infos.values()),
            plan=np.frombuffer(self._spec.plan.encode(), np.uint8),
        )

    def _ask(self, peer: bytes, request_id: int, asks: list[Ask], ask: Ask) -> list[bytes]:
        if len(self._asked) >= MAX_ASKED:
            return make_error(request_id, f"{MAX_ASKED} requests are waiting already: try again in a second")
        self._asked[ask.id] = peer, request_id, ask.query.name if ask.query else ask.name
        asks.append(ask)
        return []

    def _reply(self, peer: bytes, frames: Sequence[bytes]) -> None:
        if self._control is not None:
            self._control.send_multipart([peer, *frames])

    def _publish(self, message: msgspec.Struct) -> None:
        if self._publisher is not None:
            self._publisher.publish(encode(message, robot=self._robot))
