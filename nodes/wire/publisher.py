"""The results endpoint: publish to watchers, greet each new one, keep the newest message of each topic."""

from collections.abc import Sequence

import zmq

from ...sensors.clock import Clock
from .endpoints import bind_endpoint, open_gate
from .envelope import encode
from .fields import unpack_map
from .hello import Hello
from .topics import RESULTS_HWM, check_name, parse_pattern, parse_topic

MAX_SUBSCRIPTION_BYTES = 1024


class ResultsPublisher:
    """An XPUB socket that its owner polls: no threads, never blocks, drops for a watcher who is too slow.

    `control` is the endpoint that the greeting names, `epoch` is new at every start, `clock` the run's
    timeline. `queue` is how many messages wait for one watcher. Poll `socket` for reading and call
    `on_readable`. Raises WireError when the endpoint cannot be bound.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        robot: str,
        control: str,
        epoch: int,
        clock: Clock,
        queue: int = RESULTS_HWM,
        context: zmq.Context | None = None,
    ) -> None:
        self.robot, self.control, self.epoch, self._clock = check_name("robot", robot), control, epoch, clock
        self._latest: dict[bytes, list[bytes]] = {}
        self.gate = open_gate("results", endpoint)
        self.socket = bind_endpoint(
            "results",
            endpoint,
            zmq.XPUB,
            {
                zmq.SNDHWM: queue,
                zmq.MAXMSGSIZE: MAX_SUBSCRIPTION_BYTES,
                # Without it only the first of two watchers of a topic would be noticed, and greeted.
                zmq.XPUB_VERBOSE: 1,
            },
            context,
            self.gate,
        )
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def publish(self, frames: list[bytes]) -> None:
        """Send an encoded message, and keep it as the newest of its topic."""
        self._latest.pop(frames[0], None)
        self._latest[frames[0]] = frames
        self.socket.send_multipart(frames)

    def on_readable(self) -> None:
        """Read what watchers subscribed to, and greet those who can hear it."""
        hello = f"hello/{self.robot}/".encode()
        subscribed = False
        while self.socket.poll(0):
            frame = self.socket.recv_multipart()[0]
            subscribed |= frame[:1] == b"\x01" and hello.startswith(frame[1:])
        if subscribed:
            self.socket.send_multipart(encode(self._hello(), robot=self.robot))

    def snapshot(self, topics: Sequence[str] = ()) -> list[list[bytes]]:
        """The newest message of each topic that the patterns mean (none: all), oldest first.

        Raises WireError for a pattern that is none.
        """
        patterns = [parse_pattern(text) for text in topics]
        return [
            frames
            for name, frames in self._latest.items()
            if not patterns or any(pattern.matches(parse_topic(name)) for pattern in patterns)
        ]

    def close(self) -> None:
        """Close the socket; what is queued still goes out to watchers that read within half a second."""
        self.socket.close()
        if self.gate:
            self.gate.close()

    def __enter__(self) -> "ResultsPublisher":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _hello(self) -> Hello:
        headers = {name.decode(): unpack_map(frames[1]) for name, frames in self._latest.items()}
        positions = {
            name: (header["epoch"], header["seq"])
            for name, header in headers.items()
            if "epoch" in header and "seq" in header
        }
        now_ns = self._clock.now_ns()
        return Hello(control=self.control, epoch=self.epoch, now_ns=now_ns, positions=positions)
