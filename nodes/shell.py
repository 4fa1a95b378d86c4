"""Shell: the loop around a node. It owns the node's sockets and clock, and is the only place with both."""

import logging
import math
import os
import resource
import socket
import time
from typing import cast

import zmq

from ..sensors.clock import Timeline
from ..sensors.errors import SixsenseError
from ..sensors.sample import Sample
from .control import (
    MAX_REASON,
    Embed,
    Failed,
    Register,
    Report,
    RunState,
    Wish,
    Word,
    pack,
    unpack,
    without_outdated,
)
from .link import CREDIT, GATHER_S, Inlet, Outlet
from .node import Message, Node, Yield, route
from .ring import Ring
from .spec import InletSpec, NodeSpec, TrafficClass
from .wire.envelope import decode, encode

log = logging.getLogger(__name__)
HEARTBEAT_S = 0.2
BATCH = 32
"""How many messages an inlet or a source gives before the others and the clock have their turn."""


class Shell:
    """Registers the node, follows the directory, moves messages, reports, until the run is over.

    In replay it reads no more while one of its own rings has no room: a slow reader slows the whole chain,
    and nothing is lost. `alone` says that the process is this node's own.
    """

    def __init__(
        self, node: Node, spec: NodeSpec, supervisor: str, epoch: int, directory: str, *, alone: bool
    ) -> None:
        self._node, self._spec, self._epoch = node, spec, epoch
        self._alone = alone
        self._whose_cpu = resource.RUSAGE_SELF if alone else resource.RUSAGE_THREAD
        self._context = zmq.Context()
        self._control = self._context.socket(zmq.DEALER)
        self._control.setsockopt(zmq.LINGER, 1000)
        self._control.connect(supervisor)
        self._directory = directory
        self._outlets: dict[TrafficClass, Outlet] = {}
        self._inlets: dict[InletSpec, Inlet] = {}
        self._modalities = {
            info.stream: info.modality for s in getattr(spec.body, "sources", ()) for info in s.streams
        }
        self._clock = Timeline(0)
        self._begun = self._over = False
        # In replay everybody waits for the slowest.
        self._gathered = node.unhurried and not spec.lossless
        self._since_ns, self._reported_s, self._cpu_before_s = 0, 0.0, 0.0

    def run(self) -> bool:
        """Run until the supervisor says that it is over. False: it crashed, and was reported."""
        try:
            self._bind()
            self._register()
            self._node.load()
            self._report()
            while not self._over:
                self._turn()
            self._report()
            return True
        except SixsenseError as error:
            self._fail(str(error), fatal=True)
            return True
        except Exception as error:
            log.exception("node %s", self._spec.name)
            self._fail(f"node {self._spec.name}: {type(error).__name__}: {error}", fatal=self._is_fatal)
            return False
        finally:
            self._close()

    @property
    def _is_fatal(self) -> bool:
        """Whether a crash ends the run: in replay, before it began, and where nobody starts a node again."""
        return self._spec.lossless or not self._alone or not self._begun

    def _turn(self) -> None:
        """One round: wait for something, then serve each socket, the node's own time, and the heartbeat."""
        if self._begun and self._gathered and not self._pending:
            # What the senders gathered comes at different moments: one turn takes it all.
            time.sleep(GATHER_S)
        self._wait()
        self._obey_all()
        for outlet in self._outlets.values():
            outlet.on_readable()
            if outlet.joined and self._begun:
                outlet.joined = False
                self._emit(self._node.greet())
        if self._begun:
            for spec, inlet in self._inlets.items():
                self._drain(spec, inlet)
            for own, readable in self._node.sockets().items():
                if own.poll(0):
                    self._emit(readable())
            if self._room:
                self._emit(self._node.wake())
        if time.monotonic() - self._reported_s >= HEARTBEAT_S:
            self._report()

    def _wait(self) -> None:
        poller = zmq.Poller()
        poller.register(self._control, zmq.POLLIN)
        for outlet in self._outlets.values():
            poller.register(outlet.socket, zmq.POLLIN)
        room = self._room
        if self._begun:
            for own in self._node.sockets():
                poller.register(own, zmq.POLLIN)
        if self._begun and room:
            for inlet in self._inlets.values():
                poller.register(inlet.socket, zmq.POLLIN)
        poller.poll(math.ceil(self._timeout_ms(room)))

    def _timeout_ms(self, room: bool) -> float:
        if self._pending:
            return 0.0
        until_heartbeat = HEARTBEAT_S - (time.monotonic() - self._reported_s)
        timeout = max(0.0, until_heartbeat * 1000)
        wake_ns = self._node.next_wake_ns() if self._begun and room else None
        if wake_ns is not None:
            timeout = min(timeout, max(0.0, (wake_ns - self._clock.now_ns()) / 1e6))
        return timeout

    @property
    def _pending(self) -> bool:
        return any(inlet.pending for inlet in self._inlets.values())

    @property
    def _room(self) -> bool:
        return all(outlet.ring.room for outlet in self._outlets.values())

    def _drain(self, spec: InletSpec, inlet: Inlet) -> int:
        """Hand over what has arrived, while there is room for what follows from it; how much that was."""
        taken = 0
        while taken < BATCH and self._room and (frames := inlet.receive()) is not None:
            self._emit(self._node.receive_from(spec, cast(Message, decode(frames)[1])))
            taken += 1
        # Live, an acknowledgement for each message would cost both sides as much as the message did.
        inlet.acknowledge(1 if self._spec.lossless or self._gathered else CREDIT[spec.traffic] // 2)
        return taken

    def _emit(self, messages: Yield) -> None:
        """Send what the node yields; leave a source when there is no room, or after a batch of samples."""
        samples = 0
        for message in messages:
            if isinstance(message, Word):
                self._send(message)
                continue
            traffic, stream, stamp_ns, items = route(message, self._modalities)
            self._outlets[traffic].put(stream, stamp_ns, items, encode(message, robot=self._spec.robot))
            samples += isinstance(message, Sample)
            if isinstance(message, Sample) and (samples >= BATCH or not self._room):
                return

    def _obey_all(self) -> None:
        """What the supervisor wishes by now: clients who add hundreds of queries at once hold nothing up."""
        wishes: list[Wish] = []
        while self._control.poll(0):
            wishes.append(cast(Wish, unpack(self._control.recv_multipart())))
        for wish in without_outdated(wishes):
            self._obey(wish)

    def _obey(self, wish: Wish) -> None:
        if isinstance(wish, RunState):
            if wish.go and not self._begun:
                self._clock = Timeline(wish.offset_ns)
                self._since_ns, self._cpu_before_s = self._clock.now_ns(), self._cpu_s()
                self._node.begin(wish, self._clock)
                self._begun = True
            self._follow(wish)
            self._over = wish.over
        if self._begun or isinstance(wish, Embed):
            self._emit(self._node.obey(wish))

    def _follow(self, state: RunState) -> None:
        """Connect to each outlet that this node reads where the directory says it is now."""
        for wanted in self._spec.inlets:
            endpoint = state.directory.get(wanted.node, {}).get(wanted.traffic)
            current = self._inlets.get(wanted)
            if endpoint is None or (current is not None and current.endpoint == endpoint):
                continue
            if current is not None:
                # What a sender that died had sent is still here.
                while self._drain(wanted, current):
                    pass
                current.close()
            self._inlets[wanted] = Inlet(self._context, endpoint, self._spec.name, gathered=self._gathered)

    def _bind(self) -> None:
        for outlet in self._spec.outlets:
            endpoint = f"ipc://{self._directory}/{self._spec.name}-{outlet.traffic}-{self._epoch:x}"
            ring = Ring(outlet.consumers, keep_s=outlet.keep_s, lossless=self._spec.lossless)
            self._outlets[outlet.traffic] = Outlet(self._context, endpoint, ring, CREDIT[outlet.traffic])

    def _register(self) -> None:
        endpoints = {traffic: outlet.endpoint for traffic, outlet in self._outlets.items()}
        self._send(
            Register(
                name=self._spec.name,
                epoch=self._epoch,
                pid=os.getpid(),
                host=socket.gethostname(),
                endpoints=endpoints,
            )
        )

    def _report(self) -> None:
        dropped = {
            consumer: dict(counts)
            for outlet in self._outlets.values()
            for consumer, counts in outlet.ring.dropped().items()
            if counts
        }
        for inlet in self._inlets.values():
            inlet.acknowledge()
        idle = all(outlet.idle for outlet in self._outlets.values())
        fields = self._node.report() if self._begun else {}
        dropped |= fields.pop("dropped", {})
        self._send(
            Report(
                name=self._spec.name,
                epoch=self._epoch,
                done=self._node.done and idle,
                cpu_s=self._cpu_s() - self._cpu_before_s,
                since_ns=self._since_ns,
                dropped=dropped,
                **fields,
            )
        )
        self._reported_s = time.monotonic()

    def _fail(self, message: str, *, fatal: bool) -> None:
        self._send(Failed(name=self._spec.name, epoch=self._epoch, message=message[:MAX_REASON], fatal=fatal))

    def _cpu_s(self) -> float:
        usage = resource.getrusage(self._whose_cpu)
        return usage.ru_utime + usage.ru_stime

    def _send(self, message: Word) -> None:
        self._control.send_multipart(pack(message))

    def _close(self) -> None:
        self._node.close()
        for inlet in self._inlets.values():
            inlet.close()
        for outlet in self._outlets.values():
            outlet.close()
        self._control.close()
        self._context.term()
