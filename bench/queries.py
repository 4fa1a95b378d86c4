"""What standing queries and labels cost fusion, as a share of a core: a thousand of them, five inputs, 4 Hz.

Ticks with and without them alternate in the same run, so that a noisy machine is noisy for both; the
figures are CPU time, median and 99th percentile over ticks; a core has 250 ms a tick.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from sixsense.encoders.card import Background, ModelCard
from sixsense.encoders.embedding import Embedding
from sixsense.fusion import InputRule, Labeller, LabelTable, Matcher, Query, Standing
from sixsense.fusion.combine import combine
from sixsense.fusion.fused import Fused
from sixsense.fusion.tick import Tick
from sixsense.sensors.sample import NS

MODALITIES = ("vision", "depth", "thermal", "audio", "imu")
HOP_NS = NS // 4
RULES = {name: InputRule(modality=name, limit_ns=NS) for name in MODALITIES}


def card_of(dim: int) -> ModelCard:
    """A model that compares texts with everything."""
    pairs = {f"text/{name}": Background(mean=0.0, deviation=dim**-0.5) for name in (*MODALITIES, "fused")}
    return ModelCard(
        name="bench",
        space_id="bench",
        dim=dim,
        trained=True,
        modalities=(*MODALITIES, "text"),
        windows={},
        means={},
        backgrounds=pairs,
    )


def units(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    rows = rng.standard_normal((count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def standing(kind: str, rng: np.random.Generator, count: int, dim: int) -> list[Standing]:
    """So many queries of one kind, each with a rate."""
    fields = {"match": {}, "disagreement": {"modalities": ("audio", "vision")}, "novelty": {}}[kind]
    vectors = np.zeros((count, dim), np.float32) if kind == "novelty" else units(rng, count, dim)
    mix = () if kind == "novelty" else (("text", 1.0),)
    return [
        Standing(
            query=Query(name=f"q{index:04}", asks=kind, at_most_per_h=6.0, **fields),
            mix=mix,
            space_id="bench",
            vector=vector,
        )
        for index, vector in enumerate(vectors)
    ]


def ticks_of(rng: np.random.Generator, count: int, card: ModelCard) -> list[tuple[Tick, Fused]]:
    """Ticks of five inputs, all new at each."""
    ticks: list[tuple[Tick, Fused]] = []
    for index in range(1, count + 1):
        stamp_ns = index * HOP_NS
        newest = {
            name: Embedding(
                input=name,
                modality=name,
                epoch=0,
                seq=index,
                index=index,
                start_ns=stamp_ns - HOP_NS,
                end_ns=stamp_ns,
                ranges=(),
                quality=1.0,
                space_id="bench",
                vector=vector,
            )
            for name, vector in zip(MODALITIES, units(rng, len(MODALITIES), card.dim), strict=True)
        }
        tick = Tick(stamp_ns, "complete", newest)
        ticks.append((tick, combine(tick, RULES, card, epoch=0, seq=index)))
    return ticks


def costs(does: Sequence[Callable[[Tick, Fused], object]], ticks: list[tuple[Tick, Fused]]) -> np.ndarray:
    """CPU seconds float64 (n, ticks) that each of `does` takes for every tick, one after the other."""
    spent = np.zeros((len(does), len(ticks)))
    for column, (tick, fused) in enumerate(ticks):
        for row, do in enumerate(does):
            begin = time.thread_time()
            do(tick, fused)
            spent[row, column] = time.thread_time() - begin
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--ticks", type=int, default=400)
    parser.add_argument("--dims", type=int, nargs="*", default=[384, 1024])
    args = parser.parse_args()
    print("dim   what                     ms a tick p50    p99   % of a core")
    for dim in args.dims:
        rng, card = np.random.default_rng(0), card_of(dim)
        does: dict[str, Callable[[Tick, Fused], object]] = {"no query": Matcher(card).match}
        for kind, count in (("match", args.queries), ("disagreement", args.queries), ("novelty", 1)):
            matcher = Matcher(card)
            matcher.set_queries(standing(kind, rng, count, dim), from_ns=0)
            does[f"{count} of {kind}"] = matcher.match
        names = tuple(map(str, range(args.labels)))
        tables = [
            LabelTable(name="set", target=target, labels=names, vectors=units(rng, args.labels, dim))
            for target in (*MODALITIES, "fused")
        ]
        does[f"{args.labels} labels, 6 targets"] = Labeller(card, tables, hop_ns=HOP_NS).tell
        spent = costs(list(does.values()), ticks_of(rng, args.ticks, card))
        for name, row in zip(does, spent, strict=True):
            median, worst = np.percentile(row, [50, 99]) * 1e3
            print(f"{dim:<5} {name:<24} {median:13.2f} {worst:6.2f} {row.mean() * NS / HOP_NS * 100:12.1f}")


if __name__ == "__main__":
    main()
