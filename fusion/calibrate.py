"""Calibrate: measure what a model's card says of its scores, their tails and its labels' temperatures.

OMP_NUM_THREADS=1 python -m sixsense.fusion.calibrate MODEL.safetensors [--minutes 16]

Minutes of simulated validation worlds say how often an hour backgrounds reach a score, by pair of modalities,
and how far a label's cosine can be trusted. The file's card is written anew, its weights are not.
"""

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import numpy as np

from ..encoders.bind.recipes.assembly import recard
from ..encoders.bind.recipes.background import COMPARED, LENGTH_NS
from ..encoders.card import Background, ModelCard
from ..encoders.encode import Encoder
from ..encoders.model import load_model
from ..encoders.tail import Tail
from .background import Learner, Pair
from .minutes import Asked, Minute, examples_asked, minute, now, texts_asked
from .query import Standing
from .score import FUSED, Bank
from .tail import fit_tail
from .temperatures import temperatures

QUANTILE = 0.85
"""Peaks above this quantile are the tail. It is one for many queries, of which the highest matter."""


def with_fused(card: ModelCard, asked: Sequence[Asked], minutes: Sequence[Minute]) -> ModelCard:
    """The card with the backgrounds of the fused vector: cosines while nothing happens."""
    quiet = [
        fused.vector
        for one in minutes
        for tick, fused in one.ticks
        if fused.vector is not None and not now(one, tick.stamp_ns)
    ]
    rows = np.stack(quiet)
    found: dict[str, Background] = {}
    for modality in dict.fromkeys(one.standing.kind for one in asked):
        vectors = np.stack([one.standing.vector for one in asked if one.standing.kind == modality])
        cosines = vectors @ rows.T
        found[f"{modality}/{FUSED}"] = Background(mean=float(cosines.mean()), deviation=float(cosines.std()))
    return msgspec.structs.replace(card, backgrounds=card.backgrounds | found)


def with_tails(card: ModelCard, asked: Sequence[Asked], minutes: Sequence[Minute]) -> ModelCard:
    """The card with a tail for every pair: of peaks of all queries of the one kind, seen by the other.

    Between what a query is about nothing is a false alarm, and a minute's own example tells nothing of it.
    """
    backgrounds = dict(card.backgrounds)
    for target in dict.fromkeys(pair.partition("/")[2] for pair in backgrounds):
        those = [_at(target, one) for one in asked if _looks(one.standing, target, backgrounds)]
        seen = _seen(card, target, those, minutes)
        for modality in dict.fromkeys(one.standing.kind for one in those):
            found = [seen[n.query.name] for n, *_ in those if n.kind == modality and n.query.name in seen]
            if found:
                pair, tail = f"{modality}/{target}", _pooled(found)
                backgrounds[pair] = msgspec.structs.replace(backgrounds[pair], tail=tail)
    return msgspec.structs.replace(card, backgrounds=backgrounds)


def _looks(standing: Standing, target: str, pairs: Collection[str]) -> bool:
    modalities = standing.query.modalities
    return f"{standing.kind}/{target}" in pairs and (not modalities or target in modalities)


def _at(target: str, one: Asked) -> Asked:
    query = msgspec.structs.replace(one.standing.query, modalities=(target,))
    return one._replace(standing=msgspec.structs.replace(one.standing, query=query))


def _pooled(found: Sequence[Pair]) -> Tail | None:
    peaks = np.concatenate([np.frombuffer(one.peaks, "<f4") for one in found]).astype(np.float64)
    return fit_tail(peaks, np.full(len(peaks), np.inf), sum(one.hours for one in found), QUANTILE)


def _seen(card: ModelCard, target: str, asked: Sequence[Asked], minutes: Sequence[Minute]) -> dict[str, Pair]:
    """The peaks of every query on one target, by its name."""
    bank = Bank([one.standing for one in asked], card)
    learner = Learner([one.standing.query.name for one in asked])
    for number, one in enumerate(minutes):
        _observe(learner, bank, target, asked, number, one)
    return learner.saved()


def _observe(
    learner: Learner, bank: Bank, target: str, asked: Sequence[Asked], number: int, one: Minute
) -> None:
    """Learn from one minute; minutes follow each other with a minute's pause."""
    others = np.array([query.minute != number for query in asked])
    nobody = np.full(len(asked), np.inf)
    for tick, fused in one.ticks:
        newest = tick.newest.get(target)
        vector = fused.vector if target == FUSED else None if newest is None else newest.vector
        if vector is not None:
            there = now(one, tick.stamp_ns)
            quiet = others & np.array([not query.about & there for query in asked])
            stamp_ns = tick.stamp_ns + 2 * number * LENGTH_NS
            learner.observe(stamp_ns, bank.score(target, vector).score, nobody, quiet)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m sixsense.fusion.calibrate", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--minutes", type=int, default=16)
    given = parser.parse_args(arguments)
    encoder = Encoder(load_model(given.model, device="cpu"))
    split, robots = COMPARED
    minutes: list[Minute] = []
    for number in range(given.minutes):
        minutes.append(minute(encoder, split, robots.stop + number))
        print(f"minute {number + 1} of {given.minutes}", flush=True)
    card = calibrated(encoder, minutes)
    recard(given.model, card)
    for pair, known in card.backgrounds.items():
        if known.tail is not None:
            print(f"{pair}: 60/h at {known.tail.level(60):.2f}, 6/h at {known.tail.level(6):.2f} deviations")
    print("temperatures:", {target: round(value, 4) for target, value in card.temperatures.items()})


def calibrated(encoder: Encoder, minutes: Sequence[Minute]) -> ModelCard:
    """The encoder's card with all that the minutes say."""
    card = encoder.model.card
    asked = [*texts_asked(encoder), *examples_asked(minutes, card)]
    card = with_tails(with_fused(card, asked, minutes), asked, minutes)
    return msgspec.structs.replace(card, temperatures=temperatures(encoder.model, card, minutes))


if __name__ == "__main__":
    main(sys.argv[1:])
