"""Supervisor: directory, standing queries, start, stop and status of a run. No sockets: messages and time in,
messages out."""

import logging
import os
import socket
from collections.abc import Sequence
from itertools import count

import msgspec
import numpy as np

from ..fusion.errors import QueryError
from ..fusion.query import Query, Standing, Term
from ..fusion.score import FUSED, background, check
from ..sensors.errors import SixsenseError
from ..sensors.liveness import Change, SensorStatus
from ..sensors.sample import NS, StreamInfo
from . import accounts
from .control import (
    Answer,
    Ask,
    Changed,
    Checkpoint,
    Embed,
    Embedded,
    Failed,
    Register,
    Report,
    RunState,
    Wish,
    Word,
)
from .spec import EdgeSpec, EncodeSpec, IngestSpec, NodeSpec, Plan, RecordSpec
from .wire.status import NodeState, NodeStatus, Outage, QueryStatus, Status

log = logging.getLogger(__name__)
STATUS_S = 1.0
DRAIN_S = 5.0
"""How long a live run may take to bring through what its sources had sent when they ended."""
START_S = 120.0
"""A node that has not even registered after so long will not."""
MAX_QUERIES, MAX_NAME, MAX_TERMS, MAX_OUTAGES = 1000, 200, 64, 100
SILENCE_S = 2.0
"""A node that has not reported for so long is STALE; one whose process is gone is DOWN at once."""
Outbox = list[tuple[str, Wish]]


class _Record:
    """What is known of one node."""

    def __init__(self, spec: NodeSpec) -> None:
        self.spec = spec
        self.registered: Register | None = None
        self.report: Report | None = None
        self.heard_ns = 0
        self.restarts = 0
        self.failed = ""

    @property
    def ready(self) -> bool:
        return self.report is not None


class Supervisor:
    """Starts the run once every node is ready and every first query has its vector; knows when it is over.

    `take` gives it what a node says, `tick` the time; both return what to send to which node. `statuses`
    collects what is to be shown, `kept` the clients' queries that are to be remembered, by name (None: to be
    forgotten); `remembered` are those of earlier runs. Times are nanoseconds of the monotonic clock;
    `unix_ns` is the Unix time at `monotonic_ns`, read once: the run's timeline is the monotonic clock plus
    one offset.
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
        self._records = {spec.name: _Record(spec) for spec in plan.nodes}
        self._encoders = [spec.name for spec in plan.nodes if isinstance(spec.body, EncodeSpec)]
        infos = [
            i for s in plan.nodes if isinstance(s.body, EncodeSpec) for x in s.body.inputs for i in x.members
        ]
        self._accounts = accounts.Accounts(infos)
        self._standing: dict[str, Standing] = {}
        self._version = 0
        self._checkpoint = np.zeros(0, np.uint8)
        self._ids = count(1)
        taken = {query.name for query in plan.queries}
        self._remembered = {query.name for query in remembered} - taken
        self._first = [*plan.queries, *(query for query in remembered if query.name in self._remembered)]
        self._embedding: dict[int, tuple[Query, int | None]] = {}
        self._keep: set[int] = set()
        self._outages: list[Outage] = []
        self._changes: list[Change] = []
        self._infos: dict[str, StreamInfo] = {}
        self._notes = list(plan.notes)
        self._seq = 0
        self._status_ns = 0
        self.go = self.stopping = self.over = self.paused = False
        self.error: str = ""
        self.statuses: list[Status] = []
        self.kept: list[tuple[str, Query | None]] = []

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
            case Embedded():
                return self._embedded(word, now_ns)
            case Ask():
                return self._asked(word)

    def tick(self, now_ns: int) -> Outbox:
        """Time has passed: notice who is silent or gone, end what does not end, tell the status."""
        if self.over:
            return []
        if not self.go:
            return self._wait_for_nodes(now_ns)
        for name, record in self._records.items():
            state = self._state(record, now_ns)
            if state == "DOWN" and record.spec.lossless:
                return self._died(name)
            if state in ("STALE", "DOWN", "FAILED"):
                self._away(name, record)
        if self._has_drained(now_ns):
            return self.finish(now_ns)
        return self._tell(now_ns) if now_ns - self._status_ns >= STATUS_S * NS else []

    def _wait_for_nodes(self, now_ns: int) -> Outbox:
        absent = [name for name, record in self._records.items() if record.registered is None]
        if absent and now_ns - self._created_ns > START_S * NS:
            return self.give_up(
                f"{', '.join(absent)} did not start within {START_S:g} s; see `sixsense doctor`"
            )
        return []

    def _has_drained(self, now_ns: int) -> bool:
        """Whether a live run's sources ended so long ago that what has not come through will not."""
        sources = [r for r in self._records.values() if isinstance(r.spec.body, IngestSpec)]
        if not all(r.report is not None and r.report.done for r in sources) or sources[0].spec.lossless:
            self._ended_ns = None
            return False
        self._ended_ns = self._ended_ns or now_ns
        return now_ns - self._ended_ns > DRAIN_S * NS

    def _died(self, name: str) -> Outbox:
        return self.give_up(f"node {name} died during a replay, which must lose nothing: run it again")

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

    def _register(self, word: Register, now_ns: int) -> Outbox:
        record = self._known(word.name)
        if record.registered is not None:
            record.restarts += 1
            log.error("node %s came back as process %d", word.name, word.pid)
            if self.go and record.spec.lossless:
                return self._died(word.name)
            if self.go:
                self._away(word.name, record)
        record.registered, record.report, record.heard_ns, record.failed = word, None, now_ns, ""
        again = [self._request(i, query) for i, (query, _) in self._embedding.items()]
        return [*self._broadcast(), *(again if word.name == self._encoders[0] else [])]

    def _hear(self, report: Report, now_ns: int) -> Outbox:
        record = self._known(report.name)
        if record.registered is None or report.epoch != record.registered.epoch:
            return []
        self._note_unrecorded(record, report)
        record.report, record.heard_ns = report, now_ns
        self._accounts.note(report)
        if record.ready:
            self._back(report.name, now_ns)
        if not self.go and not self._embedding and all(r.ready for r in self._records.values()):
            return self._begin(now_ns)
        if self.go and all(r.report is not None and r.report.done for r in self._records.values()):
            return self.finish(now_ns)
        return []

    def _changed(self, word: Changed, now_ns: int) -> Outbox:
        """A live stream changed its state, which is told at once, or is known better now."""
        self._changes += word.changes
        self._infos |= {info.stream: info for info in word.infos}
        told = self._tell(now_ns) if word.changes and not self.over else []
        return [*told, *(self._broadcast() if word.infos else [])]

    def _note_unrecorded(self, record: _Record, report: Report) -> None:
        """Say once when a recorder begins to miss something."""
        before = record.report.dropped if record.report is not None else {}
        for consumer in report.dropped.keys() - before.keys():
            if consumer.startswith("record"):
                lost = ", ".join(f"{items} of {name}" for name, items in report.dropped[consumer].items())
                log.error("dropped(%s): its disk falls behind; missing so far: %s", consumer, lost)

    def _begin(self, now_ns: int) -> Outbox:
        """Every node is ready: give the first queries their vectors, then go."""
        if self._first:
            asked, self._first = self._first, []
            return [self._embed(query, None) for query in asked]
        unix_ns = now_ns + self._offset_ns
        # A simulated robot's script starts on a whole minute, so that windows fall alike in every run.
        self._start_ns = unix_ns - unix_ns % (60 * NS) if self._plan.whole_minute else unix_ns
        self._offset_ns = self._start_ns - now_ns
        self.go = True
        return self._broadcast()

    def _fail(self, word: Failed) -> Outbox:
        record = self._known(word.name)
        record.failed = word.message
        log.error("%s", word.message)
        return self.give_up(word.message) if word.fatal else []

    def give_up(self, error: str) -> Outbox:
        """End the run at once; `error` says why."""
        if self.over:
            return []
        self.error, self.over = error, True
        return self._broadcast()

    def _embed(self, query: Query, ask: int | None) -> tuple[str, Wish]:
        request = next(self._ids)
        self._embedding[request] = query, ask
        return self._request(request, query)

    def _request(self, request: int, query: Query) -> tuple[str, Wish]:
        return self._encoders[0], Embed(id=request, query=query)

    def _embedded(self, word: Embedded, now_ns: int) -> Outbox:
        query, ask = self._embedding.pop(word.id, (None, None))
        if query is None:
            return []
        if word.standing is None:
            return self._refuse(query, word.error, ask, now_ns)
        standing = word.standing
        if self._can_match(standing):
            try:
                check(standing, self._plan.card)
            except QueryError as error:
                return self._refuse(query, str(error), ask, now_ns)
        else:
            log.warning("%s", self._why_never(standing))
        self._standing[query.name] = standing
        self._version += 1
        if ask is None:
            return self._begin_when_ready(now_ns)
        if word.id in self._keep:
            self._keep.discard(word.id)
            self.kept.append((query.name, _resolved(query, word.resolved)))
        return [("edge", Answer(id=ask, note=self._note(standing))), *self._broadcast()]

    def _refuse(self, query: Query, error: str, ask: int | None, now_ns: int) -> Outbox:
        """A query has no vector: tell who asked, or end the run that was started with it."""
        if ask is not None:
            return [("edge", Answer(id=ask, error=error))]
        if query.name in self._remembered:
            log.error("a query of an earlier run does not stand: %s", error)
            self._notes.append(f"a query of an earlier run does not stand: {error}")
            return self._begin_when_ready(now_ns)
        return self.give_up(error)

    def _begin_when_ready(self, now_ns: int) -> Outbox:
        ready = not self._embedding and not self.go and all(r.ready for r in self._records.values())
        return self._begin(now_ns) if ready else []

    def _note(self, standing: Standing) -> str:
        return "" if self._can_match(standing) else self._why_never(standing)

    def _can_match(self, standing: Standing) -> bool:
        card = self._plan.card
        wanted = standing.query.modalities or card.modalities
        if not {*wanted} <= {*card.modalities, FUSED}:
            return True  # what it asks for does not exist, which `check` says
        return any(background(card, standing, target) is not None for target in wanted)

    def _why_never(self, standing: Standing) -> str:
        card = self._plan.card
        reason = "has no background for that" if card.trained else "is untrained: similarity only"
        return f"query {standing.query.name!r} ({standing.kind}) can match nothing: {card.name} {reason}"

    def _silent(self) -> tuple[QueryStatus, ...]:
        """The standing queries that this space cannot compare with anything."""
        return tuple(
            QueryStatus(name=s.query.name, since_ns=0, modalities=(), note=self._why_never(s))
            for s in self._standing.values()
            if not self._can_match(s)
        )

    def _asked(self, ask: Ask) -> Outbox:
        """A client watches or unwatches."""
        if ask.query is None:
            if self._standing.pop(ask.name, None) is None:
                names = ", ".join(sorted(self._standing)) or "none"
                return [("edge", Answer(id=ask.id, error=f"no query {ask.name!r}; standing are: {names}"))]
            self._version += 1
            self.kept.append((ask.name, None))
            return [("edge", Answer(id=ask.id)), *self._broadcast()]
        if error := self._why_not(ask.query):
            return [("edge", Answer(id=ask.id, error=error))]
        request = self._embed(ask.query, ask.id)
        self._keep |= {max(self._embedding)} if ask.keep else set()
        return [request]

    def _why_not(self, query: Query) -> str:
        """Why a query cannot be added, or nothing."""
        name = query.name
        if len(query.terms) > MAX_TERMS:
            return f"query {name[:MAX_NAME]!r} has {len(query.terms)} terms: give at most {MAX_TERMS}"
        if not 0 < len(name) <= MAX_NAME:
            return f"a query's name has 1 to {MAX_NAME} characters, and this one {len(name)}: give a --name"
        if name in self._standing or name in (query.name for query, _ in self._embedding.values()):
            return f"a query {name!r} is standing already: choose another --name, or remove it"
        if len(self._standing) + len(self._embedding) >= MAX_QUERIES:
            return f"{MAX_QUERIES} queries are standing already: remove one"
        return ""

    def _broadcast(self) -> Outbox:
        standing = [s for s in self._standing.values() if self._can_match(s)]
        registered = {name: r.registered for name, r in self._records.items() if r.registered is not None}
        state = RunState(
            go=self.go,
            stop=self.stopping,
            paused=self.paused,
            over=self.over,
            offset_ns=self._offset_ns,
            start_ns=self._start_ns,
            directory={
                n: r.registered.endpoints for n, r in self._records.items() if r.registered is not None
            },
            restarts={name: record.restarts for name, record in self._records.items()},
            queries_version=self._version,
            queries=tuple(s.query for s in standing),
            mixes=tuple(s.mix for s in standing),
            space_id=self._plan.card.space_id,
            vectors=np.stack([s.vector for s in standing]) if standing else np.zeros((0, 0), np.float32),
            checkpoint=self._checkpoint,
            infos=tuple(self._infos.values()),
        )
        return [(name, state) for name in registered]

    def _away(self, name: str, record: _Record) -> None:
        """Open an outage of this node, unless one is open."""
        if not any(o.node == name and o.until_ns == 0 for o in self._outages):
            cause = record.failed or ("process gone" if self._gone(record) else "silent")
            from_ns = record.heard_ns + self._offset_ns
            self._outages.append(Outage(node=name, from_ns=from_ns, until_ns=0, cause=cause))
            del self._outages[:-MAX_OUTAGES]
            log.error("node %s is away: %s", name, cause)

    def _back(self, name: str, now_ns: int) -> None:
        until = now_ns + self._offset_ns
        self._outages = [
            msgspec.structs.replace(o, until_ns=until) if o.node == name and o.until_ns == 0 else o
            for o in self._outages
        ]

    def _tell(self, now_ns: int) -> Outbox:
        self._status_ns = now_ns
        reports = [r.report for r in self._records.values() if r.report is not None]
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
            nodes=tuple(self._node_status(record, now_ns) for record in self._records.values()),
            outages=tuple(self._outages),
            queries=(*(query for report in reports for query in report.queries), *self._silent()),
            latency_ms={stage: v for report in reports for stage, v in report.latency_ms.items()},
            notes=(*self._notes, *self._accounts.unplanned()),
            sensors=self._sensors(reports),
            changes=tuple(self._changes),
        )
        self._changes = []
        self._seq += 1
        self.statuses.append(status)
        return [
            (name, status)
            for name, r in self._records.items()
            if isinstance(r.spec.body, EdgeSpec | RecordSpec)
        ]

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

    def _node_status(self, record: _Record, now_ns: int) -> NodeStatus:
        registered, report = record.registered, record.report
        dropped: dict[str, int] = {}
        for consumer, counts in (report.dropped if report else {}).items():
            dropped |= {f"{consumer}/{stream}": items for stream, items in counts.items()}
        return NodeStatus(
            name=record.spec.name,
            state=self._state(record, now_ns),
            epoch=registered.epoch if registered else 0,
            pid=registered.pid if registered else 0,
            host=registered.host if registered else "",
            heartbeat_ns=record.heard_ns + self._offset_ns,
            restarts=record.restarts,
            cpu_s=round(report.cpu_s, 3) if report else 0.0,
            dropped=dropped,
        )

    def _state(self, record: _Record, now_ns: int) -> NodeState:
        if record.failed:
            return "FAILED"
        if self._gone(record):
            return "DOWN"
        if not record.ready:
            return "STARTING"
        if self.over or (record.report is not None and record.report.done and self.stopping):
            return "DONE"
        return "STALE" if now_ns - record.heard_ns > SILENCE_S * NS else "RUNNING"

    def _gone(self, record: _Record) -> bool:
        """Whether the node's process, on this machine, does not exist any more."""
        registered = record.registered
        if registered is None or registered.host != socket.gethostname():
            return False
        try:
            os.kill(registered.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def _known(self, name: str) -> _Record:
        if name not in self._records:
            raise SixsenseError(f"a node {name!r} that is not in the plan said something")
        return self._records[name]


def _resolved(query: Query, vectors: Sequence[Term]) -> Query:
    """The query as it can be asked again: its moments as the vectors that they were."""
    waiting = iter(vectors)
    terms = tuple(term if term.moment is None else next(waiting) for term in query.terms)
    return msgspec.structs.replace(query, terms=terms)
