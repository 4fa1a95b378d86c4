"""Fuser: messages of encoders in, fused vectors and matches out, in order."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..encoders.card import ModelCard
from ..encoders.embedding import Embedding, Missing
from .combine import combine
from .errors import FusionError
from .fused import Fused, Labels, Match
from .labels import Labeller, LabelTable
from .learnt import decode_learnt, encode_learnt
from .match import Matcher
from .query import Standing
from .rule import InputRule
from .snapshot import Snapshot, pack, unpack
from .space import flaw
from .tick import Message, Tick, Ticker, TickerState

Told = Fused | Labels | Match


class Counts(msgspec.Struct, kw_only=True):
    """Ticks by how they closed and without a vector (`empty`), published events and those shorter than their
    `min_s` (`brief`), embeddings taken in, those for a tick that had closed (`late`), windows without one and
    messages refused, by cause."""

    fused: int = 0
    complete: int = 0
    deadline: int = 0
    empty: int = 0
    first_ns: int = 0
    last_ns: int = 0
    events: int = 0
    brief: int = 0
    embeddings: int = 0
    late: int = 0
    none: dict[str, int] = {}
    refused: dict[str, int] = {}


class _State(msgspec.Struct, forbid_unknown_fields=True):
    last_ns: int | None
    events: dict[str, Any]


class _Whole(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a Snapshot's state."""

    state: dict[str, Any]
    background: bytes
    ticker: TickerState
    standing: tuple[Standing, ...]


class Fuser:
    """Ticks, combining and matching behind one face. `deadline_ns` is None in replay."""

    def __init__(
        self,
        card: ModelCard,
        rules: Mapping[str, InputRule],
        *,
        hop_ns: int,
        deadline_ns: int | None,
        epoch: int,
        labels: Sequence[LabelTable] = (),
    ) -> None:
        self._card, self._rules, self._epoch = card, dict(rules), epoch
        self._ticker = Ticker(self._rules, hop_ns=hop_ns, deadline_ns=deadline_ns)
        inputs = {name: rule.modality for name, rule in self._rules.items()}
        self._matcher = Matcher(card, epoch=epoch, inputs=inputs)
        self._labeller = Labeller(card, labels, hop_ns=hop_ns, epoch=epoch)
        self._counts = Counts()
        self._standing: tuple[Standing, ...] = ()

    @property
    def due_ns(self) -> int | None:
        """When `due` has something to do next; None while nothing waits for a deadline."""
        return self._ticker.due_ns

    def feed(self, message: Message) -> list[Told]:
        """Take one message in; return each tick it completes: its Fused, then its labels and matches.

        Raises FusionError, counts it by cause and changes nothing else, for an input that is not in the
        plan or an embedding of another modality, space or shape.
        """
        if isinstance(message, Embedding):
            self._check(message)
        try:
            ticks = self._ticker.feed(message)
        except FusionError:
            _count(self._counts.refused, "input")
            raise
        if isinstance(message, Missing):
            _count(self._counts.none, message.cause)
        self._counts.embeddings += isinstance(message, Embedding)
        return self._tell(ticks)

    def due(self, now_ns: int) -> list[Told]:
        """Return what the live deadlines that have passed at `now_ns` close."""
        return self._tell(self._ticker.due(now_ns))

    def finish(self) -> list[Told]:
        """Close the remaining ticks and end what is open: the run is over."""
        return [*self._tell(self._ticker.finish()), *self._matcher.finish(self._ticker.last_ns or 0)]

    def set_queries(self, standing: Sequence[Standing], *, from_ns: int | None = None) -> int:
        """Make `standing` the queries from `from_ns` on (the next tick if None); return that stamp.

        Raises QueryError, and changes nothing, when one of them is unusable.
        """
        from_ns = self._ticker.next_tick_ns if from_ns is None else from_ns
        self._matcher.set_queries(standing, from_ns=from_ns)
        self._standing = tuple(standing)
        return from_ns

    def since_ns(self) -> dict[str, int]:
        """The first tick that each standing query was matched in, by name."""
        return self._matcher.since_ns()

    def looks(self) -> dict[str, tuple[str, ...]]:
        """Which modalities of the run each query that was set last looks at, by name."""
        return self._matcher.looks()

    def hours(self) -> dict[str, float]:
        """Hours of background seen of each standing query, by name."""
        return self._matcher.hours()

    def background(self) -> bytes:
        """What was learnt of backgrounds, and of what is not new, to begin another run of this space with."""
        return encode_learnt(self._matcher.background())

    def restore_background(self, saved: bytes) -> None:
        """Take over `background()`, before the first message. Raises QueryError for bytes that are none."""
        self._matcher.restore_background(decode_learnt(saved))

    def counts(self) -> Counts:
        """Return the counts so far (a copy)."""
        counts = msgspec.structs.replace(self._counts, late=self._ticker.late, brief=self._matcher.brief)
        counts.none, counts.refused = dict(counts.none), dict(counts.refused)
        return counts

    def state(self) -> dict[str, Any]:
        """What a new process needs to go on after the last tick, as plain builtins."""
        return {"last_ns": self._ticker.last_ns, "events": self._matcher.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over `state()` of an earlier process, before the first message: no tick is told twice.

        Raises FusionError where `state` is not what `state()` returns.
        """
        try:
            saved = msgspec.convert(state, _State)
        except msgspec.ValidationError as error:
            raise FusionError(f"the saved state cannot be read ({error}): start without it") from error
        self._matcher.restore(saved.events)
        self._ticker.resume(saved.last_ns)

    def snapshot(self) -> Snapshot:
        """All that later ticks and matches depend on, with the queries that stand from the next tick on."""
        whole = _Whole(
            state=self.state(),
            background=self.background(),
            ticker=self._ticker.state(),
            standing=self._standing,
        )
        return Snapshot(
            epoch=self._epoch,
            from_ns=self._ticker.next_tick_ns,
            queries=tuple(one.query.name for one in self._standing),
            state=pack(whole),
        )

    def resume(self, snapshot: Snapshot) -> None:
        """Go on as the one whose `snapshot()` this is, before the first message. Raises FusionError."""
        whole = unpack(_Whole, snapshot.state)
        self.restore(whole.state)
        self.restore_background(whole.background)
        self._ticker.go_on(whole.ticker)
        self.set_queries(whole.standing, from_ns=snapshot.from_ns)

    def kept(self) -> tuple[Embedding, ...]:
        """The embeddings that a later tick may still use."""
        return tuple(one for source in self._ticker.state().inputs.values() for one in source.kept)

    def take_queries(self, snapshot: Snapshot) -> None:
        """Make the queries those of a later snapshot, from its tick on. Raises FusionError."""
        self.set_queries(unpack(_Whole, snapshot.state).standing, from_ns=snapshot.from_ns)

    def _check(self, embedding: Embedding) -> None:
        rule, card = self._rules.get(embedding.input), self._card
        if rule is not None and embedding.modality != rule.modality:
            self._refuse(embedding, "modality", f"is {embedding.modality}, but the plan says {rule.modality}")
        if embedding.space_id != card.space_id:
            self._refuse(embedding, "space", f"is of the space {embedding.space_id!r}, not {card.space_id!r}")
        if (reason := flaw(embedding.vector, card.dim)) is not None:
            self._refuse(embedding, "vector", f"has a vector that {reason}")
        if not 0 <= embedding.quality <= 1:
            self._refuse(embedding, "quality", f"has quality {embedding.quality}, not one in [0, 1]")

    def _refuse(self, embedding: Embedding, cause: str, reason: str) -> None:
        _count(self._counts.refused, cause)
        raise FusionError(
            f"window {embedding.index} of input {embedding.input!r} (epoch {embedding.epoch}) {reason}: "
            f"encode it with {self._card.name}, as the plan has it"
        )

    def _tell(self, ticks: list[Tick]) -> list[Told]:
        told: list[Told] = []
        for tick in ticks:
            fused = combine(tick, self._rules, self._card, epoch=self._epoch, seq=self._counts.fused)
            matches = self._matcher.match(tick, fused)
            self._tally(fused, matches)
            told += [fused, *self._labeller.tell(tick, fused), *matches]
        return told

    def _tally(self, fused: Fused, matches: list[Match]) -> None:
        counts = self._counts
        counts.first_ns = counts.first_ns if counts.fused else fused.stamp_ns
        counts.last_ns = fused.stamp_ns
        counts.fused += 1
        counts.complete += fused.closed == "complete"
        counts.deadline += fused.closed == "deadline"
        counts.empty += fused.vector is None
        counts.events += sum(match.phase == "begin" for match in matches)


def _count(counts: dict[str, int], cause: str) -> None:
    counts[cause] = counts.get(cause, 0) + 1
