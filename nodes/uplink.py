"""Uplink: one traffic class of a sensor, sent to a robot through a ring that outlives connections."""

from collections.abc import Callable, Sequence
from typing import Literal

import zmq

from ..sensors.clock import Clock
from ..sensors.modalities import MODALITIES, Class
from ..sensors.sample import NS, End, Progress, Sample, StreamInfo
from .packed import packed
from .ring import Ring
from .wire.curve import Watch, secure_client
from .wire.envelope import encode
from .wire.errors import WireError
from .wire.fields import MAX_PAYLOAD_BYTES
from .wire.ingest import (
    DATA,
    PACKED,
    Ack,
    Ask,
    Begin,
    Counts,
    Data,
    Join,
    Refused,
    Tell,
    Welcome,
    pack,
    unpack,
)

ROBOT = "robot"
CREDIT = {"lossless": 256, "lossy": 32}
"""How many messages may be under way: a quarter of a second of pictures, which a cut then cannot drop."""
SILENCE_NS = 3 * NS
"""A robot acknowledges at once and asks for the clock every two seconds: after this, connect anew."""
REFUSED_NS = 10 * NS
"""How long to wait after a refusal."""
RETRY_NS = NS
UplinkState = Literal["CONNECTING", "JOINING", "SENDING", "REFUSED"]


class Uplink:
    """`put` what is sensed at any time, and call `turn` when `sockets` are readable and every 50 ms; it
    connects again for ever. Each connection is a socket of its own, so that nothing of an old one is in the
    way. `counts` is asked for what is told once a second.

    Raises WireError for an endpoint that is none, or where keys are missing.
    """

    def __init__(
        self,
        context: zmq.Context,
        endpoint: str,
        *,
        sensor: str,
        streams: Sequence[StreamInfo],
        clock: Clock,
        counts: Callable[[], Counts],
        server_key: str = "",
    ) -> None:
        self.traffic: Class = MODALITIES[streams[0].modality].traffic
        self.streams = tuple(streams)
        self.state: UplinkState = "CONNECTING"
        self.why, self.connections, self.sent_bytes = "", 0, 0
        self._context, self._endpoint, self._server_key = context, endpoint, server_key
        self._sensor, self._clock, self._counts = sensor, clock, counts
        keep_s = max(MODALITIES[info.modality].ring_s for info in streams)
        self._ring = Ring((ROBOT,), keep_s=keep_s, lossless=False)
        self._produced = {info.stream: 0 for info in streams}
        self._begun: dict[int, Begin] = {}
        self._connect()

    @property
    def idle(self) -> bool:
        """The robot is done with everything."""
        return self._ring.idle

    @property
    def sockets(self) -> tuple[zmq.Socket, ...]:
        return (self._socket, self._watch.socket)

    def dropped(self) -> dict[str, int]:
        """Items that the ring had no room for, by stream."""
        return dict(self._ring.dropped()[ROBOT])

    def put(self, message: Sample | Progress | End) -> None:
        """Keep a message of one of the streams, and send what can be sent."""
        items, stamp_ns = 0, None
        if isinstance(message, Sample):
            items, stamp_ns = message.items, message.end_ns
            self._produced[message.stream] = message.item + items
        elif isinstance(message, Progress):
            stamp_ns = message.t_ns
        frames = encode(message, robot=ROBOT)
        small = packed(message, frames) if self._endpoint.startswith("tcp://") else None
        self._ring.put(message.stream, stamp_ns, items, [PACKED, *small] if small else [DATA, *frames])
        self._pump()

    def turn(self) -> None:
        """Take what the robot says, notice what became of the connection, tell the counts."""
        now_ns = self._clock.now_ns()
        self.why = self._watch.look() or self.why
        if self.state == "CONNECTING" and self._watch.connected:
            self._enter("JOINING", now_ns)
            self._send(Join(sensor=self._sensor, traffic=self.traffic, streams=self.streams))
        while self._socket.poll(0):
            self._take(self._socket.recv_multipart())
        if self._is_over(now_ns):
            self._connect()
        elif self.state == "SENDING" and now_ns - self._told_ns >= NS:
            self.tell_counts()

    def tell_counts(self) -> None:
        """Tell what was produced so far."""
        self._told_ns = self._clock.now_ns()
        if self.state == "SENDING":
            self._send(self._counts())

    def close(self) -> None:
        self._watch.close(self._socket)
        self._socket.close(0)

    def _connect(self) -> None:
        if self.connections:
            self.close()
        self.connections += 1
        self._socket = self._context.socket(zmq.DEALER)
        options = {zmq.LINGER: 0, zmq.SNDHWM: 0, zmq.RCVHWM: 0, zmq.MAXMSGSIZE: MAX_PAYLOAD_BYTES}
        for option, value in options.items():
            self._socket.setsockopt(option, value)
        try:
            key = secure_client(self._socket, self._server_key) if self._server_key else ""
        except WireError:
            self._socket.close(0)
            raise
        self._watch = Watch(self._socket, self._endpoint, key)
        try:
            self._socket.connect(self._endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise WireError(
                f"cannot connect to {self._endpoint!r}: {error}; expected tcp://HOST:PORT"
            ) from error
        self._told_ns = self._clock.now_ns()
        self._enter("CONNECTING", self._told_ns)

    def _enter(self, state: UplinkState, now_ns: int) -> None:
        self.state, self._heard_ns = state, now_ns
        if state == "SENDING":
            self.why = ""

    def _is_over(self, now_ns: int) -> bool:
        """Whether this connection will not do: it broke, nothing comes, or it was refused some time ago."""
        silent_ns = now_ns - self._heard_ns
        if self.state == "REFUSED":
            return silent_ns > REFUSED_NS
        if self._watch.lost:
            self.why = self.why or "the connection broke"
            return silent_ns > RETRY_NS
        if self.state != "CONNECTING" and silent_ns > SILENCE_NS:
            self.why = f"nothing from the robot for {silent_ns / NS:.0f} s"
            return True
        if self.state == "CONNECTING" and silent_ns > SILENCE_NS:
            self.why = self.why or "no answer: is the service running there, with a remote [[sensor]]?"
            return True
        return False

    def _take(self, frames: Sequence[bytes]) -> None:
        received_ns = self._clock.now_ns()
        try:
            message = unpack(frames)
        except WireError as error:
            self.why = f"not understood: {error}"
            return
        self._heard_ns = received_ns
        match message:
            case Ask():
                self._send(Tell(t0=message.t0, t1=received_ns, t2=self._clock.now_ns()))
            case Welcome():
                self._begin(message)
            case Ack() if self.state == "SENDING":
                self._ring.ack(ROBOT, message.upto)
                self._pump()
            case Refused():
                self.why = message.reason
                self.state = "REFUSED"
            case _:
                pass

    def _begin(self, welcome: Welcome) -> None:
        """Send what the robot is not done with; in a run not seen before, nothing from before it."""
        begin = self._begun.get(welcome.run)
        if begin is None:
            self._ring.skip(ROBOT, welcome.from_ns)
            left = self._ring.left(ROBOT)
            bases = {stream: items - left[stream] for stream, items in self._produced.items()}
            begin = Begin(epoch=welcome.epoch, bases=bases)
            self._begun = {welcome.run: begin}
        self._ring.attach(ROBOT)
        self._enter("SENDING", self._clock.now_ns())
        self._send(begin)
        self.tell_counts()
        self._pump()

    def _pump(self) -> None:
        while self.state == "SENDING" and (entry := self._ring.following(ROBOT, CREDIT[self.traffic])):
            self.sent_bytes += sum(map(len, entry.frames))
            kind, *frames = entry.frames
            self._send(Data(entry.number, frames, kind == PACKED))

    def _send(self, message: Join | Tell | Begin | Counts | Data) -> None:
        self._socket.send_multipart(pack(message))
