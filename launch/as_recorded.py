"""`replay --as-recorded`: a log's ticks and events computed again from its embeddings, and compared.

Fusion gets what it got then, in the order in which encode nodes told it. A tick that a deadline closed is
closed when it has the embeddings that it was recorded with.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ..encoders.card import read_card
from ..encoders.embedding import Embedding, Missing
from ..fusion.engine import Fuser, Told
from ..fusion.errors import FusionError
from ..fusion.fused import Fused, Labels, Match
from ..fusion.snapshot import Snapshot
from ..nodes.record import RESULTS
from ..nodes.recorded import RunPlan, from_json
from ..sensors.errors import SixsenseError, SourceError
from ..sensors.mcap.head import OWN
from ..sensors.mcap.log import Log, open_log
from ..sensors.mcap.scan import is_ours
from ..sensors.sample import NS, End, Progress
from .jsonl import json_line
from .recorded_results import only, read_results
from .vectors_again import VectorComparison, compare_vectors, encoded_again

Input = Embedding | Missing | Progress | End
NOT_COMPARED = {"epoch", "recv_ns", "trace", "seq"}
_INPUTS = tuple(f"{OWN}{RESULTS[type_][0]}" for type_ in (Embedding, Missing, Progress, End))
_TICKS = tuple(f"{OWN}{RESULTS[type_][0]}" for type_ in (Fused, Labels, Match, Snapshot))


class Comparison(msgspec.Struct, kw_only=True):
    """How many ticks and events are equal; `differ` is by what is not, with the first instance in `example`.

    `before` are ticks from before the first snapshot of fusion that the log has, `after` those at its end
    that closed with what encode nodes told after it was cut off, `refused` embeddings that fusion could not
    take, then as now.
    """

    ticks: int = 0
    matches: int = 0
    events: int = 0
    before: int = 0
    after: int = 0
    refused: int = 0
    differ: Counter[str] = msgspec.field(default_factory=Counter)
    example: str = ""

    @property
    def equal(self) -> bool:
        return not self.differ and self.ticks > 0

    def note(self, what: str, example: str) -> None:
        self.differ[what] += 1
        self.example = self.example or f"{what}: {example}"


def replay_as_recorded(path: Path, *, json: bool) -> bool:
    """Print how a log's run compares with what is computed again from it; whether everything is equal.

    With `json` every tick and match as it was computed again, one object a line, and the comparison last.
    Raises SourceError for what is not a log of ours.
    """
    if not is_ours(path):
        raise SourceError(
            f"{path} is not a log that `sixsense record` wrote: replay it without --as-recorded"
        )
    log = open_log(path)
    plan = from_json(log.head.plan)

    def say(made: Told) -> None:
        if json:
            print(json_line(RESULTS[type(made)][0], made), flush=True)

    ticks = Refusion(log, plan).run(say)
    vectors = _vectors(log, plan)
    if json:
        print(json_line("comparison", Both(ticks=ticks, vectors=vectors)))
    else:
        print("\n".join(_lines(ticks, vectors)))
    return ticks.equal and vectors.equal


def _vectors(log: Log, plan: RunPlan) -> VectorComparison:
    """What encoding again gives; `refused` where the model that the log was recorded with is not here."""
    recorded = plan.fuse.card.space_id
    try:
        here = read_card(plan.encode.model).space_id
    except SixsenseError as error:
        return VectorComparison(refused=str(error))
    if here != recorded:
        why = f"they are of {recorded}, and {plan.encode.model} is {here} now; give it the weights of then"
        return VectorComparison(refused=why)
    return compare_vectors(log, encoded_again(log, plan.encode), log.bases(), plan.encode.precision)


class Both(msgspec.Struct, frozen=True, kw_only=True):
    """What `--as-recorded --json` ends with."""

    ticks: Comparison
    vectors: VectorComparison


def _lines(ticks: Comparison, vectors: VectorComparison) -> Iterator[str]:
    yield f"ticks and events: {ticks.ticks} ticks, {ticks.matches} matches of {ticks.events} events compared"
    if ticks.before:
        yield f"  {ticks.before} ticks before fusion's state was first recorded are not compared"
    if ticks.after:
        yield f"  {ticks.after} ticks that closed as the log was cut off are not compared"
    if ticks.equal:
        yield "  every one is the recorded one, bit for bit"
    elif not ticks.ticks:
        yield "  nothing to compare: the log has no state of fusion, or no tick after it"
    for what, count in ticks.differ.items():
        yield f"  {count} of {what} DIFFER; the first {ticks.example}"
    if vectors.refused:
        yield f"vectors: NOT COMPARED: {vectors.refused}"
        return
    yield (
        f"vectors: {vectors.windows} windows encoded again, furthest {vectors.furthest:.2g}, "
        f"least cosine {vectors.least_cosine:.6f}"
    )
    if vectors.reused:
        yield f"  {vectors.reused} windows have an earlier one's vector: their picture had not changed"
    if vectors.other:
        yield f"  {vectors.other} windows hold samples that are not in the log"
    if vectors.beyond or vectors.absent:
        yield f"  {vectors.beyond} DIFFER by more than allowed, {vectors.absent} are not made again"


class Refusion:
    """Computes a log's ticks again and compares each with the recorded one."""

    def __init__(self, log: Log, plan: RunPlan) -> None:
        self._log, self._plan = log, plan
        deadline_s = plan.fuse.deadline_s
        self._deadline_ns = None if deadline_s is None else round(deadline_s * NS)
        self._inputs: Iterator[Input] = iter(())
        self._fuser: Fuser | None = None
        self._made: deque[Told] = deque()
        self._known: set[tuple[str, int, int]] = set()
        self._running = set(plan.fuse.rules)
        self._is_cut_off = False
        self.result = Comparison()

    def run(self, say: Callable[[Told], None] = lambda _: None) -> Comparison:
        """Go through the whole log; `say` gets every tick and match as it was computed again."""
        self._inputs = _inputs(self._log)
        for one in only(read_results(self._log, _TICKS), (Fused, Labels, Match, Snapshot)):
            if isinstance(one, Snapshot):
                self._take(one)
            elif self._fuser is None:
                self.result.before += isinstance(one, Fused)
            else:
                made = self._next_for(one)
                if self._is_cut_off:
                    self.result.after += isinstance(one, Fused)
                    continue
                self._compare(one, made)
                if made is not None:
                    say(made)
        return self.result

    def _take(self, snapshot: Snapshot) -> None:
        """The first one starts fusion; later ones change its queries."""
        if self._fuser is not None:
            self._fuser.take_queries(snapshot)
            return
        fuse = self._plan.fuse
        self._fuser = Fuser(
            fuse.card,
            fuse.rules,
            hop_ns=round(fuse.hop_s * NS),
            deadline_ns=self._deadline_ns,
            epoch=0,
            labels=fuse.labels,
        )
        self._fuser.resume(snapshot)
        self._known = known_of(self._fuser.kept())

    def _next_for(self, recorded: Told) -> Told | None:
        """What fusion tells in the place of this recorded one, fed no further than needed for it."""
        assert self._fuser is not None, "a snapshot comes first"
        while not self._made:
            if isinstance(recorded, Fused) and recorded.closed == "deadline" and self._has(recorded):
                self._made += self._fuser.due(recorded.stamp_ns + (self._deadline_ns or 0))
                return self._made.popleft() if self._made else None
            event = next(self._inputs, None)
            if event is None and self._running:
                self._is_cut_off = True
                return None
            if event is None:
                self._made += self._fuser.finish()
                return self._made.popleft() if self._made else None
            self._feed(event)
        return self._made.popleft()

    def _has(self, recorded: Fused) -> bool:
        return all((part.input, part.seq, part.end_ns) in self._known for part in recorded.parts)

    def _feed(self, event: Input) -> None:
        assert self._fuser is not None, "a snapshot comes first"
        if isinstance(event, End):
            self._running.discard(event.stream)
        else:
            self._running.add(event.stream if isinstance(event, Progress) else event.input)
        if isinstance(event, Embedding):
            key = (event.input, event.seq, event.end_ns)
            if key in self._known:
                return
            self._known.add(key)
        try:
            self._made += self._fuser.feed(event)
        except FusionError:
            # The run refused it too, and counted it.
            self.result.refused += 1

    def _compare(self, recorded: Told, made: Told | None) -> None:
        what = "tick" if isinstance(recorded, Fused) else RESULTS[type(recorded)][0]
        self.result.ticks += isinstance(recorded, Fused)
        self.result.matches += isinstance(recorded, Match)
        self.result.events += isinstance(recorded, Match) and recorded.phase == "begin"
        if made is None:
            self.result.note(what, f"recorded at {recorded.stamp_ns}, and not computed again")
        elif difference := differing(recorded, made):
            self.result.note(what, f"recorded at {recorded.stamp_ns}: {difference}")


def differing(recorded: msgspec.Struct, made: msgspec.Struct) -> str:
    """The first field in which two messages differ, bit for bit, or nothing."""
    if type(recorded) is not type(made):
        return f"it is a {type(recorded).__name__}, computed again a {type(made).__name__}"
    for name in recorded.__struct_fields__:
        if name not in NOT_COMPARED and not _same(getattr(recorded, name), getattr(made, name)):
            return f"{name} is {_short(getattr(recorded, name))}, again {_short(getattr(made, name))}"
    return ""


def known_of(kept: Iterable[Embedding]) -> set[tuple[str, int, int]]:
    """What identifies embeddings that fusion has already."""
    return {(one.input, one.seq, one.end_ns) for one in kept}


def _inputs(log: Log) -> Iterator[Input]:
    """What encode nodes told fusion."""
    told = only(read_results(log, _INPUTS), (Embedding, Missing, Progress, End))
    return (one for one in told if getattr(one, "stream", "") != "fused")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.tobytes() == other.tobytes()
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
