"""Intake: the robot's endpoint for sensors on other machines, a ROUTER that its node polls."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import zmq

from ..sensors.clock import Clock, ManualClock
from ..sensors.errors import SixsenseError
from ..sensors.liveness import Change, SensorStatus
from ..sensors.sample import NS, End, Progress, Sample, StreamInfo
from .control import MAX_REASON, Produced, refusals
from .packed import unpacked
from .remote import Remote
from .spec import SourceSpec
from .wire.endpoints import bind_endpoint, open_gate
from .wire.envelope import decode
from .wire.errors import WireError
from .wire.fields import MAX_PAYLOAD_BYTES
from .wire.ingest import Ack, Answered, Ask, Begin, Counts, Data, Join, Refused, Tell, Welcome, pack, unpack

if TYPE_CHECKING:
    from .wire.curve import Gate

REMOTE = "remote"
"""The driver whose sources come this way."""
FORGET_NS = 10 * NS
"""A connection on which nothing comes for so long is over."""
BATCH = 64
"""How many messages are taken before the node's clock has its turn."""


class _Peer:
    """One connection that has joined."""

    def __init__(self, remote: Remote, join: Join, now_ns: int) -> None:
        self.remote, self.join, self.heard_ns = remote, join, now_ns
        self.welcomed = self.begun = False
        self.upto = 0


class Intake:
    """`load` binds, `begin` starts; then `on_readable` and `tick` yield what sensors sent, on the timeline.

    Raises WireError where it cannot be bound, or keys are needed and missing.
    """

    def __init__(self, endpoint: str, sources: Sequence[SourceSpec], epoch: int) -> None:
        self._endpoint, self._sources, self._epoch = endpoint, sources, epoch
        self._keys = {spec.options["name"]: spec.options.get("key", "") for spec in sources}
        self._remotes: dict[str, Remote] = {}
        self._peers: dict[bytes, _Peer] = {}
        self._refined: list[StreamInfo] = []
        self._clock: Clock = ManualClock()
        self._run_ns = 0
        self._gate: Gate | None = None
        self.malformed = 0

    def load(self) -> None:
        """Bind, so that an endpoint in use is known before anything runs."""
        options: dict[int, int] = {
            zmq.MAXMSGSIZE: MAX_PAYLOAD_BYTES,
            zmq.LINGER: 0,
            zmq.SNDHWM: 0,
            # Nobody else would notice that a machine was switched off.
            zmq.HEARTBEAT_IVL: 2000,
            zmq.HEARTBEAT_TIMEOUT: 10_000,
        }
        self._gate = open_gate("ingest", self._endpoint, asked=any(self._keys.values()))
        self.socket = bind_endpoint("ingest", self._endpoint, zmq.ROUTER, options, gate=self._gate)
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def begin(self, clock: Clock, run_ns: int) -> None:
        """The run, which began at `run_ns`, starts, or this node joins it again."""
        self._clock, self._run_ns = clock, run_ns
        now_ns = clock.now_ns()
        for spec in self._sources:
            name = spec.options["name"]
            self._remotes[name] = Remote(name, spec.streams, self._epoch, now_ns)

    def end_at(self, until_ns: int) -> None:
        """The run ends then."""
        for remote in self._remotes.values():
            remote.end_at(until_ns)

    def on_readable(self) -> Iterator[Sample | Progress | End]:
        """Take what has arrived, acknowledge it, and ask or greet whoever is due."""
        heard: set[bytes] = set()
        for _ in range(BATCH):
            if not self.socket.poll(0):
                break
            identity, *frames = self.socket.recv_multipart(copy=False)
            peer = identity.bytes
            try:
                yield from self._take(peer, frames)
                heard.add(peer)
            except WireError as error:
                self.malformed += 1
                self._peers.pop(peer, None)
                self._send(peer, Refused(reason=str(error)[:MAX_REASON]))
        self._serve(heard)

    def tick(self) -> Iterator[Progress | End]:
        """Time has passed."""
        now_ns = self._clock.now_ns()
        self._peers = {i: p for i, p in self._peers.items() if now_ns - p.heard_ns < FORGET_NS}
        self._serve(())
        for remote in self._remotes.values():
            yield from remote.tick(now_ns)

    def changes(self) -> tuple[tuple[Change, ...], tuple[StreamInfo, ...]]:
        """Transitions of streams, and those known better, since the last call."""
        changes = tuple(change for remote in self._remotes.values() for change in remote.changes())
        infos, self._refined = tuple(self._refined), []
        return changes, infos

    @property
    def done(self) -> bool:
        return all(remote.done for remote in self._remotes.values())

    def produced(self) -> tuple[Produced, ...]:
        own = tuple(count for remote in self._remotes.values() for count in remote.produced())
        return own + refusals([self._gate] if self._gate else [], self._epoch)

    def status(self) -> dict[str, SensorStatus]:
        now_ns = self._clock.now_ns()
        return {s: status for r in self._remotes.values() for s, status in r.status(now_ns).items()}

    def close(self) -> None:
        if hasattr(self, "socket"):
            self.socket.close()
        if self._gate:
            self._gate.close()

    def _take(self, identity: bytes, frames: Sequence[zmq.Frame]) -> Iterator[Sample | Progress | End]:
        now_ns = self._clock.now_ns()
        message, peer = unpack([frame.bytes for frame in frames]), self._peers.get(identity)
        if isinstance(message, Join):
            self._join(identity, message, frames[-1], now_ns)
            return
        if peer is None:
            return
        peer.heard_ns = now_ns
        peer.remote.heard(peer.join, now_ns)
        match message:
            case Tell():
                peer.remote.told(message, now_ns)
            case Begin() if peer.welcomed:
                peer.remote.begin(message, peer.join, now_ns)
                peer.begun = True
            case Counts():
                peer.remote.count(message)
            case Data() if peer.begun:
                peer.upto = message.number + 1
                yield from peer.remote.take(self._checked(peer, message, frames[-1]), now_ns)
            case _:
                pass

    def _join(self, identity: bytes, join: Join, frame: zmq.Frame, now_ns: int) -> None:
        """A connection says whose it is; the one before of the same is forgotten. Raises WireError."""
        remote = self._remotes.get(join.sensor)
        if remote is None:
            known = ", ".join(self._remotes)
            raise WireError(f"the robot has no remote [[sensor]] {join.sensor[:64]!r}; it has {known}")
        for info in join.streams:
            self._authorise(join.sensor, info.stream, frame)
        remote.check(join)
        same = (join.sensor, join.traffic)
        self._peers = {i: p for i, p in self._peers.items() if (p.join.sensor, p.join.traffic) != same}
        self._peers[identity] = _Peer(remote, join, now_ns)
        self._refined += remote.joined(join, now_ns)

    def _checked(self, peer: _Peer, data: Data, frame: zmq.Frame) -> Sample | Progress | End:
        """The message in data, of a stream that this connection may publish. Raises WireError."""
        message = decode(unpacked(data.frames) if data.packed else data.frames)[1]
        if not isinstance(message, (Sample, Progress, End)):
            raise WireError(f"a sensor sends samples, progress and ends, and no {type(message).__name__}")
        if message.stream not in {info.stream for info in peer.join.streams}:
            if self._gate:
                self._gate.refuse(peer.join.sensor, f"stream {message.stream}")
            raise WireError(f"{peer.join.sensor} did not join with the stream {message.stream!r}")
        self._authorise(peer.join.sensor, message.stream, frame)
        return message

    def _authorise(self, sensor: str, stream: str, frame: zmq.Frame) -> None:
        """Whether the key that sent a frame may publish a stream as this sensor. Raises WireError."""
        if self._gate is None:
            return
        name, grant = self._gate.user(frame)
        wanted = self._keys.get(sensor) or name
        if name != wanted or not grant.may_publish(stream):
            self._gate.refuse(name, f"stream {stream}")
            raise WireError(
                f"the key {name} may not publish {stream} as {sensor}: `sixsense keys allow {name}"
                f" '{grant.key}' --streams ...` on the robot, and its name as `key` of that [[sensor]]"
            )

    def _serve(self, heard: Collection[bytes]) -> None:
        """Acknowledge what came, ask clocks that are due, welcome who can begin."""
        now_ns = self._clock.now_ns()
        for identity in heard:
            if (peer := self._peers.get(identity)) and peer.begun and peer.upto:
                self._send(identity, Ack(upto=peer.upto))
        for identity, peer in self._peers.items():
            if self._probes(peer) and peer.remote.wants_probe(now_ns):
                self._send(identity, Ask(t0=now_ns))
            estimate = None if peer.welcomed else peer.remote.estimate(now_ns)
            if estimate is not None:
                peer.welcomed = True
                from_ns = self._run_ns - estimate.offset_ns
                self._send(identity, Welcome(run=self._run_ns, epoch=now_ns, from_ns=from_ns))

    def _probes(self, peer: _Peer) -> bool:
        """One connection of a sensor is asked for its clock: that without pictures, where it has one."""
        traffics = {p.join.traffic for p in self._peers.values() if p.remote is peer.remote}
        return peer.join.traffic == min(traffics)

    def _send(self, identity: bytes, message: Answered) -> None:
        try:
            self.socket.send_multipart([identity, *pack(message)], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise SixsenseError(f"cannot answer a sensor at {self.endpoint}: {error}") from error
