"""A running service: the plan's nodes on Ray or in this process, the supervisor in this one."""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, cast

import zmq

from ..encoders.embedding import Embedding, Missing
from ..fusion.fused import Fused, Labels, Match
from ..nodes.control import Outbox, Register, Report, Word, pack, unpack
from ..nodes.kept import KeptQueries
from ..nodes.link import Inlet
from ..nodes.local import LocalRunner
from ..nodes.runtime import make_run_directory
from ..nodes.spec import InletSpec, Plan
from ..nodes.supervisor import Supervisor
from ..nodes.wire.envelope import decode
from ..nodes.wire.errors import WireError
from ..nodes.wire.status import Status
from ..sensors.errors import SixsenseError

if TYPE_CHECKING:
    from ..nodes.actors import RayRunner

log = logging.getLogger(__name__)
Output = Embedding | Missing | Fused | Labels | Match | Status


class Service:
    """Starts when entered, ends when left. `outputs` is every result in order, lossless in replay."""

    def __init__(
        self,
        plan: Plan,
        *,
        local: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._plan, self._local, self._say = plan, local, say
        self._kept = KeptQueries(Path(plan.state)) if plan.state else None
        remembered = self._kept.load() if self._kept is not None else []
        self._supervisor = Supervisor(
            plan, monotonic_ns=time.monotonic_ns(), unix_ns=time.time_ns(), remembered=remembered
        )
        self._directory = make_run_directory(plan.robot)
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.LINGER, 200)
        self._endpoint = f"ipc://{self._directory}/supervisor"
        self._router.bind(self._endpoint)
        self._wishes: SimpleQueue[Callable[[], Outbox]] = SimpleQueue()
        self._statuses: SimpleQueue[Status] = SimpleQueue()
        self._endpoints: dict[InletSpec, str] = {}
        self._inlets: dict[InletSpec, Inlet] = {}
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._closing = threading.Event()
        self._runner: LocalRunner | RayRunner | None = None
        self._said: set[str] = set()
        self._directory_is_there = True

    def __enter__(self) -> "Service":
        self._thread.start()
        try:
            self._start_nodes()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def outputs(self, timeout_s: float | None = None) -> Iterator[Output]:
        """Yield results as they come, the final Status last.

        Raises SixsenseError when a node gave up, TimeoutError after `timeout_s` without anything.
        """
        heard_s = time.monotonic()
        while True:
            for output in self._arrived():
                yield output
                heard_s = time.monotonic()
                if isinstance(output, Status) and output.final:
                    return
            if self._supervisor.error:
                raise SixsenseError(self._supervisor.error)
            if timeout_s is not None and time.monotonic() - heard_s > timeout_s:
                raise TimeoutError(f"no result within {timeout_s} s")

    @property
    def offset_ns(self) -> int:
        """This machine's monotonic clock plus this is the run's timeline, once the run has begun."""
        return self._supervisor.offset_ns

    def stop(self) -> None:
        """Ask the sources to end; `outputs` goes on until everything has come through."""
        self._wishes.put(self._supervisor.stop)

    def pause(self) -> None:
        """A replay rests where it is, or goes on; a live run takes no notice."""
        if any(node.lossless for node in self._plan.nodes):
            self._wishes.put(self._paused)

    def _paused(self) -> Outbox:
        outbox = self._supervisor.pause()
        self._say("paused: the space key goes on" if self._supervisor.paused else "going on")
        return outbox

    def close(self) -> None:
        """End the run now, and everything that it started."""
        self._finish()
        if self._runner is not None:
            self._runner.stop()
        self._closing.set()
        self._thread.join(2.0)
        for inlet in self._inlets.values():
            inlet.close()
        self._router.close()
        self._context.term()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start_nodes(self) -> None:
        arguments = self._endpoint, str(self._directory)
        if self._local:
            self._runner = LocalRunner(*arguments)
        else:
            self._say("starting Ray on this machine")
            from ..nodes.actors import RayRunner

            self._runner = RayRunner(*arguments)
        self._runner.start(self._plan.nodes)
        self._say("starting " + ", ".join(spec.name for spec in self._plan.nodes))

    def _finish(self) -> None:
        self._wishes.put(lambda: self._supervisor.finish(time.monotonic_ns()))

    def _arrived(self) -> Iterator[Output]:
        """What has come since, waiting for it a tenth of a second at most."""
        poller = zmq.Poller()
        for wanted in self._plan.taps:
            endpoint = self._endpoints.get(wanted)
            current = self._inlets.get(wanted)
            if endpoint is not None and (current is None or current.endpoint != endpoint):
                if current is not None:
                    yield from _messages(current)
                    current.close()
                self._inlets[wanted] = Inlet(self._context, endpoint, "output")
        for inlet in self._inlets.values():
            poller.register(inlet.socket, zmq.POLLIN)
        poller.poll(100)
        for inlet in self._inlets.values():
            yield from _messages(inlet)
        while True:
            try:
                yield self._statuses.get_nowait()
            except Empty:
                return

    def _supervise(self) -> None:
        """The supervisor's loop: what nodes say and time in, wishes out."""
        peers: dict[str, bytes] = {}
        while not self._closing.is_set():
            try:
                self._send(peers, self._turn(peers))
            except Exception as error:
                log.exception("the supervisor failed")
                reason = f"the supervisor failed: {type(error).__name__}: {error}"
                self._send(peers, self._supervisor.give_up(reason))
            self._keep()
            while self._supervisor.statuses:
                self._statuses.put(self._supervisor.statuses.pop(0))

    def _keep(self) -> None:
        """Remember the clients' queries for the next run."""
        kept = self._supervisor.queries.kept
        while kept:
            name, query = kept.pop(0)
            if self._kept is None:
                continue
            try:
                self._kept.remove(name) if query is None else self._kept.add(query)
            except (SixsenseError, OSError) as error:
                log.error("query %r is not remembered for the next run: %s", name, error)

    def _send(self, peers: dict[str, bytes], outbox: Outbox) -> None:
        for name, wish in outbox:
            if name in peers:
                self._router.send_multipart([peers[name], *pack(wish)])

    def _turn(self, peers: dict[str, bytes]) -> Outbox:
        outbox: Outbox = []
        self._look_after_directory()
        if self._router.poll(50):
            outbox += self._hear(peers)
        while not self._wishes.empty():
            outbox += self._wishes.get()()
        return outbox + self._supervisor.tick(time.monotonic_ns())

    def _look_after_directory(self) -> None:
        """What is connected stays so without it, but nobody can be started again."""
        if self._directory_is_there and not self._directory.is_dir():
            self._directory_is_there = False
            self._supervisor.note(
                f"{self._directory} was removed, by a logout or a cleaner of old files: a node that dies now "
                "cannot come back; start the service again, with XDG_RUNTIME_DIR a folder that stays"
            )

    def _hear(self, peers: dict[str, bytes]) -> Outbox:
        """Take one word of a node; what cannot be understood is logged and dropped."""
        peer, *frames = self._router.recv_multipart()
        try:
            word = cast(Word, unpack(frames))
        except WireError as error:
            log.error("dropped a word of a node: %s", error)
            return []
        if isinstance(word, Register):
            peers[word.name] = peer
            self._note_endpoints(word)
        self._say_progress(word)
        return self._supervisor.take(word, time.monotonic_ns())

    def _note_endpoints(self, word: Register) -> None:
        for wanted in self._plan.taps:
            if wanted.node == word.name:
                self._endpoints[wanted] = word.endpoints[wanted.traffic]

    def _say_progress(self, word: Word) -> None:
        if isinstance(word, Report) and word.name not in self._said:
            self._said.add(word.name)
            self._say(f"{word.name} is ready")


def _messages(inlet: Inlet) -> Iterator[Embedding | Missing | Fused | Labels | Match]:
    """The results that have arrived on one inlet; they are done with once they were taken."""
    while (frames := inlet.receive()) is not None:
        message = decode(frames)[1]
        if isinstance(message, (Embedding, Missing, Fused, Labels, Match)):
            yield message
        inlet.acknowledge()
