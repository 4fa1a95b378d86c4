"""Does a rate mean what it says? Texts that nothing in the test world sounds like, at 60, 6 and 1 an hour.

`python bench/rates.py [--seeds 1] [--cache FOLDER]`: three hours of each robot, in rooms and with sounds that
no model was trained on and no tail was measured on, with the tail of the model's card; the fourth is when
queries get their own; three more with the background that each has learnt. Prints, for each rate, how often
an hour events began, with its 95 % interval over ten-minute stretches, and how that spreads over queries.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from heard import HOUR_NS, START_NS, kept, matched
from sixsense.encoders.card import ModelCard
from sixsense.encoders.encode import Encoder
from sixsense.encoders.model import Model, load_model
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.match import Matcher
from sixsense.fusion.query import Query, Standing

RATES_PER_H = (60.0, 6.0, 1.0)
STRETCHES = 6
"""An hour: events of one are not independent."""
RESAMPLES = 2000
# None is about anything in the world (`fusion.minutes.ABOUT`): every event is a false alarm.
TEXTS = (
    "a helicopter",
    "a rooster crowing",
    "sea waves",
    "a chainsaw",
    "a baby crying",
    "somebody sneezes",
    "a clock ticking",
    "a crackling fire",
    "an owl hooting",
    "birds singing",
    "a violin",
    "applause",
    "a train passing",
    "a cat meowing",
    "a gunshot",
    "a harmonica",
    "a trumpet",
    "church bells",
    "a toilet flushing",
    "frying food",
    "thunder",
    "a guitar",
    "a lawn mower",
    "a cow mooing",
)
PHASES = {"with the card's tail": range(0, 3), "with what each has learnt": range(4, 7)}
HOURS = 7


def asked(model: Model, card: ModelCard) -> list[Standing]:
    """Every text at every rate."""
    return [
        compose(
            Query(name=f"{text} {rate:g}", modalities=("audio",), at_most_per_h=rate),
            [Part(1.0, "text", vector)],
            card,
        )
        for text, vector in zip(TEXTS, model.embed_text(list(TEXTS)), strict=True)
        for rate in RATES_PER_H
    ]


def counted(encoder: Encoder, seed: int, cache: Path | None) -> np.ndarray:
    """Events that began, int64 (rates, texts, stretches), of all hours of a robot."""
    card = encoder.model.card
    matcher = Matcher(card, inputs={"microphone": "audio"})
    matcher.set_queries(asked(encoder.model, card), from_ns=0)
    begun = np.zeros((len(RATES_PER_H), len(TEXTS), HOURS * STRETCHES), np.int64)
    began = time.monotonic()
    for hour in range(HOURS):
        for match in matched(matcher, kept(encoder, seed, hour, cache)):
            if match.phase == "begin":
                text, _, rate = match.query.rpartition(" ")
                stretch = (match.stamp_ns - START_NS) * STRETCHES // HOUR_NS
                at = RATES_PER_H.index(float(rate)), TEXTS.index(text)
                begun[*at, min(stretch, begun.shape[2] - 1)] += 1
        learnt = list(matcher.hours().values())
        print(
            f"robot {seed}, hour {hour + 1} of {HOURS}: {min(learnt):.2f} to {max(learnt):.2f} h learnt, "
            f"{time.monotonic() - began:.0f} s",
            flush=True,
        )
    return begun


def said(phase: str, rate: float, begun: np.ndarray) -> str:
    """One line of events (texts, stretches)."""
    hours = begun.shape[1] / STRETCHES
    per_h = begun.sum(axis=1) / hours
    drawn = np.random.default_rng(0).integers(0, begun.shape[1], (RESAMPLES, begun.shape[1]))
    means = begun.mean(axis=0)[drawn].mean(axis=1) * STRETCHES
    low, high = np.quantile(means, [0.025, 0.975])
    least, median, most = np.percentile(per_h, [10, 50, 90])
    return (
        f"{phase}, asked {rate:g}/h: {per_h.mean():.2f}/h [{low:.2f}, {high:.2f}], "
        f"x{per_h.mean() / rate:.2f} ({len(per_h)} queries, {rate * hours:.0f} events expected of each; "
        f"per query {least:.1f} to {most:.1f}, median {median:.1f})"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=900, help="the first robot's seed")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--cache", type=Path, help="where embeddings are kept for a later run")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    encoder = Encoder(load_model(given.model, device="cpu", modalities=("audio", "text")))
    robots = range(given.first, given.first + given.seeds)
    begun = np.concatenate([counted(encoder, seed, given.cache)[None] for seed in robots])
    for phase, hours in PHASES.items():
        those = begun[..., hours.start * STRETCHES : hours.stop * STRETCHES]
        for rate, of_robots in zip(RATES_PER_H, np.moveaxis(those, 1, 0), strict=True):
            # Robots one after the other: (texts, robots x stretches).
            print(said(phase, rate, np.concatenate(list(of_robots), axis=1)))


if __name__ == "__main__":
    main()
