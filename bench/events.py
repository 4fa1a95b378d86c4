"""How well the demo's watches find what happens in simulated worlds, with all sensors and without each.

python bench/events.py [--split validation] [--minutes 8] [--model mini] [--on 4.0 ...]
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from sixsense import load_model
from sixsense.encoders.bind.recipes.background import LENGTH_NS, START_NS, STREAMS, windows
from sixsense.encoders.card import ModelCard
from sixsense.encoders.embedding import Embedding
from sixsense.encoders.encode import Encoder
from sixsense.fusion.combine import combine
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.fused import Match
from sixsense.fusion.match import Matcher
from sixsense.fusion.query import Query, Standing
from sixsense.fusion.rule import InputRule
from sixsense.fusion.tick import Tick
from sixsense.launch.config import load_config
from sixsense.launch.queries import config_queries
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.robot import SimulatedRobot
from sixsense.sensors.simulated.script import Happening
from sixsense.sensors.simulated.split import SPLITS, Split

HOP_NS = NS // 4
LIMIT_NS = TOLERANCE_NS = NS
Vectors = dict[str, list[Embedding]]


class Minute(NamedTuple):
    """A minute of one robot: what happens, and the embeddings of every modality's windows."""

    happenings: list[Happening]
    vectors: Vectors


class Found(NamedTuple):
    """Events that something explains, of how many; happenings that an event is about, of how many."""

    right: int
    events: int
    found: int
    happenings: int

    @property
    def precision(self) -> float:
        return self.right / self.events if self.events else 1.0

    @property
    def recall(self) -> float:
        return self.found / self.happenings if self.happenings else 1.0


def minute(encoder: Encoder, split: Split, seed: int, modalities: Sequence[str] = tuple(STREAMS)) -> Minute:
    """Embed every window of a robot's minute."""
    robot = SimulatedRobot(seed, start_ns=START_NS, seconds=LENGTH_NS / NS, streams=(), split=split)
    card = encoder.model.card
    vectors = {
        modality: list(_embedded(encoder, modality, split, seed))
        for modality in modalities
        if modality in card.modalities
    }
    return Minute(robot.happenings(START_NS, START_NS + LENGTH_NS), vectors)


def _embedded(encoder: Encoder, modality: str, split: Split, seed: int) -> Iterator[Embedding]:
    for seq, (window, _) in enumerate(windows(modality, encoder.model.card.windows[modality], split, seed)):
        vector, quality = encoder.embed(window)
        yield Embedding(
            input=modality,
            modality=modality,
            epoch=0,
            seq=seq,
            index=window.index,
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            ranges=(),
            quality=quality,
            space_id=encoder.model.space_id,
            vector=vector,
        )


def standing(encoder: Encoder, queries: Sequence[Query]) -> list[Standing]:
    """The queries with their vectors, as the encode node gives them."""
    return [compose(query, [_part(encoder, query)], encoder.model.card) for query in queries]


def _part(encoder: Encoder, query: Query) -> Part:
    (term,) = query.terms
    if term.text is not None:
        return Part(term.weight, "text", encoder.embed_query("text", term.text))
    assert term.example is not None, "the demo watches texts and examples"
    shown = term.example
    options = {"stamps": shown.stamps, "rate_hz": shown.rate_hz, "fx": shown.fx, "baseline": shown.baseline}
    return Part(term.weight, shown.modality, encoder.embed_query(shown.modality, shown.data, **options))


def events(
    card: ModelCard, asked: Sequence[Standing], vectors: Mapping[str, Sequence[Embedding]]
) -> list[Match]:
    """What fusion tells of a minute, its ends last."""
    rules = {name: InputRule(modality=name, limit_ns=LIMIT_NS) for name in vectors}
    matcher = Matcher(card, inputs={name: name for name in vectors})
    matcher.set_queries(asked, from_ns=START_NS)
    told: list[Match] = []
    at = dict.fromkeys(vectors, 0)
    for stamp_ns in range(START_NS + HOP_NS, START_NS + LENGTH_NS + 1, HOP_NS):
        newest: dict[str, Embedding] = {}
        for name, ordered in vectors.items():
            while at[name] < len(ordered) and ordered[at[name]].end_ns <= stamp_ns:
                at[name] += 1
            last = ordered[at[name] - 1] if at[name] else None
            if last is not None and last.end_ns >= stamp_ns - LIMIT_NS:
                newest[name] = last
        tick = Tick(stamp_ns, "complete", newest)
        told += matcher.match(tick, combine(tick, rules, card, epoch=0, seq=len(told)))
    return [*told, *matcher.finish(START_NS + LENGTH_NS)]


def scored(told: Sequence[Match], happenings: Sequence[Happening], query: str, kind: str) -> Found:
    """An event is right that begins from one second before a happening of its kind to one second after it.

    A happening is found when an event goes on within a second of it: two bumps that fall into one window of
    two seconds are one event.
    """
    named = [one for one in happenings if one.name == kind]
    spans = [(one.start_ns - TOLERANCE_NS, one.end_ns + TOLERANCE_NS) for one in named]
    seen = [(one.begin_ns, one.last_ns) for one in told if one.query == query and one.phase == "end"]
    right = sum(any(start <= begin <= end for start, end in spans) for begin, _ in seen)
    found = sum(any(begin <= end and last >= start for begin, last in seen) for start, end in spans)
    return Found(right, len(seen), found, len(spans))


def total(parts: Sequence[Found]) -> Found:
    return Found(*(sum(column) for column in zip(*parts, strict=True))) if parts else Found(0, 0, 0, 0)


def kind_of(query: str) -> str:
    """The demo's watches are called after what they watch for."""
    return query.split()[0]


def measure(
    card: ModelCard, asked: Sequence[Standing], minutes: Sequence[Minute], without: str = ""
) -> dict[str, Found]:
    """By query, over all minutes, with one modality left out."""
    found: dict[str, list[Found]] = {one.query.name: [] for one in asked}
    for one in minutes:
        seen = {name: vectors for name, vectors in one.vectors.items() if name != without}
        told = events(card, asked, seen)
        for name in found:
            found[name].append(scored(told, one.happenings, name, kind_of(name)))
    return {name: total(parts) for name, parts in found.items()}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python bench/events.py", description=__doc__)
    parser.add_argument("--split", default="validation", choices=SPLITS)
    parser.add_argument("--minutes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--model", default="mini")
    parser.add_argument(
        "--on", type=float, nargs="*", default=[], help="thresholds to try instead of the demo's"
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    encoder = Encoder(load_model(given.model, device="cpu"))
    config = Path(__file__).parent.parent / "configs" / "demo.toml"
    queries = config_queries(load_config(config))
    minutes = [minute(encoder, given.split, given.seed + i) for i in range(given.minutes)]
    print(Counter(happening.name for one in minutes for happening in one.happenings))
    for on in given.on or [None]:
        tried = [q if on is None else msgspec.structs.replace(q, on=on, off=min(q.off, on)) for q in queries]
        asked = standing(encoder, tried)
        for without in ("", *STREAMS):
            found = measure(encoder.model.card, asked, minutes, without)
            parts = [f"{name} {f.right}/{f.events} {f.found}/{f.happenings}" for name, f in found.items()]
            whole = total(list(found.values()))
            said = f"precision {whole.precision:.2f} recall {whole.recall:.2f}"
            sensors = f"without {without}" if without else "all sensors"
            print(f"on {on or 'as configured'}, {sensors}: {said}  {'  '.join(parts)}")


if __name__ == "__main__":
    main(sys.argv[1:])
