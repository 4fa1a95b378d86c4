"""Supervisor: start, stop, pause, end and status of a run. No sockets: messages and time in, messages out."""

import logging
from collections.abc import Sequence

import msgspec
import numpy as np

from ..fusion.errors import QueryError
from ..fusion.query import Query
from ..sensors.liveness import Change, SensorStatus
from ..sensors.sample import NS, StreamInfo
from . import accounts
from .control import Ask, Changed, Checkpoint, Embedded, Failed, Outbox, Register, Report, RunState, Word
from .queries import StandingQueries
from .roster import Roster
from .spec import EdgeSpec, EncodeSpec, IngestSpec, Plan, RecordSpec
from .wire.status import Status

log = logging.getLogger(__name__)
STATUS_S = 1.0
SHARE_S = 0.25
"""How often nodes are told the standing queries at the most: a thousand of them are megabytes."""
DRAIN_S = 5.0
"""How long a live run may take to bring through what its sources had sent when they ended."""
START_S = 120.0
"""A node that has not even registered after so long will not."""
MAX_STARTS = 3
"""A node whose process was killed so often before it was ready, as for want of memory, is not to be had."""


class Supervisor:
    """Starts the run once every node is ready and every first query has its vector; knows when it is over.

    `take` gives it what a node says, `tick` the time; both return what to send to which node. `statuses`
    collects what is to be shown, `queries` has what clients ask; `remembered` is what they asked in earlier
    runs. Times are nanoseconds of the monotonic clock; `unix_ns` is the Unix time at `monotonic_ns`, read
    once: the run's timeline is the monotonic clock plus one offset.
    """

    def __init__(
        self, plan: Plan, *, monotonic_ns: int, unix_ns: int, remembered: Sequence[Query] = ()
    ) -> None:
        self._plan = plan
        self._epoch = unix_ns
        self._offset_ns = unix_ns - monotonic_ns
        self._created_ns = monotonic_ns
        self._ended_ns: int | None = None
        self._start_ns = 0
        self._roster = Roster(plan.nodes)
        bodies = {spec.name: spec.body for spec in plan.nodes}
        encoders = {name: body for name, body in bodies.items() if isinstance(body, EncodeSpec)}
        self._sources = [name for name, body in bodies.items() if isinstance(body, IngestSpec)]
        self._listeners = [name for name, body in bodies.items() if isinstance(body, EdgeSpec | RecordSpec)]
        self._encoder = next(iter(encoders))
        self._accounts = accounts.Accounts(
            info for body in encoders.values() for one in body.inputs for info in one.members
        )
        inputs = {one.name: one.modality for body in encoders.values() for one in body.inputs}
        self.queries = StandingQueries(plan.card, self._encoder, inputs, plan.queries, remembered)
        self._checkpoint = np.zeros(0, np.uint8)
        self._changes: list[Change] = []
        self._infos: dict[str, StreamInfo] = {}
        self._notes = list(plan.notes)
        self._seq = 0
        self._status_ns = 0
        self._shared_ns, self._shared_version = monotonic_ns, 0
        self.go = self.stopping = self.over = self.paused = False
        self.error: str = ""
        self.statuses: list[Status] = []

    @property
    def offset_ns(self) -> int:
        """Monotonic clock to timeline."""
        return self._offset_ns

    def take(self, word: Word, now_ns: int) -> Outbox:
        """Take what a node says."""
        match word:
            case Register():
                return self._register(word, now_ns)
            case Report():
                return self._hear(word, now_ns)
            case Changed():
                return self._changed(word, now_ns)
            case Checkpoint():
                self._checkpoint = word.state
                return []
            case Failed():
                return self._fail(word)
            case Embedded() | Ask():
                return self._ask(word, now_ns)

    def tick(self, now_ns: int) -> Outbox:
        """Time has passed: notice who is silent or gone, end what does not end, tell the status."""
        if self.over:
            return []
        if not self.go:
            return self._wait_for_nodes(now_ns)
        for name, member in self._roster.members.items():
            state = member.state(now_ns, stopping=self.stopping, over=self.over)
            if state == "DOWN" and member.spec.lossless:
                return self._died(name)
            if state in ("STALE", "DOWN", "FAILED"):
                self._roster.leave(name, self._offset_ns)
        if self._has_drained(now_ns):
            return self.finish(now_ns)
        told = self._tell(now_ns) if now_ns - self._status_ns >= STATUS_S * NS else []
        return [*self._share_queries(now_ns), *told]

    def stop(self) -> Outbox:
        """Ask the sources to end; the run is over when everything has come through."""
        self.stopping = True
        return self._broadcast()

    def pause(self) -> Outbox:
        """Let a replay rest where it is, or go on; sensors cannot."""
        self.paused = not self.paused
        return self._broadcast()

    def finish(self, now_ns: int) -> Outbox:
        """The run is over, everything having come through or not."""
        if self.over:
            return []
        self.over = True
        return [*self._tell(now_ns), *self._broadcast()]

    def give_up(self, error: str) -> Outbox:
        """End the run at once; `error` says why."""
        if self.over:
            return []
        self.error, self.over = error, True
        return self._broadcast()

    def note(self, text: str) -> None:
        """Something that a person should know, in every status from now on."""
        log.error("%s", text)
        self._notes.append(text)

    def _wait_for_nodes(self, now_ns: int) -> Outbox:
        absent = [name for name, m in self._roster.members.items() if m.registered is None]
        if absent and now_ns - self._created_ns > START_S * NS:
            return self.give_up(
                f"{', '.join(absent)} did not start within {START_S:g} s; see `sixsense doctor`"
            )
        return []

    def _has_drained(self, now_ns: int) -> bool:
        """Whether a live run's sources ended so long ago that what has not come through will not."""
        sources = [self._roster[name] for name in self._sources]
        if not all(source.done for source in sources) or sources[0].spec.lossless:
            self._ended_ns = None
            return False
        self._ended_ns = self._ended_ns or now_ns
        return now_ns - self._ended_ns > DRAIN_S * NS

    def _died(self, name: str) -> Outbox:
        return self.give_up(f"node {name} died during a replay, which must lose nothing: run it again")

    def _register(self, word: Register, now_ns: int) -> Outbox:
        member = self._roster[word.name]
        again = member.registered is not None
        if again and self.go:
            self._roster.leave(word.name, self._offset_ns)
        member.register(word, now_ns)
        if again:
            log.error("node %s came back as process %d", word.name, word.pid)
            if isinstance(body := member.spec.body, EncodeSpec):
                self._accounts.restart(info.stream for one in body.inputs for info in one.members)
        if again and self.go and member.spec.lossless:
            return self._died(word.name)
        if not self.go and member.restarts >= MAX_STARTS:
            return self.give_up(
                f"node {word.name} was killed {member.restarts} times before it was ready: is there enough "
                "memory for the model (`sixsense models show`, `dmesg`)?"
            )
        return [*self._broadcast(), *(self.queries.again() if word.name == self._encoder else [])]

    def _hear(self, report: Report, now_ns: int) -> Outbox:
        member = self._roster[report.name]
        if member.registered is None or report.epoch != member.registered.epoch:
            return []
        before = {query.name for query in member.report.queries} if member.report else set[str]()
        member.hear(report, now_ns)
        self._accounts.note(report)
        if not member.failed:
            self._roster.back(report.name, now_ns + self._offset_ns)
        if not self.go:
            return self._begin_when_ready(now_ns)
        if self._roster.done:
            return self.finish(now_ns)
        # Whoever has added or removed one lists them next.
        changed = before != {query.name for query in report.queries}
        return self._tell(now_ns) if changed and not self.over else []

    def _changed(self, word: Changed, now_ns: int) -> Outbox:
        """A live stream changed its state, which is told at once, or is known better now."""
        self._changes += word.changes
        self._infos |= {info.stream: info for info in word.infos}
        told = self._tell(now_ns) if word.changes and not self.over else []
        return [*told, *(self._broadcast() if word.infos else [])]

    def _begin_when_ready(self, now_ns: int) -> Outbox:
        """Once every node is ready: give the first queries their vectors, then go."""
        if self.go or self.queries.waiting or not self._roster.ready:
            return []
        if first := self.queries.start():
            return first
        unix_ns = now_ns + self._offset_ns
        # A simulated robot's script starts on a whole minute, so that windows fall alike in every run.
        self._start_ns = unix_ns - unix_ns % (60 * NS) if self._plan.whole_minute else unix_ns
        self._offset_ns = self._start_ns - now_ns
        self.go = True
        return self._broadcast()

    def _fail(self, word: Failed) -> Outbox:
        self._roster[word.name].failed = word.message
        log.error("%s", word.message)
        return self.give_up(word.message) if word.fatal else []

    def _ask(self, word: Embedded | Ask, now_ns: int) -> Outbox:
        """A client asks something of the standing queries, or one has its vector."""
        try:
            answers = self.queries.asked(word) if isinstance(word, Ask) else self.queries.embedded(word)
        except QueryError as error:
            return self.give_up(str(error))
        return [*answers, *(self._share_queries(now_ns) if self.go else self._begin_when_ready(now_ns))]

    def _share_queries(self, now_ns: int) -> Outbox:
        """Let the nodes know queries that they do not; when many come at once, a few times a second."""
        if self.queries.version == self._shared_version or now_ns - self._shared_ns < SHARE_S * NS:
            return []
        self._shared_ns = now_ns
        return self._broadcast()

    def _broadcast(self) -> Outbox:
        matched, self._shared_version = self.queries.matched, self.queries.version
        state = RunState(
            go=self.go,
            stop=self.stopping,
            paused=self.paused,
            over=self.over,
            offset_ns=self._offset_ns,
            start_ns=self._start_ns,
            directory=self._roster.directory,
            restarts=self._roster.restarts,
            queries_version=self.queries.version,
            queries=tuple(s.query for s in matched),
            mixes=tuple(s.mix for s in matched),
            space_id=self._plan.card.space_id,
            vectors=np.stack([s.vector for s in matched]) if matched else np.zeros((0, 0), np.float32),
            checkpoint=self._checkpoint,
            infos=tuple(self._infos.values()),
        )
        return [(name, state) for name in state.directory]

    def _tell(self, now_ns: int) -> Outbox:
        self._status_ns = now_ns
        reports = self._roster.reports
        status = Status(
            robot=self._plan.robot,
            epoch=self._epoch,
            seq=self._seq,
            stamp_ns=now_ns + self._offset_ns,
            final=self.over,
            model=self._plan.card.name,
            space_id=self._plan.card.space_id,
            streams=self._accounts.streams(reports),
            windows=accounts.windows(reports),
            ticks=accounts.ticks(reports),
            nodes=tuple(
                member.status(member.state(now_ns, stopping=self.stopping, over=self.over), self._offset_ns)
                for member in self._roster.members.values()
            ),
            outages=tuple(self._roster.outages),
            queries=(*(query for report in reports for query in report.queries), *self.queries.silent()),
            latency_ms={stage: v for report in reports for stage, v in report.latency_ms.items()},
            notes=(*self._notes, *self.queries.notes, *self._accounts.unplanned()),
            sensors=self._sensors(reports),
            changes=tuple(self._changes),
        )
        self._changes = []
        self._seq += 1
        self.statuses.append(status)
        return [(name, status) for name in self._listeners]

    def _sensors(self, reports: list[Report]) -> dict[str, SensorStatus]:
        """The live streams as last reported, and what was said of them since."""
        sensors = {stream: s for report in reports for stream, s in report.sensors.items()}
        for c in self._changes:
            known = sensors.get(c.stream, SensorStatus(state=c.state, since_ns=c.at_ns))
            if c.at_ns >= known.since_ns:
                sensors[c.stream] = msgspec.structs.replace(
                    known, state=c.state, since_ns=c.at_ns, reason=c.reason
                )
        return sensors
