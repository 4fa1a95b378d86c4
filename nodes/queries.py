"""Standing queries of a run: each gets its vector from an encode node, then stands until it is removed."""

import logging
from collections.abc import Mapping, Sequence
from itertools import count
from typing import NamedTuple

import msgspec

from ..encoders.card import ModelCard
from ..fusion.errors import QueryError
from ..fusion.query import Query, Standing, Term
from ..fusion.score import FUSED, background, check, judged, targets
from .control import Answer, Ask, Embed, Embedded, Outbox
from .wire.fields import MAX_HEADER_BYTES, MAX_PAYLOADS
from .wire.status import QueryStatus

log = logging.getLogger(__name__)
MAX_QUERIES, MAX_NAME, MAX_TERMS = 1000, 200, 64
MAX_NAMED = 20
"""How many of them an error names."""
MAX_MOMENTS = MAX_PAYLOADS - 1
"""The vectors of a query's moments travel in one message with its own."""
MAX_BYTES = MAX_HEADER_BYTES // 2
"""What all standing queries may take of the one header in which they travel, their vectors apart."""
EDGE = "edge"


class _Waiting(NamedTuple):
    """A query whose vector is under way; `ask` is None for those that a run starts with."""

    query: Query
    ask: int | None
    keep: bool


class StandingQueries:
    """Those a run starts with: `first`, and `remembered` of earlier runs where the name is free; then those
    that clients add.

    `version` is new whenever `matched` is. `kept` collects the clients' queries that are to be remembered, by
    name (None: to be forgotten), `notes` what a person should know. `encoder` is the node that is asked for
    vectors, the edge is told what has become of what clients ask. `inputs` are all that a query can look at,
    each with its modality.
    """

    def __init__(
        self,
        card: ModelCard,
        encoder: str,
        inputs: Mapping[str, str],
        first: Sequence[Query],
        remembered: Sequence[Query],
    ) -> None:
        self._card, self._encoder, self._inputs = card, encoder, inputs
        taken = {query.name for query in first}
        self._remembered = {query.name for query in remembered} - taken
        self._first = [*first, *(query for query in remembered if query.name in self._remembered)]
        self._standing: dict[str, Standing] = {}
        self._never: dict[str, str] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._ids = count(1)
        self.version = 0
        self.kept: list[tuple[str, Query | None]] = []
        self.notes: list[str] = []

    @property
    def waiting(self) -> bool:
        """Whether vectors are under way."""
        return bool(self._waiting)

    @property
    def matched(self) -> list[Standing]:
        """The standing queries that this space can compare with something."""
        return [standing for name, standing in self._standing.items() if name not in self._never]

    def silent(self) -> tuple[QueryStatus, ...]:
        """The others."""
        return tuple(
            QueryStatus(name=name, since_ns=0, modalities=(), note=why) for name, why in self._never.items()
        )

    def start(self) -> Outbox:
        """Ask for the vectors of those a run starts with; nothing where that was done, or there are none."""
        first, self._first = self._first, []
        return [self._embed(_Waiting(query, None, keep=False)) for query in first]

    def again(self) -> Outbox:
        """An encode node that has forgotten them is asked again for the vectors that are under way."""
        return [self._request(number, waiting.query) for number, waiting in self._waiting.items()]

    def embedded(self, word: Embedded) -> Outbox:
        """An encode node's answer. Raises QueryError where the run was started with what has no vector."""
        waiting = self._waiting.pop(word.id, None)
        if waiting is None:
            return []
        try:
            if word.standing is None:
                raise QueryError(word.error)
            note = self._stand(word.standing)
        except QueryError as error:
            return self._refuse(waiting, error)
        if waiting.ask is None:
            return []
        if waiting.keep:
            self.kept.append((waiting.query.name, _resolved(waiting.query, word.resolved)))
        return [(EDGE, Answer(id=waiting.ask, note=note))]

    def asked(self, ask: Ask) -> Outbox:
        """A client watches or unwatches."""
        if ask.query is None:
            return [(EDGE, self._removed(ask))]
        if error := self._why_not(ask.query):
            return [(EDGE, Answer(id=ask.id, error=error))]
        return [self._embed(_Waiting(ask.query, ask.id, ask.keep))]

    def _embed(self, waiting: _Waiting) -> tuple[str, Embed]:
        number = next(self._ids)
        self._waiting[number] = waiting
        return self._request(number, waiting.query)

    def _request(self, number: int, query: Query) -> tuple[str, Embed]:
        return self._encoder, Embed(id=number, query=query)

    def _stand(self, standing: Standing) -> str:
        """Let it stand; what is to be known of it. Raises QueryError."""
        never = "" if self._can_match(standing) else self._why_never(standing)
        if never:
            log.warning("%s", never)
        else:
            check(standing, self._card)
        if absent := [name for name in standing.query.inputs if name not in self._inputs]:
            raise QueryError(
                f"query {standing.query.name!r} looks at {', '.join(absent)[:MAX_NAME]}, no input of this "
                f"run; it has {', '.join(sorted(self._inputs))}"
            )
        wanted, taken = _size(standing), sum(map(_size, self._standing.values()))
        if taken + wanted > MAX_BYTES:
            raise QueryError(
                f"query {standing.query.name!r} takes {wanted} bytes, and those that stand {taken} "
                f"of {MAX_BYTES}: remove one, or give it fewer terms"
            )
        self._standing[standing.query.name] = standing
        if never:
            self._never[standing.query.name] = never
        self.version += 1
        return never or self._unseen(standing)

    def _refuse(self, waiting: _Waiting, error: QueryError) -> Outbox:
        """It does not stand: tell who asked. Raises the error where the run was started with it."""
        if waiting.ask is not None:
            return [(EDGE, Answer(id=waiting.ask, error=str(error)))]
        if waiting.query.name not in self._remembered:
            raise error
        note = f"a query of an earlier run does not stand: {error}"
        log.error("%s", note)
        self.notes.append(note)
        return []

    def _removed(self, ask: Ask) -> Answer:
        if self._standing.pop(ask.name, None) is None:
            names = ", ".join(sorted(self._standing)[:MAX_NAMED]) or "none"
            error = f"no query {ask.name[:MAX_NAME]!r}; standing are: {names}"
            return Answer(id=ask.id, error=error + ", ..." * (len(self._standing) > MAX_NAMED))
        self._never.pop(ask.name, None)
        self.version += 1
        self.kept.append((ask.name, None))
        return Answer(id=ask.id)

    def _why_not(self, query: Query) -> str:
        """Why a query cannot be added, or nothing."""
        name = query.name
        moments = sum(term.moment is not None for term in query.terms)
        if len(query.terms) > MAX_TERMS:
            return f"query {name[:MAX_NAME]!r} has {len(query.terms)} terms: give at most {MAX_TERMS}"
        if any(term.text is not None and not term.text.strip() for term in query.terms):
            return f"query {name[:MAX_NAME]!r} has an empty text: give words"
        if moments > MAX_MOMENTS:
            return f"query {name[:MAX_NAME]!r} has {moments} moments: give at most {MAX_MOMENTS}"
        if not 0 < len(name) <= MAX_NAME:
            return f"a query's name has 1 to {MAX_NAME} characters, and this one {len(name)}: give a --name"
        if not name.isprintable():
            return f"a query's name is printed, which {name!r} cannot be: give a --name"
        if name in self._standing or name in (waiting.query.name for waiting in self._waiting.values()):
            return f"a query {name!r} is standing already: choose another --name, or remove it"
        if len(self._standing) + len(self._waiting) >= MAX_QUERIES:
            return f"{MAX_QUERIES} queries are standing already: remove one"
        return ""

    def _can_match(self, standing: Standing) -> bool:
        wanted = standing.query.modalities or self._card.modalities
        if not {*wanted} <= {*self._card.modalities, FUSED}:
            return True  # what it asks for does not exist, which `check` says
        return any(background(self._card, standing, target) is not None for target in wanted)

    def _unseen(self, standing: Standing) -> str:
        """What to know of a query of which this run senses nothing."""
        query, compared = standing.query, targets(standing, self._card)
        where = f"{', '.join(compared)} of {', '.join(query.inputs or self._inputs)}"
        there = judged(query, compared, self._inputs)
        return "" if there else f"it looks at {where[:MAX_NAME]}, which this run has not"

    def _why_never(self, standing: Standing) -> str:
        reason = "has no background for that" if self._card.trained else "is untrained: similarity only"
        return (
            f"query {standing.query.name!r} ({standing.kind}) can match nothing: {self._card.name} {reason}"
        )


def _size(standing: Standing) -> int:
    return len(msgspec.msgpack.encode((standing.query, standing.mix)))


def _resolved(query: Query, vectors: Sequence[Term]) -> Query:
    """The query as it can be asked again: its moments as the vectors that they were."""
    waiting = iter(vectors)
    terms = tuple(term if term.moment is None else next(waiting) for term in query.terms)
    return msgspec.structs.replace(query, terms=terms)
