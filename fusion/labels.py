"""Labels: which of a set of names fits what is sensed, with probabilities, or none of them."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from ..encoders.card import Background, ModelCard
from .errors import QueryError
from .fused import Answer, Fused, Labels, Likely
from .query import Query, Standing
from .score import FUSED, background, pairs_of
from .space import centre, flaw, unit
from .tick import Tick

TEMPERATURE = 0.05
"""By what cosines are divided where the model's card has no temperature for a modality."""
SELDOM = 0.05
"""How often the best label of a set reaches, on background, the level at which "none" is as likely as it."""
MOST_LABELS = 1000


class LabelTable(msgspec.Struct, frozen=True, kw_only=True):
    """A set of labels as they are compared with one target, a modality or `fused`.

    `vectors` are theirs, float32 (n, dim) of unit length, not centred. The `top` likeliest are told every
    `every_ns`.
    """

    name: str
    target: str
    labels: tuple[str, ...]
    vectors: np.ndarray
    top: int = 5
    every_ns: int = 1_000_000_000


def comparable(card: ModelCard, target: str) -> Background | None:
    """The background of texts on `target`; None where `card` cannot compare them."""
    known = target in (*card.modalities, FUSED) and target != "text" and "text" in card.modalities
    label = Standing(query=Query(name=""), mix=(("text", 1.0),), space_id="", vector=np.zeros(0, np.float32))
    return background(card, label, target) if known else None


def none_level(known: Background, count: int) -> float:
    """The cosine that the best of `count` independent labels exceeds on background, once in 1 / SELDOM."""
    # Imported here because only who has labels should pay for it.
    from statistics import NormalDist

    return known.mean + NormalDist().inv_cdf((1 - SELDOM) ** (1 / count)) * known.deviation


class Labeller:
    """Answers for every table that is due at a tick, of modality vectors and the fused one.

    The shares are a softmax of cosines over the target's temperature, with one more entry for "none": the
    level that the best of so many independent labels exceeds on background with probability SELDOM. Raises
    QueryError for a table that the space cannot be compared with. `hop_ns` is the time between ticks.
    """

    def __init__(self, card: ModelCard, tables: Sequence[LabelTable], *, hop_ns: int, epoch: int = 0) -> None:
        self._card, self._hop_ns, self._epoch = card, hop_ns, epoch
        self._tables: dict[str, list[_Ready]] = {}
        for table in tables:
            self._tables.setdefault(table.name, []).append(_Ready(table, card))
        self._seq: Counter[str] = Counter()

    def tell(self, tick: Tick, fused: Fused) -> list[Labels]:
        """One message of each set that is due: at the first tick of each `every_ns` of the timeline."""
        told: list[Labels] = []
        vectors: dict[str, np.ndarray | None] = {}
        for name, tables in self._tables.items():
            answers: list[Answer] = []
            for table in tables:
                target, every_ns = table.target, table.every_ns
                if tick.stamp_ns // every_ns == (tick.stamp_ns - self._hop_ns) // every_ns:
                    continue
                if target not in vectors:
                    vectors[target] = _sensed(tick, fused, target, self._card)
                if (vector := vectors[target]) is not None:
                    answers.append(table.answer(vector))
            if answers:
                told.append(self._labels(name, tick.stamp_ns, tuple(answers)))
        return told

    def _labels(self, name: str, stamp_ns: int, answers: tuple[Answer, ...]) -> Labels:
        self._seq[name] += 1
        return Labels(
            epoch=self._epoch, seq=self._seq[name] - 1, name=name, stamp_ns=stamp_ns, answers=answers
        )


class _Ready:
    """A table with its rows centred."""

    def __init__(self, table: LabelTable, card: ModelCard) -> None:
        known = comparable(card, table.target)
        if known is None:
            raise QueryError(
                f"labels {table.name!r}: {card.name} cannot compare texts with {table.target}; it has the "
                f"pairs {pairs_of(card)}"
            )
        if len(table.labels) != len(table.vectors) or not 1 <= len(table.labels) <= MOST_LABELS:
            raise QueryError(
                f"labels {table.name!r}: {len(table.labels)} labels with {len(table.vectors)} vectors; give "
                f"1 to {MOST_LABELS}, with a vector each"
            )
        for label, row in zip(table.labels, table.vectors, strict=True):
            if (reason := flaw(row, card.dim)) is not None:
                raise QueryError(f"labels {table.name!r}: the vector of {label!r} {reason}")
        self.target, self.every_ns = table.target, table.every_ns
        self._labels, self._top = table.labels, table.top
        self._rows = np.stack([centre(row, card.means.get("text")) for row in table.vectors])
        self._temperature = card.temperatures.get(table.target, TEMPERATURE)
        self._calibrated = table.target in card.temperatures
        self._none = none_level(known, len(table.labels))

    def answer(self, vector: np.ndarray) -> Answer:
        cosine = np.sum(self._rows * vector, axis=-1)
        logits = np.append(cosine, self._none) / self._temperature
        powers = np.exp(logits - logits.max())
        shares = powers / powers.sum()
        order = np.argsort(-cosine, kind="stable")[: self._top]
        best = [
            Likely(label=self._labels[i], share=float(shares[i]), cosine=float(cosine[i]))
            for i in map(int, order)
        ]
        return Answer(
            target=self.target, best=tuple(best), none=float(shares[-1]), calibrated=self._calibrated
        )


def _sensed(tick: Tick, fused: Fused, target: str, card: ModelCard) -> np.ndarray | None:
    """The target's centred unit vector, float64 (dim,): of a modality its inputs', by their weights.

    None where there is none, or where it is worth nothing (dark, silent).
    """
    if target == FUSED:
        return None if fused.vector is None else fused.vector.astype(np.float64)
    total = np.zeros(card.dim)
    for part in fused.parts:
        if part.modality == target:
            total += part.weight * centre(tick.newest[part.input].vector, card.means.get(target))
    total = unit(total)
    return total if total.any() else None
