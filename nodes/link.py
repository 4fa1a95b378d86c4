"""Link: a ring served to its consumers over ZeroMQ, DEALER to ROUTER, by credit."""

import struct
import time
from collections.abc import Sequence

import zmq

from ..sensors.errors import SixsenseError
from .ring import Ring

_INDEX = struct.Struct("<Q")
CREDIT = {"lossless": 256, "lossy": 8, "results": 256}
"""How many unacknowledged messages a consumer may have under way, by traffic class."""

GUEST_S = 2.0
"""A guest that has not acknowledged anything for so long is waited for no more when the run ends."""

ZERO_COPY_BYTES = 1 << 16
"""Frames above this are sent without a copy; below, keeping track of them costs more than copying."""


class Outlet:
    """The sender's end: binds, keeps the ring, sends each consumer what its credit allows."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, ring: Ring, credit: int
    ) -> None:
        self.ring = ring
        self._credit = credit
        self._peers: dict[bytes, str] = {}
        self._heard_s: dict[str, float] = {}
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        try:
            self.socket.bind(endpoint)
        except zmq.ZMQError as error:
            self.socket.close()
            raise SixsenseError(f"cannot bind {endpoint} for data between nodes: {error}") from error
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    @property
    def idle(self) -> bool:
        """Every consumer is done with everything, but for guests that are gone without a word."""
        now_s = time.monotonic()
        return self.ring.idle and not any(
            now_s - self._heard_s[name] < GUEST_S for name in self.ring.guests_behind()
        )

    def put(self, stream: str, stamp_ns: int | None, items: int, frames: Sequence[bytes]) -> None:
        """Add a message and send what can be sent."""
        self.ring.put(stream, stamp_ns, items, frames)
        self.pump()

    def on_readable(self) -> None:
        """Take attachments and acknowledgements, then send on."""
        while self.socket.poll(0):
            peer, verb, *rest = self.socket.recv_multipart(zmq.NOBLOCK)
            self._heard_s[self._peers.get(peer, "")] = time.monotonic()
            if verb == b"attach" and self.ring.admits(name := rest[0].decode()):
                self._peers = {p: n for p, n in self._peers.items() if n != name} | {peer: name}
                self._heard_s[name] = time.monotonic()
                self.ring.attach(name)
            elif verb == b"leave" and peer in self._peers:
                self.ring.leave(self._peers.pop(peer))
            elif verb == b"ack" and peer in self._peers:
                self.ring.ack(self._peers[peer], _INDEX.unpack(rest[0])[0])
        self.pump()

    def pump(self) -> None:
        """Send every attached consumer what its credit allows."""
        for peer, name in self._peers.items():
            while entry := self.ring.following(name, self._credit):
                large = any(len(frame) > ZERO_COPY_BYTES for frame in entry.frames)
                frames = [peer, _INDEX.pack(entry.number), *entry.frames]
                self.socket.send_multipart(frames, copy=not large)

    def close(self) -> None:
        self.socket.close()


class Inlet:
    """The consumer's end: attaches under its name, acknowledges what it is done with.

    One that the plan does not know gets what comes from then on, until it leaves.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, name: str) -> None:
        self.endpoint = endpoint
        self._done = 0
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.connect(endpoint)
        self.socket.send_multipart([b"attach", name.encode()])

    def receive(self) -> list[bytes] | None:
        """The next message's frames, or None; it counts as done at the next `acknowledge`."""
        try:
            index, *frames = self.socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        self._done = _INDEX.unpack(index)[0] + 1
        return frames

    def acknowledge(self) -> None:
        """Tell the sender that everything received so far is done with."""
        self.socket.send_multipart([b"ack", _INDEX.pack(self._done)])

    def leave(self) -> None:
        """Read no more; whoever sends forgets this consumer."""
        self.socket.setsockopt(zmq.LINGER, 500)
        self.socket.send_multipart([b"leave"])

    def close(self) -> None:
        self.socket.close()
