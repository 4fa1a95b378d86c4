"""Temperatures: how far labels' cosines can be trusted, from windows of which it is known what they are."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..encoders.bind.recipes.background import STREAMS
from ..encoders.card import ModelCard
from ..encoders.model import Model
from ..sensors.sample import NS
from ..sensors.simulated.kinds import KINDS
from ..sensors.simulated.script import Happening
from .fused import Fused
from .labels import comparable, none_level
from .minutes import Minute
from .score import FUSED
from .space import centre
from .tick import Tick

TRIED = np.geomspace(0.002, 1.0, 160)
MOSTLY = 0.5
"""A window is of what lasts for so much of it, or is so much within it; other windows are not asked."""


def temperatures(model: Model, card: ModelCard, minutes: Sequence[Minute]) -> dict[str, float]:
    """By target, the temperature under which the truth is likeliest (Guo et al. 2017, "On Calibration of
    Modern Neural Networks", 3): labels are the kinds of happenings that it senses, and none of them."""
    found: dict[str, float] = {}
    for target in (*(m for m in STREAMS if m in card.modalities), FUSED):
        cosines, truth = windows_of_known_kind(model, card, target, minutes)
        if len(truth):
            found[target] = likeliest(cosines, truth)
    return found


def windows_of_known_kind(
    model: Model, card: ModelCard, target: str, minutes: Sequence[Minute]
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines with every label and, last, the level of none, float64 (n, labels + 1); which is true, (n,)."""
    known = comparable(card, target)
    kinds = [name for name, kind in KINDS.items() if target in (FUSED, *kind.modalities)]
    if known is None or not kinds:
        return np.empty((0, 1)), np.empty(0, int)
    phrases = [list(kind.phrases) for name, kind in KINDS.items() if name in kinds]
    texts = [model.embed_text(some).mean(axis=0) for some in phrases]
    rows = np.stack([centre(row / np.linalg.norm(row), card.means.get("text")) for row in texts])
    none = none_level(known, len(kinds))
    found = [pair for one in minutes for pair in _known(one, target, kinds, card)]
    vectors = np.stack([vector for vector, _ in found])
    cosines = np.column_stack([vectors @ rows.T, np.full(len(found), none)])
    return cosines, np.array([truth for _, truth in found])


def likeliest(cosines: np.ndarray, truth: np.ndarray) -> float:
    """Of TRIED, the temperature with the least negative log likelihood."""
    return float(min(TRIED, key=lambda temperature: _surprise(cosines / temperature, truth)))


def _surprise(logits: np.ndarray, truth: np.ndarray) -> float:
    highest = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - highest).sum(axis=1)) + highest[:, 0]
    return float(np.mean(total - logits[np.arange(len(truth)), truth]))


def _known(
    one: Minute, target: str, kinds: Sequence[str], card: ModelCard
) -> Iterator[tuple[np.ndarray, int]]:
    """Centred vectors of which it is clear what they are: the number of a kind, or of none."""
    for tick, fused in one.ticks:
        sensed = _sensed(tick, fused, target, card)
        if sensed is None:
            continue
        vector, start_ns, end_ns = sensed
        there = [h for h in one.happenings if h.start_ns < end_ns and h.end_ns > start_ns]
        if not there:
            yield vector, len(kinds)
        elif len(there) == 1 and there[0].name in kinds and _mostly(there[0], start_ns, end_ns):
            yield vector, kinds.index(there[0].name)


def _sensed(tick: Tick, fused: Fused, target: str, card: ModelCard) -> tuple[np.ndarray, int, int] | None:
    if target == FUSED:
        vector = fused.vector
        return None if vector is None else (vector.astype(np.float64), tick.stamp_ns - NS, tick.stamp_ns)
    newest = tick.newest.get(target)
    if newest is None:
        return None
    return centre(newest.vector, card.means.get(target)), newest.start_ns, newest.end_ns


def _mostly(happening: Happening, start_ns: int, end_ns: int) -> bool:
    shared = min(happening.end_ns, end_ns) - max(happening.start_ns, start_ns)
    return shared >= MOSTLY * min(end_ns - start_ns, happening.end_ns - happening.start_ns)
