"""Fuse: embeddings to ticks, fused vectors and matches, at the pace of event time."""

import json
import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ..encoders.embedding import Embedding, Missing
from ..fusion.background import ENOUGH_H
from ..fusion.engine import Fuser, Told
from ..fusion.errors import FusionError
from ..fusion.fused import Fused
from ..sensors.clock import Clock, ManualClock
from ..sensors.errors import SixsenseError
from ..sensors.sample import NS, End, Progress
from .control import Checkpoint, RunState, Wish
from .kept import write_whole
from .node import Base, Message, Yield
from .spec import FuseSpec
from .wire.status import QueryStatus, TickCounts

log = logging.getLogger(__name__)
STAGES = ("sense", "ingest", "window", "encode", "fuse")
"""What a trace has, in order: newest item sensed, sample sent, window closed, embedding sent, fused sent.
A recording was sensed on another timeline: there, time is counted from `ingest`."""

KEEP_NS = 60 * NS
"""How often a live fusion writes down what it has learnt of the queries' backgrounds."""
SNAPSHOT_NS = 10 * NS
"""How often a live fusion tells all that it goes on from, for a recorder that has joined meanwhile."""


class Fuse(Base):
    """Owns the Fuser; remembers the traces of what it fuses, to say where time went."""

    def __init__(self, name: str, spec: FuseSpec, epoch: int) -> None:
        self._name = name
        self._spec = spec
        self._epoch = epoch
        deadline_ns = None if spec.deadline_s is None else round(spec.deadline_s * NS)
        self._fuser = Fuser(
            spec.card,
            spec.rules,
            hop_ns=round(spec.hop_s * NS),
            deadline_ns=deadline_ns,
            epoch=epoch,
            labels=spec.labels,
        )
        self._clock: Clock = ManualClock()
        self._queries_version = -1
        self._queries: tuple[QueryStatus, ...] = ()
        self._running = set(spec.rules)
        self._finished = False
        self._next_snapshot_ns = 0
        self._next_keep_ns = 0
        self._traces: dict[str, deque[tuple[int, int, dict[str, int]]]] = {
            name: deque(maxlen=64) for name in spec.rules
        }
        self._latencies: dict[str, deque[float]] = {
            stage: deque(maxlen=512) for stage in (*STAGES[1:], "total")
        }

    def begin(self, state: RunState, clock: Clock) -> None:
        """Go on with the events that were open when an earlier process of this node died."""
        self._clock = clock
        if state.restarts.get(self._name, 0) and len(state.checkpoint):
            self._fuser.restore(json.loads(state.checkpoint.tobytes()))
        self._next_keep_ns = clock.now_ns() + KEEP_NS
        if self._spec.background and Path(self._spec.background).is_file():
            try:
                self._fuser.restore_background(Path(self._spec.background).read_bytes())
            except (FusionError, OSError) as error:
                log.error("%s is not used, what it held is learnt afresh: %s", self._spec.background, error)

    def obey(self, wish: Wish) -> Yield:
        """Take over the standing queries when they are others than before."""
        if isinstance(wish, RunState) and wish.queries_version != self._queries_version:
            self._queries_version = wish.queries_version
            standing = wish.standing()
            self._fuser.set_queries(standing)
            looks = self._fuser.looks()
            self._queries = tuple(
                QueryStatus(
                    name=s.query.name,
                    since_ns=0,
                    modalities=looks[s.query.name],
                    inputs=s.query.inputs,
                    note="" if looks[s.query.name] else "no input of this run is what it looks at",
                    at_most_per_h=s.query.at_most_per_h,
                )
                for s in standing
            )
            yield self._fuser.snapshot()

    def receive(self, message: Message) -> Yield:
        """Take one message of an encode node; yield the ticks it completes, each with what it matches."""
        if not isinstance(message, (Embedding, Missing, Progress, End)):
            raise TypeError(f"fuse takes embeddings, and got {type(message).__name__}")
        if isinstance(message, Embedding):
            self._traces[message.input].append((message.epoch, message.seq, message.trace))
        try:
            told = self._fuser.feed(message)
        except FusionError as error:
            log.error("%s", error)
            told = []
        if isinstance(message, End):
            self._running.discard(message.stream)
        else:
            self._running.add(message.stream if isinstance(message, Progress) else message.input)
        yield from self._traced(told)
        if not self._running and not self._finished:
            self._finished = True
            yield from self._traced(self._fuser.finish())
            self._keep()
            yield End(stream="fused", epoch=self._epoch, items=self._fuser.counts().fused)

    def wake(self) -> Yield:
        """Close the ticks whose deadline has passed."""
        yield from self._traced([] if self._finished else self._fuser.due(self._clock.now_ns()))
        if not self._finished and self._clock.now_ns() >= self._next_keep_ns:
            self._next_keep_ns = self._clock.now_ns() + KEEP_NS
            self._keep()

    def greet(self) -> Yield:
        """The state from which a recorder that joins can have its ticks computed again."""
        yield self._fuser.snapshot()

    def next_wake_ns(self) -> int | None:
        return None if self._finished else self._fuser.due_ns

    @property
    def done(self) -> bool:
        return self._finished

    def report(self) -> dict[str, Any]:
        counts, since, hours = self._fuser.counts(), self._fuser.since_ns(), self._fuser.hours()
        fields = {name: getattr(counts, name) for name in TickCounts.__struct_fields__}
        return {
            "ticks": TickCounts(**fields),
            "queries": tuple(
                _known(query, since.get(query.name, 0), hours.get(query.name, 0.0)) for query in self._queries
            ),
            "latency_ms": {
                stage: _median_and_p99(values) for stage, values in self._latencies.items() if values
            },
        }

    def _traced(self, told: Sequence[Told]) -> Yield:
        trace: dict[str, int] = {}
        if told and self._spec.deadline_s is not None:
            state = np.frombuffer(json.dumps(self._fuser.state()).encode(), np.uint8)
            yield Checkpoint(name=self._name, epoch=self._epoch, state=state)
        for message in told:
            if isinstance(message, Fused):
                trace = self._latest_trace(message) | {"fuse": self._clock.now_ns()}
                self._note(trace)
            yield msgspec.structs.replace(message, trace=trace)
        if trace and self._spec.deadline_s is not None and self._clock.now_ns() >= self._next_snapshot_ns:
            self._next_snapshot_ns = self._clock.now_ns() + SNAPSHOT_NS
            yield self._fuser.snapshot()

    def _keep(self) -> None:
        """Write what was learnt, for the next run."""
        if self._spec.background and self._spec.deadline_s is not None:
            try:
                write_whole(Path(self._spec.background), self._fuser.background())
            except SixsenseError as error:
                log.error("what was learnt of the background is not kept: %s", error)

    def _note(self, trace: dict[str, int]) -> None:
        """Note how long each stage took."""
        stages = STAGES if self._spec.deadline_s is not None else STAGES[1:]
        times = [trace[stage] for stage in stages if stage in trace]
        if len(times) < len(stages):
            return
        for stage, before, after in zip(stages[1:], times, times[1:], strict=False):
            self._latencies[stage].append((after - before) / 1e6)
        self._latencies["total"].append((times[-1] - times[0]) / 1e6)

    def _latest_trace(self, fused: Fused) -> dict[str, int]:
        """The trace of the part that was encoded last: the one the tick waited for."""
        parts = {(part.input, part.seq) for part in fused.parts if part.end_ns == fused.stamp_ns}
        traces = [
            trace for name, kept in self._traces.items() for _, seq, trace in kept if (name, seq) in parts
        ]
        return max(traces, key=lambda trace: trace.get("encode", 0), default={})


def _known(query: QueryStatus, since_ns: int, hours: float) -> QueryStatus:
    """A query with what has become of it; one that asks for a rate says how far its background is known."""
    learning = query.at_most_per_h is not None and query.modalities and hours < ENOUGH_H
    note = f"calibrating, {hours:.1f} of {ENOUGH_H:g} h" if learning else query.note
    return msgspec.structs.replace(query, since_ns=since_ns, background_h=hours, note=note)


def _median_and_p99(values: Sequence[float]) -> tuple[float, float]:
    median, p99 = np.percentile(np.asarray(values), [50, 99])
    return round(float(median), 3), round(float(p99), 3)
