"""Recorded sounds in hours of other sounds: each name of ESC-10 as a standing query, at most 6 an hour.

python bench/esc_hour.py SHARED [--model mini] [--folds 1 2 3 4] [--learn 4] [--cache FOLDER]

Every clip is heard over what a robot of a test world hears, every 11 seconds another one, of all classes in
turn, so that for each query most of the hour is other sounds, recorded and simulated. A clip is found when an
event goes on within a second of it; an event is false that begins from nothing of its class. What the world
itself has of a class (dogs, rain) is left out. With `--learn 0` the card's tail decides, as in the first
hours of a robot; with 4 hours before it, of the same world without recordings, what each query has learnt.

The shipped model was trained on all folds; `--model BUILD/held-out/mini.safetensors --folds 4` is one that
was not trained on the fourth (`bench/mini.py` makes it).
"""

import argparse
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from heard import HOUR_NS, START_NS, heard, kept, matched
from sixsense.encoders.bind.recipes.sound import recorded
from sixsense.encoders.encode import Encoder
from sixsense.encoders.evaluate.intervals import wilson
from sixsense.encoders.model import load_model
from sixsense.encoders.preprocess.resample import resample
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.fused import Match
from sixsense.fusion.match import Matcher
from sixsense.fusion.query import Query, Standing
from sixsense.sensors.sample import NS, Sample
from sixsense.sensors.simulated.robot import SimulatedRobot
from sixsense.sensors.simulated.senses import INFO

SEED = 901
RATE_PER_H, TOLERANCE_NS = 6.0, NS
RECORDED_HZ, MICROPHONE_HZ = 16_000, round(INFO["microphone"].rate_hz)
# What the simulated world calls otherwise.
ALSO_SIMULATED = {"dog_bark": "dog", "rain": "rain"}


class Clip(NamedTuple):
    """A recording laid into an hour, int16 (n,) at the microphone's rate."""

    name: str
    start_ns: int
    end_ns: int
    pcm: np.ndarray


class Heard(NamedTuple):
    """Of one query: clips found, clips, events that begin from one, false events, hours without it."""

    found: int
    clips: int
    right: int
    false: int
    hours: float


def laid(shared: Path, folds: Sequence[int], hour: int) -> list[Clip]:
    """All clips of the folds, in an order of chance, evenly over that hour."""
    clips = [(name, wave) for name, fold, wave in recorded(shared) if fold in folds]
    order = np.random.default_rng(0).permutation(len(clips))
    gap_ns = HOUR_NS // len(clips)
    found: list[Clip] = []
    for place, index in enumerate(order):
        name, wave = clips[index]
        # ESC-10 fills short recordings up with zeros: nothing is heard there.
        audible = np.trim_zeros(np.where(np.abs(wave) > 1e-4, wave, 0.0), "b")
        pcm = resample(torch.from_numpy(wave[: len(audible)]), RECORDED_HZ, MICROPHONE_HZ).numpy()
        start_ns = START_NS + hour * HOUR_NS + 2 * NS + place * gap_ns
        end_ns = start_ns + len(pcm) * NS // MICROPHONE_HZ
        found.append(Clip(name, start_ns, end_ns, np.round(pcm * 32767).astype(np.int16)))
    return found


def over(sample: Sample, clips: Sequence[Clip]) -> Sample:
    """The chunk with what is heard of a clip in it; no two are heard at once."""
    count = len(sample.data)
    place = bisect_left(clips, sample.stamp_ns + count * NS // MICROPHONE_HZ, key=lambda clip: clip.start_ns)
    total = sample.data[:, 0].astype(np.int32)
    if place:
        clip = clips[place - 1]
        offset = round((sample.stamp_ns - clip.start_ns) * MICROPHONE_HZ / NS)
        part = clip.pcm[max(0, offset) : max(0, offset + count)]
        first = max(0, -offset)
        total[first : first + len(part)] += part
    mixed = np.clip(total, -32768, 32767).astype(np.int16)
    return msgspec.structs.replace(sample, data=mixed[:, None])


def asked(encoder: Encoder, names: Sequence[str]) -> list[Standing]:
    """Each class by its own name."""
    card = encoder.model.card
    rows = encoder.model.embed_text([name.replace("_", " ") for name in names])
    return [
        compose(
            Query(name=name, modalities=("audio",), at_most_per_h=RATE_PER_H),
            [Part(1.0, "text", row)],
            card,
        )
        for name, row in zip(names, rows, strict=True)
    ]


def events(
    encoder: Encoder, standing: Sequence[Standing], clips: Sequence[Clip], learn: int, cache: Path | None
) -> Iterator[Match]:
    """What is told of the hour after those of which queries learn, ends included."""
    matcher = Matcher(encoder.model.card, inputs={"microphone": "audio"})
    matcher.set_queries(standing, from_ns=0)
    for hour in range(learn):
        for _ in matched(matcher, kept(encoder, SEED, hour, cache)):
            pass
        print(f"hour {hour + 1} of {learn} learnt from", file=sys.stderr, flush=True)
    yield from matched(matcher, heard(encoder, SEED, learn, lambda sample: over(sample, clips)))
    yield from matcher.finish(START_NS + (learn + 1) * HOUR_NS)


def scored(told: Sequence[Match], name: str, clips: Sequence[Clip], hour: int) -> Heard:
    """How one query did."""
    spans = [(c.start_ns - TOLERANCE_NS, c.end_ns + TOLERANCE_NS) for c in clips if c.name == name]
    robot = SimulatedRobot(SEED, start_ns=START_NS, streams=(), split="test")
    also = [
        (h.start_ns - TOLERANCE_NS, h.end_ns + TOLERANCE_NS)
        for h in robot.happenings(START_NS + hour * HOUR_NS, START_NS + (hour + 1) * HOUR_NS)
        if h.name == ALSO_SIMULATED.get(name)
    ]
    ended = [one for one in told if one.query == name and one.phase == "end"]
    seen = [(one.begin_ns, one.last_ns) for one in ended if one.begin_ns >= START_NS + hour * HOUR_NS]
    right = [any(start <= begin <= end for start, end in spans) for begin, _ in seen]
    simulated = [any(start <= begin <= end for start, end in also) for begin, _ in seen]
    found = sum(any(begin <= end and last >= start for begin, last in seen) for start, end in spans)
    quiet = 1 - sum(end - start for start, end in [*spans, *also]) / HOUR_NS
    false = sum(not (one or other) for one, other in zip(right, simulated, strict=True))
    return Heard(found, len(spans), sum(right), false, quiet)


def line(name: str, one: Heard) -> str:
    low, high = wilson(one.found / one.clips, one.clips)
    return (
        f"{name:16s} recall {one.found / one.clips:.2f} [{low:.2f}, {high:.2f}] of {one.clips}  "
        f"{one.false / one.hours:5.1f} false an hour ({one.false}, beside {one.right} right)"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--learn", type=int, default=4)
    parser.add_argument(
        "--cache", type=Path, help="where the embeddings learnt from are kept for a later run"
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    encoder = Encoder(load_model(given.model, device="cpu", modalities=("audio", "text")))
    clips = laid(given.shared, given.folds, given.learn)
    names = sorted({clip.name for clip in clips})
    told = list(events(encoder, asked(encoder, names), clips, given.learn, given.cache))
    found = {name: scored(told, name, clips, given.learn) for name in names}
    for name, one in found.items():
        print(line(name, one))
    print(line("all ten", Heard(*(sum(column) for column in zip(*found.values(), strict=True)))))
    pooled = np.array([one.false / one.hours for one in found.values()])
    drawn = np.random.default_rng(0).choice(pooled, (2000, len(pooled))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    print(f"asked for {RATE_PER_H:g}/h: {pooled.mean():.1f}/h [{low:.1f}, {high:.1f}] over the queries")


if __name__ == "__main__":
    main()
