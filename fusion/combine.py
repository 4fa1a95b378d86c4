"""Combine: one vector for a tick, with what each input gave to it."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from ..encoders.card import ModelCard
from ..encoders.embedding import Embedding
from .fused import Fused, Part
from .rule import InputRule
from .space import centre, unit
from .tick import Tick

FRESHNESS_AT_LIMIT = 0.2


def freshness(age_ns: int, limit_ns: int) -> float:
    """1 for an embedding that ends at the tick, falling linearly to FRESHNESS_AT_LIMIT at its limit."""
    return 1.0 if age_ns == 0 else 1.0 - (1.0 - FRESHNESS_AT_LIMIT) * age_ns / limit_ns


def combine(tick: Tick, rules: Mapping[str, InputRule], card: ModelCard, *, epoch: int, seq: int) -> Fused:
    """Return the weighted sum of the tick's centred embeddings, at unit length.

    An input's weight is configured weight x freshness x quality. Inputs of one modality are averaged by
    their weights, and the modality weighs as much as its best input: a second camera adds to what the
    first one sees without outvoting the microphone. `Part.weight` is the input's part of its modality's
    weight, `share` that over the sum. The vector is float32 (dim,), in the centred space; it is None when
    no input has a positive weight, or in the degenerate case of vectors that cancel out.
    """
    newest = {name: tick.newest[name] for name in sorted(tick.newest)}
    worths = {name: _worth(tick, embedding, rules[name]) for name, embedding in newest.items()}
    weights = _within_modalities(worths, rules)
    total = sum(weights.values())
    shares = {name: weight / total if total > 0 else 0.0 for name, weight in weights.items()}
    configured = sum(rules[name].weight for name in sorted(rules))
    present = sum(rules[name].weight for name in newest if weights[name] > 0)
    return Fused(
        epoch=epoch,
        seq=seq,
        stamp_ns=tick.stamp_ns,
        coverage=present / configured if configured > 0 else 0.0,
        closed=tick.closed,
        parts=tuple(_part(tick, newest[name], weights[name], shares[name]) for name in newest),
        space_id=card.space_id,
        vector=_vector(newest, shares, card),
    )


def _worth(tick: Tick, embedding: Embedding, rule: InputRule) -> float:
    return rule.weight * freshness(tick.stamp_ns - embedding.end_ns, rule.limit_ns) * embedding.quality


def _within_modalities(worths: dict[str, float], rules: Mapping[str, InputRule]) -> dict[str, float]:
    """Scale the inputs of each modality so that together they weigh as much as the best of them."""
    members: defaultdict[str, list[float]] = defaultdict(list)
    for name, worth in worths.items():
        members[rules[name].modality].append(worth)
    scale = {modality: max(them) / sum(them) if sum(them) > 0 else 0.0 for modality, them in members.items()}
    return {name: worth * scale[rules[name].modality] for name, worth in worths.items()}


def _vector(newest: dict[str, Embedding], shares: dict[str, float], card: ModelCard) -> np.ndarray | None:
    fused = np.zeros(card.dim)
    for name, embedding in newest.items():
        fused += shares[name] * centre(embedding.vector, card.means.get(embedding.modality))
    fused = unit(fused)
    return fused.astype(np.float32) if fused.any() else None


def _part(tick: Tick, embedding: Embedding, weight: float, share: float) -> Part:
    return Part(
        input=embedding.input,
        modality=embedding.modality,
        seq=embedding.seq,
        end_ns=embedding.end_ns,
        age_ns=tick.stamp_ns - embedding.end_ns,
        quality=embedding.quality,
        weight=weight,
        share=share,
    )
