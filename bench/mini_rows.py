"""Rows of the shipped model's table: one figure with its interval each, and how they are come by."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sixsense.encoders.data.given import Kind
from sixsense.encoders.data.item import Item
from sixsense.encoders.data.vectors import PLAIN, embed_labels
from sixsense.encoders.evaluate.intervals import Share, share, wilson
from sixsense.encoders.evaluate.scores import ranks
from sixsense.encoders.model import Model


class Row(NamedTuple):
    """What was measured, on real or simulated data; `goal` and `remark` are for people."""

    kind: Kind
    what: str
    share: Share
    goal: str = ""
    remark: str = ""


class Given(NamedTuple):
    """What is measured: the model as it ships, the same with sound, motion and vision towers that know
    nothing of what they are measured on, the data sets, and the folder in which the model was made."""

    model: Model
    held_out: Model
    shared: Path
    build: Path


def hits(vectors: np.ndarray, classes: Sequence[str], texts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """bool (n,): whether the text nearest to each vector (n, dim) is its own class's; `names` say whose the
    texts (m, dim) are."""
    return ranks(vectors @ texts.T, np.array(classes)[:, None] == np.array(names)) == 0


def texts_of(
    model: Model, texts: Mapping[str, Sequence[str]], templates: Sequence[str] = PLAIN
) -> np.ndarray:
    """Unit vectors float32 (n, dim): of each class the mean over its texts, in every template."""
    return embed_labels(model, [Item("text", name, name, "") for name in texts], templates, texts)


def share_of(value: float, count: int) -> Share:
    """A share that is known only as a number, of so many cases."""
    return Share(value, *wilson(value, count), count)


def sets_of(paraphrases: Mapping[str, Sequence[str]]) -> list[dict[str, tuple[str]]]:
    """The nth paraphrase of every class, for every n that all have."""
    return [
        {name: (texts[n],) for name, texts in paraphrases.items()}
        for n in range(min(map(len, paraphrases.values())))
    ]


def by_sets(
    model: Model, vectors: np.ndarray, classes: Sequence[str], sources: Sequence[str], sets: Sequence[Mapping]
) -> tuple[Share, str]:
    """The share over all sets of texts, each source counted once, and the range of the sets' own shares."""
    found = [hits(vectors, classes, texts_of(model, texts), list(texts)) for texts in sets]
    shares = [float(one.mean()) for one in found]
    whole = share(np.concatenate(found), [*sources] * len(sets))
    return whole, f"{min(shares):.2f} to {max(shares):.2f} by set"


def tell(said: str) -> None:
    """Progress, and what was left out: the standard output is the table's."""
    print(said, file=sys.stderr, flush=True)


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Lines of Markdown, each as soon as it is known."""
    yield from ("| | what | figure | n | goal |", "|---|---|---|---|---|")
    for row in rows:
        value, low, high, cases = row.share
        remark = f"; {row.remark}" if row.remark else ""
        figure = f"{value:.3f} [{low:.3f}, {high:.3f}]"
        yield f"| {row.kind} | {row.what}{remark} | {figure} | {cases} | {row.goal} |"
