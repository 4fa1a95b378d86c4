"""Scores: how far each standing query stands out from its background, for all queries at once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..encoders.card import Background, ModelCard
from ..encoders.tail import Tail
from .errors import FusionError, QueryError
from .query import Query, Standing
from .space import centre, flaw

FUSED = "fused"
NOVELTY = Background(mean=0.0, deviation=0.1)
"""In what a novelty's score is measured: tenths of 1 - cosine."""
SHORTEST_H, LONGEST_H = 1 / 60, 168.0
"""How far back a novelty may look: a minute to a week."""
LEAST_DEVIATION = 0.05
"""Of cosines with some tens of windows: fewer never tell that a background is quieter than that."""
MOST_OFTEN_PER_H, MOST_SELDOM_PER_H = 60.0, 1e-4
"""What a rate may be: events of the background are five seconds apart, and no tail reaches to the moon."""

# Rows multiplied at a time: small enough that the products stay in a core's cache.
_BLOCK = 32


class Scores(NamedTuple):
    """float64 (n,) each: the centred cosine, and the score (-inf for queries that do not look there)."""

    cosine: np.ndarray
    score: np.ndarray


def background(card: ModelCard, standing: Standing, target: str) -> Background | None:
    """Return the cosine's background there; None where `card` says that the two cannot be compared.

    A card without any gives mean 0 and deviation 1/sqrt(dim), a cosine's between independent directions
    (Vershynin 2018, "High-Dimensional Probability", 3.3). A sum's mean is the sum of its terms' means, and
    its deviation that of independent terms; its tail is that of the term that weighs most.
    """
    if standing.query.asks == "novelty":
        return NOVELTY if target != "text" else None
    if not card.backgrounds:
        return Background(mean=0.0, deviation=card.dim**-0.5)
    pairs = [card.backgrounds.get(f"{modality}/{target}") for modality, _ in standing.mix]
    known = [pair for pair in pairs if pair is not None]
    if len(known) < len(pairs) or not pairs:
        return None
    factors = [factor for _, factor in standing.mix]
    tail = known[max(range(len(known)), key=lambda term: abs(factors[term]))].tail
    if (seen := _among_quiet(card, standing, target, tail)) is not None:
        return seen
    return Background(
        mean=sum(factor * pair.mean for factor, pair in zip(factors, known, strict=True)),
        deviation=sum((f * pair.deviation) ** 2 for f, pair in zip(factors, known, strict=True)) ** 0.5,
        tail=tail,
    )


def _among_quiet(card: ModelCard, standing: Standing, target: str, tail: Tail | None) -> Background | None:
    """An example's background, told by the card's vectors of when nothing happens; None without any.

    How much examples resemble a background differs from one to the next by far more than texts do, so what
    is typical of all of them says little of one.
    """
    rows = card.quiet_rows(target)
    if rows is None or all(modality == "text" for modality, _ in standing.mix):
        return None
    mean = card.means.get(target)
    centred = np.stack([centre(row, mean) for row in rows])
    cosines = np.sum(centred * standing.vector.astype(np.float64), axis=1)
    deviation = max(float(np.std(cosines)), LEAST_DEVIATION)
    return Background(mean=float(np.mean(cosines)), deviation=deviation, tail=tail)


def targets(standing: Standing, card: ModelCard) -> dict[str, Background]:
    """Return, by modality, the background of everything `standing` is compared with.

    Raises QueryError where it names a modality that the space lacks or cannot compare it with, or where
    nothing is left.
    """
    query = standing.query
    wanted = query.modalities or card.modalities
    known = {target: background(card, standing, target) for target in wanted}
    lacking = [name for name in wanted if known[name] is None or name not in (*card.modalities, FUSED)]
    if query.modalities and lacking:
        raise QueryError(
            f"query {query.name!r} ({standing.kind}) cannot be compared with {', '.join(lacking)} in "
            f"{card.name}, which has the pairs {pairs_of(card)}: leave those modalities out"
        )
    found = {target: pair for target, pair in known.items() if pair is not None}
    if not found:
        raise QueryError(
            f"query {query.name!r} is {standing.kind}, which {card.name} cannot compare with anything; "
            f"it has the pairs {pairs_of(card)}: ask with one of those"
        )
    return found


def judged(
    query: Query, found: Mapping[str, Background], inputs: Mapping[str, str] | None
) -> dict[str, Background]:
    """Of `found`, the query's `targets`, those where its events can be: a disagreement's are in its first.

    `inputs` are the modality of each input that the run has (None: any); a query may name some of them.
    """
    asked = query.modalities[:1] if query.asks == "disagreement" else tuple(found)
    if inputs is not None:
        there = {modality for name, modality in inputs.items() if not query.inputs or name in query.inputs}
        asked = [name for name in asked if name in there or (name == FUSED and not query.inputs)]
    return {name: found[name] for name in asked}


def check(standing: Standing, card: ModelCard) -> None:
    """Raise QueryError unless `standing` has a unit vector of the card's space and sensible thresholds."""
    query = standing.query
    if standing.space_id != card.space_id:
        raise QueryError(
            f"query {query.name!r} is of the space {standing.space_id!r}, this service of "
            f"{card.space_id!r}: embed it with {card.name}"
        )
    if query.asks != "novelty" and (reason := flaw(standing.vector, card.dim)) is not None:
        raise QueryError(f"the vector of query {query.name!r} {reason}: embed it with {card.name}")
    times = (query.min_s, query.hold_s, query.cool_s)
    if not (np.all(np.isfinite((query.on, query.off, *times))) and query.off <= query.on and min(times) >= 0):
        raise QueryError(
            f"query {query.name!r} has on={query.on} off={query.off} min_s={query.min_s} "
            f"hold_s={query.hold_s} cool_s={query.cool_s}: finite numbers, off at most on, "
            "and times of 0 or more"
        )
    rate = query.at_most_per_h
    if rate is not None and not MOST_SELDOM_PER_H <= rate <= MOST_OFTEN_PER_H:
        raise QueryError(
            f"query {query.name!r} asks for at most {rate} events an hour: give one from "
            f"{MOST_SELDOM_PER_H:g} to {MOST_OFTEN_PER_H:g}"
        )
    _check_kind(query)
    targets(standing, card)


def _check_kind(query: Query) -> None:
    if query.asks == "novelty" and not SHORTEST_H <= query.hours <= LONGEST_H:
        raise QueryError(
            f"query {query.name!r} looks {query.hours} hours back: give {SHORTEST_H:.2g} to {LONGEST_H:g}"
        )
    if query.asks == "disagreement" and (len(query.modalities) < 2 or FUSED in query.modalities):
        raise QueryError(
            f"query {query.name!r} asks where {', '.join(query.modalities) or 'no modality'} disagree: name "
            "two, the one that senses it first, such as audio,vision"
        )
    if len(set(query.modalities)) < len(query.modalities):
        raise QueryError(
            f"query {query.name!r} names {', '.join(query.modalities[:20])}: name each modality once"
        )


def check_card(card: ModelCard) -> None:
    """Raise FusionError for means of another shape than (dim,) or backgrounds without a deviation."""
    for modality, mean in card.means.items():
        if mean.shape != (card.dim,) or not np.all(np.isfinite(mean)):
            raise FusionError(
                f"the {modality} mean of {card.name} is not {card.dim} finite values: calibrate it"
            )
    for pair, known in card.backgrounds.items():
        if not (np.isfinite(known.mean) and np.isfinite(known.deviation) and known.deviation > 0):
            raise FusionError(f"the background {pair} of {card.name} is {known}: calibrate it again")


class Bank:
    """Checked standing queries, laid out so that one embedding is compared with all of them at once.

    `known` are their `targets`, where the caller has them.
    """

    def __init__(
        self,
        standing: Sequence[Standing],
        card: ModelCard,
        known: Sequence[Mapping[str, Background]] | None = None,
    ) -> None:
        self._card = card
        self._rows = np.zeros((len(standing), card.dim))
        for row, one in zip(self._rows, standing, strict=True):
            row[:] = one.vector
        self._pairs = [targets(one, card) for one in standing] if known is None else known
        self._backgrounds: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def score(self, modality: str, vector: np.ndarray) -> Scores:
        """Compare float32 (dim,) `vector` with every query; a fused vector is centred already."""
        mean, deviation = self._background(modality)
        if not np.isfinite(mean).any():
            return Scores(np.zeros_like(mean), np.full_like(mean, -np.inf))
        centred = centre(vector, None if modality == FUSED else self._card.means.get(modality))
        cosine = self._cosines(centred)
        return Scores(cosine, (cosine - mean) / deviation)

    def _cosines(self, vector: np.ndarray) -> np.ndarray:
        cosine = np.empty(len(self._rows))
        scratch = np.empty((_BLOCK, len(vector)))
        for start in range(0, len(cosine), _BLOCK):
            rows = self._rows[start : start + _BLOCK]
            products = np.multiply(rows, vector, out=scratch[: len(rows)])
            np.sum(products, axis=-1, out=cosine[start : start + _BLOCK])
        return cosine

    def _background(self, modality: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation (n,) for `modality`; an infinite mean where a query does not look at it."""
        if modality not in self._backgrounds:
            pairs = [found.get(modality) for found in self._pairs]
            means = [np.inf if pair is None else pair.mean for pair in pairs]
            deviations = [1.0 if pair is None else pair.deviation for pair in pairs]
            self._backgrounds[modality] = np.array(means), np.array(deviations)
        return self._backgrounds[modality]


def pairs_of(card: ModelCard) -> str:
    """What `card` can compare, for messages."""
    return ", ".join(sorted(card.backgrounds)) or "of its modalities " + ", ".join(card.modalities)
