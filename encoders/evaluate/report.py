"""A report: one row a figure, each with its interval, what chance would give, and what it was measured on."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from ..data.item import Item, belong
from .intervals import Share, share
from .probe import draw_shots, fit_probe, probe
from .scores import chance, class_shares, ranks

Kind = Literal["real", "simulated"]
RECALLS = (1, 5, 10)
DRAWS = 5
"""How often a few examples are drawn anew: one draw says little."""
STRETCH_NS = 10_000_000_000
"""Of a log: windows within one such stretch are one case to the confidence interval."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """`value` with its 95 % interval over `cases`; `together`: whether the pair was trained together."""

    kind: Kind
    task: str
    query: str
    target: str
    measure: str
    value: float
    low: float
    high: float
    cases: int
    chance: float
    together: bool | None = None


class Side(msgspec.Struct, frozen=True):
    """The items of one modality and their unit vectors float32 (n, dim)."""

    items: Sequence[Item]
    vectors: np.ndarray

    @property
    def modality(self) -> str:
        return self.items[0].modality


def retrieval(
    kind: Kind, query: Side, target: Side, near_ns: int, *, together: bool | None = None
) -> list[Figure]:
    """R@1, 5 and 10 of finding, among the targets, one that belongs to the query."""
    relevant = belong(query.items, target.items, near_ns)
    found = ranks(query.vectors @ target.vectors.T, relevant)
    asked = found >= 0
    clusters = [name for name, one in zip(clusters_of(query.items), asked, strict=True) if one]
    figures: list[Figure] = []
    for k in RECALLS:
        if asked.any() and k < len(target.items):
            value = share(found[asked] < k, clusters)
            about = _figure(kind, "retrieval", query.modality, target.modality, f"R@{k}", value)
            figures.append(
                msgspec.structs.replace(about, chance=chance(relevant[asked], k), together=together)
            )
    return figures


def zero_shot(kind: Kind, rows: Side, labels: Side) -> list[Figure]:
    """Accuracy, the mean of the classes' recalls and the worst of them, against the labels' vectors."""
    relevant = belong(rows.items, labels.items)
    hits = ranks(rows.vectors @ labels.vectors.T, relevant) == 0
    return _accuracies(kind, "zero-shot", rows, hits, len(labels.items), "text")


def few_shot(kind: Kind, rows: Side, shots: int | None, folds: Mapping[str, str]) -> list[Figure]:
    """A linear probe of `shots` examples a class (None: all), tested on every fold that it did not see.

    `folds` says which fold each source is in; examples come from the others.
    """
    names = sorted({item.key for item in rows.items})
    classes = np.array([names.index(item.key) for item in rows.items])
    fold = np.array([folds[item.source] for item in rows.items])
    draws = 1 if shots is None else DRAWS
    hits = np.zeros((draws, len(classes)), bool)
    for draw in range(draws):
        for number, tested in enumerate(np.unique(fold)):
            rng = np.random.default_rng([draw, number])
            train = draw_shots(classes, fold != tested, shots, rng)
            weight = fit_probe(rows.vectors[train], classes[train], len(names))
            test = fold == tested
            hits[draw, test] = probe(weight, rows.vectors[test]) == classes[test]
    name = "linear probe" if shots is None else f"{shots}-shot"
    drawn = Side(list(rows.items) * draws, np.tile(rows.vectors, (draws, 1)))
    return _accuracies(kind, name, drawn, hits.ravel(), len(names), "examples")


def clusters_of(items: Sequence[Item]) -> list[str]:
    """What each item's confidence interval counts once: its source, of logs a stretch of it."""
    unique = len({item.key for item in items}) == len(items)
    return [
        f"{item.source}@{item.stamp_ns // STRETCH_NS}"
        if unique and item.stamp_ns is not None
        else item.source
        for item in items
    ]


def _accuracies(kind: Kind, task: str, rows: Side, hits: np.ndarray, count: int, target: str) -> list[Figure]:
    classes = np.array([item.key for item in rows.items])
    recalls = class_shares(hits, classes)
    worst = min(recalls, key=recalls.__getitem__)
    sources = clusters_of(rows.items)
    accuracy = share(hits, sources)
    of_worst = share(
        hits[classes == worst], [s for s, name in zip(sources, classes, strict=True) if name == worst]
    )
    figures = [_figure(kind, task, rows.modality, target, "accuracy", accuracy)]
    figures.append(_figure(kind, task, rows.modality, target, f"recall of {worst} (worst)", of_worst))
    return [msgspec.structs.replace(figure, chance=1 / count) for figure in figures]


def _figure(kind: Kind, task: str, query: str, target: str, measure: str, value: Share) -> Figure:
    return Figure(
        kind=kind,
        task=task,
        query=query,
        target=target,
        measure=measure,
        value=value.value,
        low=value.low,
        high=value.high,
        cases=value.cases,
        chance=0.0,
    )
