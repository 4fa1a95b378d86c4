"""Link: a ring served to its consumers over ZeroMQ, DEALER to ROUTER, by credit.

What goes over it is bundles of messages: their numbers and how many frames each has, then those frames. A
consumer that is in no hurry gets one every GATHER_S; for all others a bundle is one message. It costs about
as much as one: what is dear is that a thread is woken on either side.
"""

import struct
import time
from collections import deque
from collections.abc import Sequence

import zmq

from ..sensors.errors import SixsenseError
from .ring import Entry, Ring

_INDEX = struct.Struct("<Q")
_BUNDLED = struct.Struct("<QH")
CREDIT = {"lossless": 256, "lossy": 8, "results": 256}
"""How many unacknowledged messages a consumer may have under way, by traffic class."""

GATHER_S = 0.2
GATHERED_CREDIT = 128
"""How long messages gather for a consumer that is in no hurry, and how many it may have under way."""

GUEST_S = 2.0
"""A guest that has not acknowledged anything for so long is waited for no more when the run ends."""

ZERO_COPY_BYTES = 1 << 16
"""Frames above this are sent without a copy; below, keeping track of them costs more than copying."""


class Outlet:
    """The sender's end: binds, keeps the ring, sends each consumer what its credit allows.

    `joined` says that a guest came since it was last set to False.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, ring: Ring, credit: int
    ) -> None:
        self.ring = ring
        self.joined = False
        self._credit = credit
        self._peers: dict[bytes, str] = {}
        self._gathers_since_s: dict[str, float] = {}
        self._heard_s: dict[str, float] = {}
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        # A consumer whose process is gone is an error, and not one more who is silent.
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
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
                self.joined |= self.ring.attach(name)
                self._gathers_since_s.pop(name, None)
                if b"gathered" in rest[1:]:
                    self._gathers_since_s[name] = 0.0
            elif verb == b"leave" and peer in self._peers:
                self.ring.leave(self._peers.pop(peer))
            elif verb == b"ack" and peer in self._peers:
                self.ring.ack(self._peers[peer], _INDEX.unpack(rest[0])[0])
        self.pump()

    def pump(self) -> None:
        """Send every attached consumer what its credit allows, and what has gathered for long enough."""
        for peer, name in list(self._peers.items()):
            if name in self._gathers_since_s:
                self._send_gathered(peer, name)
                continue
            while peer in self._peers and (entry := self.ring.following(name, self._credit)):
                self._send(peer, [entry])

    def _send_gathered(self, peer: bytes, name: str) -> None:
        now_s = time.monotonic()
        if now_s - self._gathers_since_s[name] < GATHER_S:
            return
        entries: list[Entry] = []
        while entry := self.ring.following(name, max(self._credit, GATHERED_CREDIT)):
            entries.append(entry)
        # An empty bundle shows whether one that is silent is still there.
        if entries or now_s - self._heard_s[name] > GUEST_S:
            self._gathers_since_s[name] = now_s
            self._send(peer, entries)

    def _send(self, peer: bytes, entries: Sequence[Entry]) -> None:
        head = b"".join([_BUNDLED.pack(entry.number, len(entry.frames)) for entry in entries])
        frames = [frame for entry in entries for frame in entry.frames]
        large = any(len(frame) > ZERO_COPY_BYTES for frame in frames)
        try:
            self.socket.send_multipart([peer, head, *frames], copy=not large)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            # One of the plan comes back and says what it has; a guest does not.
            self.ring.leave(self._peers.pop(peer))

    def close(self) -> None:
        self.socket.close()


class Inlet:
    """The consumer's end: attaches under its name, acknowledges what it is done with.

    One that the plan does not know gets what comes from then on, until it leaves. Where `gathered`, messages
    come many at a time, which costs less, and up to GATHER_S later.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        name: str,
        *,
        gathered: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self._done = self._told = 0
        self._bundle: deque[tuple[int, list[bytes]]] = deque()
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.connect(endpoint)
        self.socket.send_multipart([b"attach", name.encode(), *([b"gathered"] if gathered else [])])

    @property
    def pending(self) -> bool:
        """Whether `receive` has something that its socket no longer knows of."""
        return bool(self._bundle)

    def receive(self) -> list[bytes] | None:
        """The next message's frames, or None; it counts as done at the next `acknowledge`."""
        while not self._bundle:
            if not self._receive_bundle():
                return None
        number, frames = self._bundle.popleft()
        self._done = number + 1
        return frames

    def _receive_bundle(self) -> bool:
        try:
            head, *frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return False
        at = 0
        for number, count in _BUNDLED.iter_unpack(head.buffer):
            self._bundle.append((number, [_bytes(frame) for frame in frames[at : at + count]]))
            at += count
        return True

    def acknowledge(self, every: int = 1) -> None:
        """Tell the sender that all received so far is done with, where that is `every` messages or more."""
        if self._done - self._told >= every:
            self.socket.send_multipart([b"ack", _INDEX.pack(self._done)])
            self._told = self._done

    def leave(self) -> None:
        """Read no more; whoever sends forgets this consumer."""
        self.socket.setsockopt(zmq.LINGER, 500)
        self.socket.send_multipart([b"leave"])

    def close(self) -> None:
        self.socket.close()


def _bytes(frame: zmq.Frame) -> bytes:
    """What is in a frame; a large one stays where it was received."""
    if len(frame) <= ZERO_COPY_BYTES:
        return frame.bytes
    return frame.buffer.toreadonly()  # pyright: ignore[reportReturnType]
