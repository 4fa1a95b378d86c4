"""Match: standing queries against ticks, as events that begin and end."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from ..encoders.card import ModelCard
from ..sensors.sample import NS
from .background import check_pair
from .errors import QueryError
from .event import Event, Phase, Reading, begin, observe, phase
from .fused import Fused, Match
from .known import Known, know
from .learnt import Learnt
from .novelty import Memory, Remembered, check_remembered
from .odd import Glimpse, Odd, remember
from .query import Query, Standing
from .score import FUSED, Bank, Scores, check_card
from .space import centre
from .target import Target, Watched
from .tick import Tick

_ALWAYS = -(2**63)


class Track(msgspec.Struct, kw_only=True):
    """What is remembered of a query by its name: how many events it has had, and the open one.

    `ended_ns` is when the last one ended, for its cool-down.
    """

    identity: str
    since_ns: int | None = None
    events: int = 0
    ended_ns: int | None = None
    event: Event | None = None


class _Change(NamedTuple):
    from_ns: int
    known: tuple[Known, ...]


class _Seen(NamedTuple):
    """One vector of a tick, where it comes from, its scores against every query and how far above `on`."""

    modality: str
    input: str
    seq: int
    start_ns: int
    end_ns: int
    scores: Scores
    margin: np.ndarray


class Matcher:
    """Compares every tick with the standing queries and tells what begins, goes on and ends.

    A query's score on an input is the centred cosine, standardised by the background of that pair of
    modalities. It begins an event where that is highest above its threshold there. It depends on that query
    alone, bit for bit, however many others there are. `inputs` are the modality of each input that the
    run has (None: any).
    """

    def __init__(self, card: ModelCard, *, epoch: int = 0, inputs: Mapping[str, str] | None = None) -> None:
        check_card(card)
        self._card, self._epoch, self._seq = card, epoch, 0
        self._inputs = inputs
        self._newest: tuple[Known, ...] = ()
        self._targets: dict[str, Target] = {}
        self._saved = Learnt(pairs={})
        self._memories: dict[str, Memory] = {}
        self._changes: list[_Change] = []
        self._tracks: dict[str, Track] = {}
        self._apply_bank(())
        self.brief = 0

    def set_queries(self, standing: Sequence[Standing], *, from_ns: int) -> None:
        """Make `standing` the queries from the first tick at or after `from_ns`; the rest are removed.

        What was asked before and is unchanged goes on undisturbed. A query that is removed or changed ends
        its open event at that tick. Raises QueryError, and changes nothing, when any of them is unusable
        or two have the same name.
        """
        ordered = sorted(standing, key=lambda one: one.query.name)
        for one, other in pairwise(ordered):
            if one.query.name == other.query.name:
                raise QueryError(f"two queries are called {one.query.name!r}: give each its own name")
        before = {one.identity: one for one in self._newest}
        self._newest = tuple(know(one, self._card, self._inputs, before) for one in ordered)
        self._changes = [change for change in self._changes if change.from_ns < from_ns]
        self._changes.append(_Change(from_ns, self._newest))

    def looks(self) -> dict[str, tuple[str, ...]]:
        """Which modalities of the run each query that was set last looks at, by name."""
        queries = [(one.standing.query, one.judged) for one in self._newest]
        return {q.name: q.modalities if q.asks == "disagreement" else tuple(j) for q, j in queries}

    def match(self, tick: Tick, fused: Fused) -> list[Match]:
        """Return what the tick says of each query: ends of removed queries first, then by query name."""
        matches = self._apply_changes(tick.stamp_ns)
        if not self._standing:
            return matches
        seen = self._see(tick, fused)
        margins = np.array([self._nothing, *(one.margin for one in seen)])
        best = np.argmax(margins, axis=0)
        rises = (np.max(margins, axis=0) >= 0) & (self._cool_ns <= tick.stamp_ns)
        for index in map(int, np.flatnonzero(rises | self._open)):
            reading = self._reading(index, seen, int(best[index]) - 1) if best[index] else None
            matches += self._step(index, tick.stamp_ns, reading)
        self._learn(tick.stamp_ns, seen)
        return matches

    def finish(self, stamp_ns: int) -> list[Match]:
        """End every open event at `stamp_ns`, the last tick of the run."""
        return [match for name in sorted(self._tracks) for match in self._end(name, stamp_ns)]

    def since_ns(self) -> dict[str, int]:
        """The first tick that each standing query was matched in, by name."""
        tracks = {name: self._tracks[name].since_ns for name in self._names}
        return {name: since_ns for name, since_ns in tracks.items() if since_ns is not None}

    def state(self) -> dict[str, Any]:
        """What a new process needs to go on: event numbers and open events, as plain builtins."""
        return msgspec.to_builtins(self._tracks)

    def restore(self, state: dict[str, Any]) -> None:
        """Take over `state()` of an earlier process, before the first tick.

        Open events go on when the same query is set again, and end at the first tick that has other
        queries. Raises QueryError where `state` is not what `state()` returns.
        """
        try:
            self._tracks = msgspec.convert(state, dict[str, Track])
        except msgspec.ValidationError as error:
            raise QueryError(f"the saved events cannot be read ({error}): start without them") from error

    def hours(self) -> dict[str, float]:
        """Hours of background seen of each standing query, by name."""
        return {name: self._hours(name) for name in self._names}

    def background(self) -> Learnt:
        """What was learnt of each query's background, and of what is nothing new."""
        pairs = {modality: target.learner.saved() for modality, target in self._targets.items()}
        memories = {modality: memory.saved() for modality, memory in self._memories.items()}
        return Learnt(pairs=self._saved.pairs | pairs, memories=self._saved.memories | memories)

    def restore_background(self, saved: Learnt) -> None:
        """Take over `background()` of an earlier run in this space, before the first tick.

        Raises QueryError, and takes over nothing, where any of it does not fit together.
        """
        for pair in (pair for pairs in saved.pairs.values() for pair in pairs.values()):
            check_pair(pair)
        for memory in saved.memories.values():
            check_remembered(memory, self._card.dim)
        self._saved = Learnt(pairs=dict(saved.pairs), memories=dict(saved.memories))

    def _apply_changes(self, stamp_ns: int) -> list[Match]:
        matches: list[Match] = []
        while self._changes and self._changes[0].from_ns <= stamp_ns:
            matches += self._apply(self._changes.pop(0).known, stamp_ns)
        return matches

    def _apply(self, known: tuple[Known, ...], stamp_ns: int) -> list[Match]:
        identities = {one.standing.query.name: one.identity for one in known}
        gone = [name for name, track in self._tracks.items() if track.identity != identities.get(name)]
        matches = [match for name in sorted(gone) for match in self._end(name, stamp_ns)]
        for name in gone:
            self._forget(name)
        for name, identity in identities.items():
            track = self._tracks.setdefault(name, Track(identity=identity))
            track.identity = identity
            track.since_ns = stamp_ns if track.since_ns is None else track.since_ns
        self._apply_bank(known)
        return matches

    def _forget(self, name: str) -> None:
        """Keep only the number of events, so that a query asked again does not use one twice."""
        self._tracks[name].since_ns = None
        if not self._tracks[name].events:
            del self._tracks[name]

    def _apply_bank(self, known: tuple[Known, ...]) -> None:
        self._known = known
        self._standing = standing = [one.standing for one in known]
        self._names = [one.query.name for one in standing]
        self._rows = {name: row for row, name in enumerate(self._names)}
        self._bank = Bank(standing, self._card, [one.compared for one in known])
        self._nothing = np.full(len(standing), -np.inf)
        self._cool_ns = np.array([self._cooled_ns(one.query) for one in standing], np.int64)
        self._choosy = {row: one.query.inputs for row, one in enumerate(standing) if one.query.inputs}
        self._looking_away: dict[str, np.ndarray] = {}
        self._odd = Odd(standing, [tuple(one.judged) for one in known])
        self._memories = {m: memory for m, memory in self._memories.items() if self._odd.hours(m)}
        before, self._targets = self._targets, {}
        for modality in before:
            self._targets[modality] = Target(self._watched(modality), before[modality])
        self._open = np.array([self._tracks[name].event is not None for name in self._names], dtype=bool)

    def _watched(self, modality: str) -> list[Watched]:
        """The standing queries as they look at `modality`."""
        watched: list[Watched] = []
        for one in self._known:
            shipped = one.judged[modality].tail if modality in one.judged else None
            watched.append(Watched(one.standing.query, one.content, shipped, max(1, len(one.judged))))
        return watched

    def _target(self, modality: str) -> Target:
        if modality not in self._targets:
            self._targets[modality] = target = Target(self._watched(modality))
            target.learner.restore(self._saved.pairs.pop(modality, {}))
            target.restored()
        return self._targets[modality]

    def _learn(self, stamp_ns: int, seen: list[_Seen]) -> None:
        """What is no event is background."""
        quiet = ~self._open
        for modality in dict.fromkeys(one.modality for one in seen):
            scores = [one.scores.score for one in seen if one.modality == modality]
            self._targets[modality].observe(stamp_ns, np.max(scores, axis=0), quiet)

    def _see(self, tick: Tick, fused: Fused) -> list[_Seen]:
        """Every vector of the tick that a query can look at, by input name; the fused one last."""
        newest = sorted(tick.newest.items())
        places = [(name, one.seq, one.start_ns, one.end_ns) for name, one in newest]
        glimpses = [self._glimpse(one.modality, one.quality, one.vector) for _, one in newest]
        if fused.vector is not None:
            start_ns = min(one.start_ns for one in tick.newest.values())
            places.append((FUSED, fused.seq, start_ns, tick.stamp_ns))
            glimpses.append(self._glimpse(FUSED, 1.0, fused.vector))
        asked = {one.modality for one in glimpses if self._odd.hours(one.modality)}
        memories = {modality: self._memory(modality, tick.stamp_ns) for modality in asked}
        self._odd.judge(tick.stamp_ns, glimpses, memories)
        for (name, *_), glimpse in zip(places, glimpses, strict=True):
            glimpse.scores.score[self._elsewhere(name)] = -np.inf
        remember(tick.stamp_ns, glimpses, memories)
        return [
            _Seen(one.modality, *place, one.scores, one.scores.score - self._target(one.modality).on)
            for place, one in zip(places, glimpses, strict=True)
        ]

    def _elsewhere(self, name: str) -> np.ndarray:
        """The rows of the queries that look at other inputs."""
        if name not in self._looking_away:
            rows = [row for row, inputs in self._choosy.items() if name not in inputs]
            self._looking_away[name] = np.array(rows, np.int64)
        return self._looking_away[name]

    def _glimpse(self, modality: str, quality: float, vector: np.ndarray) -> Glimpse:
        centred = centre(vector, None if modality == FUSED else self._card.means.get(modality))
        return Glimpse(modality, quality, centred, self._bank.score(modality, vector))

    def _memory(self, modality: str, stamp_ns: int) -> Memory:
        """What `modality` was like, as far back as any query asks."""
        hours = self._odd.hours(modality)
        if modality not in self._memories:
            self._memories[modality] = memory = Memory(self._card.dim, hours)
            saved: Remembered | None = self._saved.memories.pop(modality, None)
            if saved is not None:
                memory.restore(saved, stamp_ns)
        self._memories[modality].hours = hours
        return self._memories[modality]

    def _reading(self, index: int, seen: list[_Seen], best: int) -> Reading:
        above: dict[str, float] = {}
        for one in seen:
            excess = float(one.scores.score[index] - self._targets[one.modality].off[index])
            if excess >= 0:
                above[one.modality] = max(excess, above.get(one.modality, 0.0))
        winner = seen[best]
        target, score = self._targets[winner.modality], float(winner.scores.score[index])
        return Reading(
            score=score,
            margin=float(winner.margin[index]),
            cosine=float(winner.scores.cosine[index]),
            per_h=target.per_h(index, score),
            calibrated=target.calibrated(index),
            holds=bool(above),
            shares=_parts(above),
            input=winner.input,
            embedding_seq=winner.seq,
            start_ns=winner.start_ns,
            end_ns=winner.end_ns,
        )

    def _step(self, index: int, stamp_ns: int, reading: Reading | None) -> list[Match]:
        query, track = self._standing[index].query, self._tracks[self._names[index]]
        if track.event is None:
            assert reading is not None, "only a score at or above `on` opens an event"
            track.event = begin(stamp_ns, reading)
            self._open[index] = True
        else:
            observe(track.event, stamp_ns, reading)
        what = phase(track.event, stamp_ns, query)
        if what == "end":
            self._open[index] = False
            told = self._end(query.name, stamp_ns)
            self._cool_ns[index] = self._cooled_ns(query)
            return told
        return [] if what is None else [self._tell(query.name, what, stamp_ns)]

    def _cooled_ns(self, query: Query) -> int:
        """The first stamp at which an event may begin again."""
        ended_ns = self._tracks[query.name].ended_ns
        return _ALWAYS if ended_ns is None else ended_ns + round(query.cool_s * NS)

    def _hours(self, name: str) -> float:
        """Hours of background seen of a query on the target where that is least."""
        if (row := self._rows.get(name)) is None:
            return 0.0
        seen = [t.learner.hours[row] for m, t in self._targets.items() if m in self._known[row].judged]
        return float(min(seen, default=0.0))

    def _end(self, name: str, stamp_ns: int) -> list[Match]:
        """Close the event of `name`, if any; one that never lasted `min_s` is only counted."""
        event = self._tracks[name].event
        told = [self._tell(name, "end", stamp_ns)] if event is not None and event.number else []
        self.brief += event is not None and not event.number
        self._tracks[name].event = None
        if told:
            self._tracks[name].ended_ns = stamp_ns
        return told

    def _tell(self, name: str, what: Phase, stamp_ns: int) -> Match:
        track = self._tracks[name]
        event = track.event
        assert event is not None, "only an open event is told"
        if what == "begin":
            track.events += 1
            event.number = track.events
        event.told_ns, event.told_peak = stamp_ns, event.peak.margin
        self._seq += 1
        return Match(
            epoch=self._epoch,
            seq=self._seq - 1,
            event=event.number,
            phase=what,
            query=name,
            stamp_ns=stamp_ns,
            begin_ns=event.begin_ns,
            last_ns=event.last_ns,
            score=event.now.score,
            peak=event.peak.score,
            cosine=event.now.cosine,
            calibrated=event.peak.calibrated,
            per_h=event.peak.per_h,
            background_h=self._hours(name),
            modalities=event.modalities,
            shares=event.peak.shares,
            input=event.peak.input,
            embedding_seq=event.peak.embedding_seq,
            evidence_start_ns=event.peak.start_ns,
            evidence_end_ns=event.peak.end_ns,
        )


def _parts(above: dict[str, float]) -> dict[str, float]:
    """Each modality's part of all that stands out, by name."""
    total = sum(above.values())
    return {name: above[name] / total if total else 1 / len(above) for name in sorted(above)}
