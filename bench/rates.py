"""Does a rate mean what it says? Texts that nothing in the test world sounds like, at 60, 6 and 1 an hour.

`python bench/rates.py [--hours 3.5] [--seeds 1]`: for each robot, in rooms and with sounds that no model
was trained on, so many hours teach every query its background, and as many more count its events.
Prints, for each rate, how often an hour events began, over all queries, and how that spreads over them.
"""

import argparse
from collections import Counter
from collections.abc import Iterator

import numpy as np
import torch
from sixsense.encoders.card import WindowSpec
from sixsense.encoders.embedding import Embedding
from sixsense.encoders.encode import Encoder
from sixsense.encoders.model import load_model
from sixsense.encoders.window import Window
from sixsense.encoders.windower import InputSpec, Windower
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.fused import Fused
from sixsense.fusion.match import Matcher
from sixsense.fusion.query import Query
from sixsense.fusion.tick import Tick
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.robot import SimulatedRobot

START_NS = 60 * NS
RATES_PER_H = (60.0, 6.0, 1.0)
# None of them is in the world: every event is a false alarm.
TEXTS = (
    "a helicopter",
    "a rooster crowing",
    "sea waves",
    "a chainsaw",
    "a baby crying",
    "somebody sneezes",
    "a clock ticking",
    "a crackling fire",
    "a car engine",
    "birds singing",
    "a violin",
    "applause",
    "a train passing",
    "a cat meowing",
    "a gunshot",
    "people laughing",
    "an electric drill",
    "church bells",
    "a toilet flushing",
    "frying food",
    "thunder",
    "a guitar",
    "a lawn mower",
    "a vacuum cleaner",
)


def embedded(encoder: Encoder, seed: int, hours: float, spec: WindowSpec) -> Iterator[Embedding]:
    """What a robot of the test split hears, window by window."""
    robot = SimulatedRobot(
        seed, start_ns=START_NS, seconds=hours * 3600, streams=("microphone",), split="test"
    )
    windower = Windower(InputSpec(name="microphone", modality="audio", members=robot.streams), spec)
    for event in robot.events(0):
        for window in windower.feed(event):
            if isinstance(window, Window):
                vector, quality = encoder.embed(window)
                yield Embedding(
                    input="microphone",
                    modality="audio",
                    epoch=0,
                    seq=window.index,
                    index=window.index,
                    start_ns=window.start_ns,
                    end_ns=window.end_ns,
                    ranges=window.ranges,
                    quality=quality,
                    space_id=encoder.model.space_id,
                    vector=vector,
                )


def counted(encoder: Encoder, seed: int, hours: float) -> tuple[Counter[tuple[str, float]], list[float]]:
    """Events by text and rate in the second half of so many hours twice, and the hours learnt from."""
    model = encoder.model
    matcher = Matcher(model.card, present=("audio",))
    vectors = model.embed_text(list(TEXTS))
    matcher.set_queries(
        [
            compose(
                Query(name=f"{text} {rate:g}", modalities=("audio",), at_most_per_h=rate),
                [Part(1.0, "text", vector)],
                model.card,
            )
            for text, vector in zip(TEXTS, vectors, strict=True)
            for rate in RATES_PER_H
        ],
        from_ns=0,
    )
    events: Counter[tuple[str, float]] = Counter()
    spec = model.card.windows["audio"]
    for one in embedded(encoder, seed, 2 * hours, spec):
        tick = Tick(one.end_ns, "complete", {one.input: one})
        fused = Fused(
            epoch=0,
            seq=0,
            stamp_ns=one.end_ns,
            coverage=1.0,
            closed="complete",
            parts=(),
            space_id=model.space_id,
            vector=None,
        )
        for match in matcher.match(tick, fused):
            if match.phase == "begin" and one.end_ns - START_NS > hours * 3600 * NS:
                text, _, rate = match.query.rpartition(" ")
                events[text, float(rate)] += 1
    return events, list(matcher.hours().values())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    # Peaks are not all of the time: a little more than the three hours that a tail needs.
    arguments.add_argument("--hours", type=float, default=3.5)
    arguments.add_argument("--seeds", type=int, default=1)
    asked = arguments.parse_args()
    torch.set_num_threads(1)
    encoder = Encoder(load_model("mini", modalities=("audio", "text")))
    events: Counter[tuple[str, float]] = Counter()
    for seed in range(asked.seeds):
        found, learnt = counted(encoder, 900 + seed, asked.hours)
        events += found
        print(f"robot {900 + seed}: learnt from {min(learnt):.2f} to {max(learnt):.2f} h")
    hours = asked.hours * asked.seeds
    for rate in RATES_PER_H:
        per_h = np.array([events[text, rate] for text in TEXTS]) / hours
        low, middle, high = np.percentile(per_h, [10, 50, 90])
        print(
            f"asked {rate:g}/h: {per_h.mean():.2f}/h over {len(TEXTS)} queries, x{per_h.mean() / rate:.2f} "
            f"({rate * hours:.0f} events expected of each; per query {low:.2f} to {high:.2f}, "
            f"median {middle:.2f})"
        )


if __name__ == "__main__":
    main()
