"""Subscriber: receive what a running service publishes, with neither torch nor ray."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, NamedTuple

import zmq

from ...sensors.errors import SixsenseError
from ...sensors.sample import NS
from . import endpoints
from .control import ControlClient
from .envelope import decode
from .errors import SubscriberTimeoutError, WireError
from .fetch import Fetch
from .fields import MAX_PAYLOAD_BYTES
from .health import Ledger, Pulse, ServiceTime, age_when_published_ns, alive_limit_ns, published_ns
from .hello import Hello
from .topics import KINDS, RESULTS, RESULTS_HWM, Topic, parse_pattern, parse_topic

if TYPE_CHECKING:
    from .curve import Watch

log = logging.getLogger("sixsense.wire")
SNAPSHOT_NS = NS
UNSET: Any = object()


class Received(NamedTuple):
    """A message, the topic it came under (`embedding/r1/camera/`), how old its data was when the service
    published it (ns), and when that was, on this process's monotonic clock (ns)."""

    topic: str
    message: Any
    age_ns: int
    arrived_ns: int


class Subscriber:
    """Iterate over the messages of a running service, the newest of each topic first.

    `topics` are kinds (`"match"`), or narrower (`"embedding/r1/camera"`); none means all results. `robot`
    keeps one robot's. `timeout` in seconds ends waiting with SubscriberTimeoutError (a TimeoutError); None
    waits for ever. `queue` messages wait on each side while nobody reads; then the oldest unread ones stay,
    newer ones are lost, and `dropped` counts them when reading goes on. `server_key` is the public key of a
    service on another machine (`$SIXSENSE_SERVER_KEY`), `keys` the folder of one's own keys. Raises WireError
    for a topic or endpoint that is none, or without keys of one's own. One thread only.

        with Subscriber("tcp://127.0.0.1:5556", "match", timeout=10) as matches:
            for match in matches:
                print(match.query, match.phase, match.score)
    """

    def __init__(
        self,
        endpoint: str = endpoints.RESULTS,
        *topics: str,
        robot: str | None = None,
        timeout: float | None = None,
        queue: int = RESULTS_HWM,
        server_key: str = "",
        keys: Path | None = None,
        context: zmq.Context | None = None,
    ) -> None:
        self.endpoint, self.timeout, self.malformed = endpoint, timeout, 0
        self._wanted = [_pattern(text, robot) for text in topics or RESULTS]
        self._context, self._queue = context or zmq.Context.instance(), queue
        self._server_key, self._keys = server_key, keys
        self._watch: Watch | None = None
        self._inbox: deque[Received] = deque()
        self._ledger, self._time = Ledger(), ServiceTime()
        self._latched: dict[str, bytes] = {}
        self._pulses: dict[str, Pulse] = {}
        self._greeted: dict[str, int] = {}
        self._fetch: Fetch | None = None
        self._service_ns: int | None = None
        self._newest: tuple[int, int] | None = None
        self._socket = self._connect(robot)

    def recv(self, timeout: float | None = UNSET) -> Any:
        """The next message. Raises SubscriberTimeoutError after `timeout` seconds (None: never)."""
        return self.receive(timeout).message

    def receive(self, timeout: float | None = UNSET) -> Received:
        """As `recv`, with the message's topic and times."""
        if self._socket.closed:
            raise WireError(f"this subscriber of {self.endpoint} is closed; make a new one")
        limit = self.timeout if timeout is UNSET else timeout
        deadline = None if limit is None else monotonic_ns() + int(limit * NS)
        while not self._inbox:
            self._read(1)
            if self._inbox:
                break
            self._wait(deadline, limit)
        return self._inbox.popleft()

    @property
    def alive(self) -> bool:
        """Whether the service sends what was asked for: the newest message of a topic is younger than
        max(3 periods, min(10 periods, 0.4 s)), the period learnt or from the table. Kinds without a rhythm
        (`match`) are alive while anything of the service, its `status` above all, has come for 3 s."""
        self._read(self._queue)
        now = monotonic_ns()
        if any(KINDS[topic.kind].rate_hz for topic in self._wanted):
            return any(pulse.alive(now) for pulse in self._pulses.values())
        limit = alive_limit_ns(KINDS["status"].rate_hz)
        return self._service_ns is not None and now - self._service_ns < limit

    @property
    def rate_hz(self) -> float:
        """Messages a second over the topics asked for, from the last ten seconds of each."""
        self._read(self._queue)
        now = monotonic_ns()
        return sum(pulse.rate_hz(now) for pulse in self._pulses.values())

    @property
    def age_ms(self) -> float:
        """How old the data of the newest message is now; NaN before the first. From its stamp to its
        publication by the service's own clock, the rest by this process's: no clocks are compared."""
        self._read(self._queue)
        if self._newest is None:
            return float("nan")
        arrived_ns, age_ns = self._newest
        return (monotonic_ns() - arrived_ns + age_ns) / 1e6

    @property
    def lost(self) -> dict[str, int]:
        """How many messages never came, by topic."""
        return dict(self._ledger.lost)

    @property
    def dropped(self) -> int:
        """How many messages never came, over all topics: the gaps in `seq`."""
        return sum(self._ledger.lost.values())

    def close(self) -> None:
        """Close the connection; iterating ends."""
        self._end_fetch()
        if self._watch and not self._socket.closed:
            self._watch.close(self._socket)
        self._socket.close()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._socket.closed:
            raise StopIteration
        return self.recv()

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_socket"):
            self.close()

    def _connect(self, robot: str | None) -> zmq.Socket:
        socket = self._context.socket(zmq.SUB)
        socket.setsockopt(zmq.RCVHWM, self._queue)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_PAYLOAD_BYTES)
        # Status is the heartbeat of kinds that have none. Hello comes last: once the service answers it,
        # it knows all the other subscriptions.
        greetings = b"hello/" if robot is None else f"hello/{robot}/".encode()
        for prefix in dict.fromkeys([*(topic.prefix for topic in self._wanted), b"status/", greetings]):
            socket.setsockopt(zmq.SUBSCRIBE, prefix)
        self._watch = endpoints.connect_watch(socket, self.endpoint, self._server_key, self._keys)
        try:
            socket.connect(self.endpoint)
        except zmq.ZMQError as error:
            if self._watch:
                self._watch.close(socket)
            socket.close()
            raise WireError(f"cannot connect to results endpoint {self.endpoint!r}: {error}") from error
        return socket

    def _wait(self, deadline: int | None, limit: float | None) -> None:
        ends = [end for end in (deadline, self._fetch and self._fetch.until_ns) if end is not None]
        left = min(ends) - monotonic_ns() if ends else None
        waiting = self._fetch.socket if self._fetch else self._socket
        if waiting.poll(None if left is None else max(0, left // 1_000_000 + 1)):
            return
        if deadline is not None and monotonic_ns() >= deadline:
            raise SubscriberTimeoutError(self._silence(limit))

    def _silence(self, limit: float | None) -> str:
        asked = ", ".join(sorted({topic.kind for topic in self._wanted}))
        if self._watch and (why := self._watch.look()):
            return why
        if self._service_ns is None:
            return (
                f"nothing from {self.endpoint} within {limit:g} s; is a service running there "
                "(`sixsense run CONFIG`; [endpoints] results in its config)?"
            )
        return f"no {asked} from {self.endpoint} within {limit:g} s; the service is there, wait longer"

    def _read(self, enough: int) -> None:
        if self._socket.closed:
            return
        if self._fetch:
            self._finish_fetch(self._fetch)
        while not self._fetch and len(self._inbox) < enough and self._socket.poll(0):
            self._take(self._socket.recv_multipart())

    def _take(self, frames: Sequence[bytes], snapshot: Fetch | None = None) -> None:
        try:
            topic = parse_topic(frames[0])
            robot, message = decode(frames)
        except WireError as error:
            self._refuse(error)
            return
        received_ns = monotonic_ns()
        if isinstance(message, Hello):
            self._greet(robot, message, received_ns)
        elif self._is_wanted(topic) and self._is_new(frames, message, snapshot):
            self._deliver(topic.kind, frames[0].decode(), message, received_ns)
        else:
            self._note(message, received_ns)

    def _is_wanted(self, topic: Topic) -> bool:
        return any(pattern.matches(topic) for pattern in self._wanted)

    def _is_new(self, frames: Sequence[bytes], message: Any, snapshot: Fetch | None) -> bool:
        name = frames[0].decode()
        if not (hasattr(message, "seq") and hasattr(message, "epoch")):
            known, self._latched[name] = self._latched.get(name), frames[1]
            return known != frames[1]
        if snapshot and not snapshot.has(name, message.epoch, message.seq):
            return False
        return self._ledger.accept(name, message.epoch, message.seq)

    def _deliver(self, kind: str, name: str, message: Any, received_ns: int) -> None:
        arrived_ns = self._note(message, received_ns)
        if KINDS[kind].rate_hz:
            self._pulses.setdefault(name, Pulse(KINDS[kind].rate_hz)).beat(arrived_ns)
        age_ns = age_when_published_ns(message)
        self._newest = (arrived_ns, age_ns)
        self._inbox.append(Received(name, message, age_ns, arrived_ns))

    def _note(self, message: Any, received_ns: int) -> int:
        arrived_ns = self._time.arrived_ns(published_ns(message), received_ns)
        self._service_ns = max(arrived_ns, self._service_ns or arrived_ns)
        return arrived_ns

    def _refuse(self, error: WireError) -> None:
        self.malformed += 1
        if self.malformed == 1:
            log.warning("%s: dropped a message (later ones are only counted): %s", self.endpoint, error)

    def _greet(self, robot: str, hello: Hello, received_ns: int) -> None:
        is_new = self._greeted.get(robot) != hello.epoch
        if is_new:
            self._time.restart()
        self._note(hello, received_ns)
        if is_new:
            self._greeted[robot] = hello.epoch
            self._start_fetch(hello)

    def _start_fetch(self, hello: Hello) -> None:
        self._end_fetch()
        topics = tuple(topic.prefix.decode() for topic in self._wanted)
        until_ns = monotonic_ns() + SNAPSHOT_NS
        try:
            control = endpoints.reachable(hello.control, self.endpoint)
            client = ControlClient(
                control, server_key=self._server_key, keys=self._keys, context=self._context
            )
            self._fetch = Fetch(client, hello, topics, until_ns=until_ns)
        except SixsenseError as error:
            log.warning("%s: no snapshot: %s", self.endpoint, error)

    def _finish_fetch(self, fetch: Fetch) -> None:
        try:
            messages = fetch.take(monotonic_ns())
        except SixsenseError as error:
            log.warning("%s: no snapshot: %s", self.endpoint, error)
            messages = []
        if messages is not None:
            self._end_fetch()
            for frames in messages:
                self._take(frames, fetch)

    def _end_fetch(self) -> None:
        if self._fetch:
            self._fetch.close()
            self._fetch = None


def _pattern(text: str, robot: str | None) -> Topic:
    pattern = parse_pattern(text, robot)
    if KINDS[pattern.kind].traffic == "control":
        raise WireError(f"{pattern.kind} is not for subscribers; ask for {', '.join(RESULTS)}")
    return pattern
