"""Vector sets: an index of vectors made elsewhere, with their names, as queries of this space."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from ..encoders.card import ModelCard
from .errors import QueryError
from .query import Query, Term
from .space import ZERO

SAME = 0.999
"""The least cosine between a vector of the set and the same thing embedded here, if the spaces are one."""
ENOUGH = 32
"""A set of so many vectors has a mean of its own to be centred by; a smaller one takes the card's."""


class VectorSet(msgspec.Struct, frozen=True, kw_only=True):
    """Named vectors of one modality, float32 (n, dim) of unit length."""

    ids: tuple[str, ...]
    vectors: np.ndarray


def make_set(ids: Sequence[str], vectors: np.ndarray) -> VectorSet:
    """The set of these rows, brought to unit length. Raises QueryError for rows that cannot be used."""
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or len(ids) != len(vectors) or not len(ids):
        raise QueryError(
            f"{len(ids)} ids with vectors {vectors.dtype} {vectors.shape}: give floats (n, dim), an id a row"
        )
    if len(set(ids)) < len(ids) or not all(ids):
        wrong = next(one for index, one in enumerate(ids) if not one or one in ids[:index])
        raise QueryError(f"the id {wrong!r} is empty or there twice: each vector has a name of its own")
    wide = vectors.astype(np.float64)
    lengths = np.sqrt(np.sum(wide * wide, axis=1))
    bad = ~(np.isfinite(lengths) & (lengths > ZERO))
    if bad.any():
        raise QueryError(
            f"{int(bad.sum())} of {len(ids)} vectors are zero or not finite, the first of them that of "
            f"{ids[int(np.argmax(bad))]!r}: leave them out"
        )
    return VectorSet(ids=tuple(ids), vectors=(wide / lengths[:, None]).astype(np.float32))


def check_sample(given: VectorSet, sample: dict[str, np.ndarray]) -> float:
    """The least cosine between vectors of the set and those of the same things here, float32 (dim,) by id.

    Raises QueryError where that is below SAME: then the set is of another space, or of other things.
    """
    cosines: dict[str, float] = {}
    for name, vector in sample.items():
        if name not in given.ids:
            raise QueryError(f"the set has no {name!r}: name one of its {len(given.ids)} ids")
        row = given.vectors[given.ids.index(name)].astype(np.float64)
        if row.shape != vector.shape:
            raise QueryError(
                f"the set's vectors have {len(row)} numbers, this space {len(vector)}: another one"
            )
        cosines[name] = float(np.sum(row * vector))
    if not cosines:
        raise QueryError("no pair of an id and its file to check the set on: give at least one")
    worst = min(cosines, key=lambda name: cosines[name])
    if not cosines[worst] >= SAME:
        raise QueryError(
            f"{worst!r} embedded here has the cosine {cosines[worst]:.4f} to its vector in the set, below "
            f"{SAME}: the set is of another model, or was made with another preprocessing"
        )
    return cosines[worst]


def set_queries(
    given: VectorSet, card: ModelCard, *, modality: str, wanted: Sequence[str] | None = None, **fields: Any
) -> list[Query]:
    """A query for each vector (of the ids `wanted`), named by its id; `fields` are Query's own.

    The offset of the modality is removed by the set's own mean where it is large enough, else by the card's.
    """
    vectors = given.vectors
    if vectors.shape[1] != card.dim or modality not in card.modalities:
        raise QueryError(
            f"the set has {vectors.shape[1]} numbers a vector, of {modality}; {card.name} has {card.dim}, of "
            f"{', '.join(card.modalities)}"
        )
    mean = card.means.get(modality, np.zeros(card.dim, np.float32)).astype(np.float64)
    own = np.mean(vectors, axis=0, dtype=np.float64) if len(vectors) >= ENOUGH else mean
    chosen = set(given.ids if wanted is None else wanted)
    return [
        Query(
            name=name,
            terms=(Term(vector=_placed(row - own, mean), modality=modality, space_id=card.space_id),),
            **fields,
        )
        for name, row in zip(given.ids, vectors.astype(np.float64), strict=True)
        if name in chosen
    ]


def _placed(direction: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The unit vector, float32 (dim,), that points in `direction` once `mean` is taken from it.

    It is mean + s * direction: s solves |mean + s * direction| = 1, and exists because means are shorter.
    """
    direction = direction / np.sqrt(np.sum(direction * direction))
    along = float(np.sum(mean * direction))
    s = -along + np.sqrt(along**2 - float(np.sum(mean * mean)) + 1)
    return (mean + s * direction).astype(np.float32)
