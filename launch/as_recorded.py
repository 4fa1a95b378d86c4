"""`replay --as-recorded`: a log's ticks and events computed again from its embeddings, and compared.

Fusion gets what it got then, in the order in which encode nodes told it. A tick that a deadline closed is
closed when it has the embeddings that it was recorded with.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from ..encoders.card import read_card
from ..encoders.embedding import Embedding, Missing, Range
from ..encoders.window import Window
from ..encoders.windower import Windower
from ..fusion.engine import Fuser, Told
from ..fusion.errors import FusionError
from ..fusion.fused import Fused, Labels, Match
from ..fusion.snapshot import Snapshot
from ..nodes.record import RESULTS
from ..nodes.recorded import RunPlan, from_json
from ..nodes.spec import EncodeSpec
from ..sensors.errors import SixsenseError, SourceError
from ..sensors.mcap.cdr import decode
from ..sensors.mcap.head import OWN
from ..sensors.mcap.log import Log, open_log
from ..sensors.mcap.scan import is_ours
from ..sensors.sample import NS, End, Progress, Sample
from .jsonl import json_line

Input = Embedding | Missing | Progress | End
NOT_COMPARED = {"epoch", "recv_ns", "trace", "seq"}
EXACT, COSINE = 1e-5, 0.999
_TYPES = {f"{OWN}{kind}": type_ for type_, (kind, _, _) in RESULTS.items()}
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


class VectorComparison(msgspec.Struct, kw_only=True):
    """Recorded windows that were encoded again: how far the vectors are apart.

    `other` windows hold other samples than the log has (it began or ended inside them, or lost some),
    `reused` ones have an earlier one's vector, `absent` ones are whole in the log and were not made again.
    `refused` is why nothing was encoded.
    """

    windows: int = 0
    other: int = 0
    reused: int = 0
    absent: int = 0
    beyond: int = 0
    furthest: float = 0.0
    least_cosine: float = 1.0
    precision: str = "exact"
    refused: str = ""

    @property
    def equal(self) -> bool:
        return self.windows > 0 and not self.beyond and not self.absent


def read_results(log: Log, prefixes: tuple[str, ...]) -> Iterator[msgspec.Struct]:
    """The recorded results whose topics begin so, in the order they were told in. Raises SourceError."""
    for raw in log.messages(OWN):
        if raw.topic.startswith(prefixes):
            kind = "/".join(raw.topic.split("/")[:3])
            yield decode(_TYPES[kind], raw.data)


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
        for one in _only(read_results(self._log, _TICKS), (Fused, Labels, Match, Snapshot)):
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


class Again(NamedTuple):
    """A window of the log, and its vector now, float32 (dim,)."""

    window: Window
    vector: np.ndarray


def encoded_again(log: Log, spec: EncodeSpec) -> Iterator[Again]:
    """The log's windows encoded as encode nodes do, as far as the log has their streams."""
    import cv2
    import torch

    from ..encoders.encode import Encoder
    from ..encoders.model import load_model

    cv2.setNumThreads(spec.threads)
    torch.set_num_threads(spec.threads)
    model = load_model(spec.model, precision=spec.precision, imu=spec.imu)
    encoder, windowers = Encoder(model), _windowers(log, spec)
    for event in log.events(1):
        closed = windowers[event.stream].feed(event) if event.stream in windowers else []
        for window in closed:
            if isinstance(window, Window):
                with suppress(SixsenseError):
                    yield Again(window, encoder.embed(window)[0])


def _windowers(log: Log, spec: EncodeSpec) -> dict[str, Windower]:
    """By stream, the windower of its input, for the inputs whose streams are all in the log."""
    infos = {info.stream: info for info in log.streams}
    windowers: dict[str, Windower] = {}
    for one in spec.inputs:
        names = [info.stream for info in one.members]
        if infos.keys() >= set(names):
            members = tuple(infos[name] for name in names)
            windower = Windower(msgspec.structs.replace(one, members=members), spec.windows[one.modality])
            windowers |= dict.fromkeys(names, windower)
    return windowers


def known_of(kept: Iterable[Embedding]) -> set[tuple[str, int, int]]:
    """What identifies embeddings that fusion has already."""
    return {(one.input, one.seq, one.end_ns) for one in kept}


def compare_vectors(
    log: Log, again: Iterable[Again], bases: Mapping[str, int], precision: str
) -> VectorComparison:
    """The log's embeddings beside those of the same windows encoded again. `bases` are the items that the log
    begins with, by stream."""
    found = {(one.window.input, one.window.index): one for one in again}
    result = VectorComparison(precision=precision)
    unmade: list[Embedding] = []
    for one in _only(read_results(log, (f"{OWN}embedding",)), (Embedding,)):
        other = found.get((one.input, one.index))
        if other is None:
            unmade.append(one)
            continue
        if _spans(one.ranges, bases) != _spans(other.window.ranges, {}):
            result.other += 1
            continue
        if one.reused >= 0:
            result.reused += 1
            continue
        result.windows += 1
        distance = float(np.max(np.abs(one.vector - other.vector)))
        cosine = float(one.vector.astype(np.float64) @ other.vector)
        result.furthest = max(result.furthest, distance)
        result.least_cosine = min(result.least_cosine, cosine)
        result.beyond += distance > EXACT if precision == "exact" else cosine < COSINE
    held = Held(log) if unmade else None
    result.absent = sum(held is not None and held.whole(one, bases) for one in unmade)
    result.other += len(unmade) - result.absent
    return result


class Held:
    """What a log has of each stream: its recorder may have lost items, or have been killed before a window
    ended."""

    def __init__(self, log: Log) -> None:
        self._spans: dict[str, list[tuple[int, int]]] = {info.stream: [] for info in log.streams}
        self._reached = dict.fromkeys(self._spans, 0)
        for event in log.events(1):
            if isinstance(event, Sample):
                spans = self._spans[event.stream]
                first = spans.pop()[0] if spans and spans[-1][1] == event.item else event.item
                spans.append((first, event.item + event.items))
            if not isinstance(event, End):
                reached_ns = event.t_ns if isinstance(event, Progress) else event.end_ns
                self._reached[event.stream] = max(self._reached[event.stream], reached_ns)

    def whole(self, embedding: Embedding, bases: Mapping[str, int]) -> bool:
        """Whether the log has all of an embedding's window."""
        return all(
            self._reached.get(stream, 0) >= embedding.end_ns
            and any(begin <= first and last <= end for begin, end in self._spans[stream])
            for stream, first, last in _spans(embedding.ranges, bases)
        )


def _spans(ranges: Iterable[Range], bases: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Which items a window holds, counted from where the log begins."""
    return [(r.stream, r.first - bases.get(r.stream, 0), r.last - bases.get(r.stream, 0)) for r in ranges]


def _inputs(log: Log) -> Iterator[Input]:
    """What encode nodes told fusion."""
    told = _only(read_results(log, _INPUTS), (Embedding, Missing, Progress, End))
    return (one for one in told if getattr(one, "stream", "") != "fused")


def _only(messages: Iterable[Any], types: tuple[type, ...]) -> Iterator[Any]:
    return (message for message in messages if isinstance(message, types))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.tobytes() == other.tobytes()
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
