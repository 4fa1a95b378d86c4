"""Compose: the vectors of a query's terms to the one that is matched."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .errors import QueryError
from .query import Query, Standing
from .space import ZERO, centre, flaw

if TYPE_CHECKING:
    from ..encoders.card import ModelCard


MOST_WEIGHT = 1e6
"""Only their ratios matter; a square of more is no number at last."""


class Part(NamedTuple):
    """A term's weight, the modality it is of, and its unit vector, float32 (dim,)."""

    weight: float
    modality: str
    vector: np.ndarray


def compose(query: Query, parts: Sequence[Part], card: "ModelCard") -> Standing:
    """The weighted sum of the parts, each centred by its modality's mean, at unit length.

    Sums and differences of embeddings are retrieval by several things at once (Girdhar et al., "ImageBind",
    section 4.4). Raises QueryError for parts that are no vectors of the space, or cancel out.
    """
    if query.asks == "novelty":
        if parts:
            raise QueryError(f"query {query.name!r} asks for anything new, and has terms: leave them out")
        return Standing(query=query, mix=(), space_id=card.space_id, vector=np.zeros(card.dim, np.float32))
    if not parts:
        raise QueryError(f"query {query.name!r} has no terms: give a text, a file, a moment or a vector")
    total = np.zeros(card.dim)
    for part in parts:
        if not abs(part.weight) <= MOST_WEIGHT or part.modality not in card.modalities:
            raise QueryError(
                f"query {query.name!r}: a term of {part.modality or 'no modality'} weight {part.weight}; "
                f"give a weight of at most {MOST_WEIGHT:g} and one of {', '.join(card.modalities)}"
            )
        if (reason := flaw(part.vector, card.dim)) is not None:
            raise QueryError(
                f"query {query.name!r}: the vector of a term {reason}: embed it with {card.name}"
            )
        total += part.weight * centre(part.vector, card.means.get(part.modality))
    length = float(np.sqrt(np.sum(total * total)))
    if length <= ZERO:
        raise QueryError(f"the terms of query {query.name!r} cancel out: nothing is left to look for")
    return Standing(
        query=query,
        mix=tuple((part.modality, part.weight / length) for part in parts),
        space_id=card.space_id,
        vector=(total / length).astype(np.float32),
    )
