"""Known: a standing query with all that follows from it, which is found once however often queries change."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

from ..encoders.card import Background, ModelCard
from .query import Query, Standing
from .score import check, judged, targets


class Known(NamedTuple):
    """What its events and its scores depend on, what it is compared with, and where its events are."""

    standing: Standing
    identity: str
    content: str
    compared: dict[str, Background]
    judged: dict[str, Background]


def know(
    standing: Standing, card: ModelCard, inputs: Mapping[str, str] | None, before: Mapping[str, Known]
) -> Known:
    """What follows from a query; of one that was there `before`, by identity, it is known.

    `inputs` are the modality of each input that the run has (None: any). Raises QueryError.
    """
    identity = _identity(standing)
    same = before.get(identity)
    if same is not None and same.standing.space_id == standing.space_id:
        return same._replace(standing=standing)
    check(standing, card)
    compared = targets(standing, card)
    there = judged(standing.query, compared, inputs)
    return Known(standing, identity, _content(standing), compared, there)


def _identity(standing: Standing) -> str:
    """Tell queries apart by all that their events depend on."""
    query = standing.query
    numbers = (query.on, query.off, query.min_s, query.hold_s, query.cool_s, query.at_most_per_h)
    fields = (query.modalities, *numbers, standing.mix, *_asked(query))
    return blake2b(repr(fields).encode() + standing.vector.tobytes(), digest_size=8).hexdigest()


def _content(standing: Standing) -> str:
    """Tell queries apart by all that their scores depend on."""
    fields = (standing.mix, *_asked(standing.query)) if _asked(standing.query) else standing.mix
    return blake2b(repr(fields).encode() + standing.vector.tobytes(), digest_size=8).hexdigest()


def _asked(query: Query) -> tuple[object, ...]:
    """What else the score depends on where the query is not a plain match, or not of every input."""
    inputs = ("inputs", *query.inputs) if query.inputs else ()
    return inputs if query.asks == "match" else (query.asks, query.hours, query.modalities, *inputs)
