"""`sixsense eval`: what a model is worth on folders and logs, each figure with its confidence interval."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import typer

from ..encoders.architecture import TRUNKS
from ..encoders.bind.bound import learnt_from, trained_pairs
from ..encoders.card import ModelCard, read_card
from ..encoders.checkpoint import find_checkpoint
from ..encoders.data.given import Data, Wanted, located
from ..encoders.data.item import Item
from ..encoders.data.vectors import embed_items, embed_labels, label_items
from ..encoders.errors import InputError
from ..encoders.evaluate.report import Figure, Side, few_shot, retrieval, zero_shot
from ..encoders.model import Model, load_model
from ..sensors.sample import NS
from .advance import counted_advance
from .recipe import load_templates

FOLDS = 5
"""Sources that are not folds themselves are dealt into so many for the linear probes."""
MOST_FOLDS = 10


class Asked(NamedTuple):
    """What `eval` was asked for. `shots` None in the tuple is every example there is."""

    model: str
    modality: str
    to: str | None
    shots: tuple[int | None, ...]
    folds: bool
    names: Mapping[str, tuple[str, ...]]
    emergent: bool
    streams: tuple[str, ...]
    every_s: float
    near_s: float


def evaluate(data: Sequence[str], asked: Asked, *, json: bool) -> None:
    """Print a row a figure. Raises SixsenseError where there is nothing to measure."""
    card, source = read_card(asked.model), find_checkpoint(asked.model)
    for _, path in map(located, data):
        if path.is_dir() and (name := learnt_from(source, path)):
            typer.echo(
                f"{path}: {card.name} learnt from {name}, these very files: none is held out", err=True
            )
    figures: list[Figure] = []
    for pair in _pairs(data, asked, card):
        figures += _measured(data, asked, card, pair)
    if not figures:
        raise InputError("nothing to measure: fewer than two things to choose from; give more data")
    if json:
        for figure in figures:
            typer.echo(msgspec.json.encode(figure).decode())
    else:
        typer.echo("\n".join(table(figures)))


def parse_shots(text: str) -> tuple[int | None, ...]:
    """`1,2,4,8,all`; empty for none. Raises InputError."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if wrong := next((part for part in parts if part != "all" and not (part.isdigit() and int(part))), None):
        raise InputError(f"--shots {text!r}: {wrong!r} is no number of examples; write 1,2,4,8,all")
    return tuple(None if part == "all" else int(part) for part in parts)


def parse_names(path: Path | None) -> dict[str, tuple[str, ...]]:
    """Lines of `class = a text | another`: what the classes are called. Raises InputError."""
    if path is None:
        return {}
    names: dict[str, tuple[str, ...]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}; it is UTF-8 text") from error
    for number, line in enumerate(lines, start=1):
        key, equals, texts = (part.strip() for part in line.partition("="))
        called = tuple(text.strip() for text in texts.split("|") if text.strip())
        if line.strip() and not (key and equals and called):
            raise InputError(f"{path}:{number}: {line!r}; write `class = a text | another`")
        if called:
            names[key] = called
    return names


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """Aligned lines: what was asked of what, the figure with its interval, and what chance would give."""
    width = max(len(figure.measure) for figure in figures)
    for one in figures:
        interval = f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
        together = {None: "", True: "  trained together", False: "  emergent"}[one.together]
        task = f"{one.kind:<9}  {one.task:<12}  {one.query + ' > ' + one.target:<18}  {one.measure:<{width}}"
        yield f"{task}  {interval}  n={one.cases}  chance {one.chance:.3f}{together}"


def _pairs(data: Sequence[str], asked: Asked, card: ModelCard) -> list[tuple[str, ...]]:
    if not asked.emergent:
        return [(asked.modality,) if asked.to is None else (asked.modality, asked.to)]
    known = trained_pairs(find_checkpoint(asked.model))
    if known is None:
        raise InputError(f"--emergent: {card.name} does not say which pairs it was trained on")
    there = [prefix for prefix, _, rest in (one.partition(":") for one in data) if rest and prefix in TRUNKS]
    there = there or [name for name in card.modalities if name != "text"]
    there = [asked.modality, asked.to] if asked.to else sorted(set(there), key=TRUNKS.index)
    found = [pair for pair in combinations(there, 2) if frozenset(pair) not in known]
    if not found:
        raise InputError(f"--emergent: {card.name} was trained on every pair of {', '.join(there)}")
    return found


def _measured(data: Sequence[str], asked: Asked, card: ModelCard, pair: tuple[str, ...]) -> list[Figure]:
    """The figures of one modality, or of one pair of them."""
    every_ns = round(asked.every_s * NS)
    others = tuple(f"{name}:" for name in TRUNKS if name not in pair)
    # Of several pairs that were never trained together, each has its own part of the data.
    ours = [one for one in data if not (asked.emergent and one.startswith(others))]
    read = Data(ours, Wanted(pair, card.windows, asked.folds, asked.streams, every_ns, card.imu))
    wanted = {*pair, *(("text",) if asked.to is None and "text" in card.modalities else ())}
    typer.echo(f"loading {asked.model} ...", err=True)
    model = load_model(asked.model, modalities=[name for name in TRUNKS if name in wanted])
    sides = _sides(model, read)
    for cause, count in read.left_out.items():
        typer.echo(f"left out: {count} {cause}", err=True)
    first = sides.get(pair[0])
    if first is None:
        raise InputError(f"none of the data is of {pair[0]}, or none of it can be embedded")
    if len(pair) == 1:
        return list(_of_one(model, read, first, asked))
    return _of_two(model, read, first, pair[1], sides, asked)


def _sides(model: Model, data: Data) -> dict[str, Side]:
    items: dict[str, list[Item]] = {}
    vectors: dict[str, list[np.ndarray]] = {}
    with counted_advance("embedded") as begin:
        for item, vector in embed_items(model, data.items(), data.left_out, _tell):
            begin(item.key)
            items.setdefault(item.modality, []).append(item)
            vectors.setdefault(item.modality, []).append(vector)
    return {name: Side(found, np.stack(vectors[name])) for name, found in items.items()}


def _of_one(model: Model, data: Data, rows: Side, asked: Asked) -> Iterator[Figure]:
    """Zero-shot where the model knows texts, and linear probes."""
    classes = sorted({item.key for item in rows.items})
    if len(classes) < 2 or len(classes) == len(rows.items):
        raise InputError(
            f"{len(rows.items)} of {rows.modality} in {len(classes)} classes: no classes to tell apart; "
            "give FOLDER/<class>/<file>, or compare with another modality: --to"
        )
    if "text" in model.modalities:
        labels = label_items(classes)
        templates = load_templates().get(rows.modality, ("{}",))
        yield from zero_shot(
            data.kind, rows, Side(labels, embed_labels(model, labels, templates, asked.names))
        )
    for shots in asked.shots:
        yield from few_shot(data.kind, rows, shots, _folds(rows.items, asked.folds))


def _of_two(
    model: Model, data: Data, first: Side, other: str, sides: dict[str, Side], asked: Asked
) -> list[Figure]:
    """Retrieval both ways."""
    second = sides.get(other)
    if second is None and other == "text":
        labels = label_items(item.key for item in first.items)
        templates = load_templates().get(first.modality, ("{}",))
        second = Side(labels, embed_labels(model, labels, templates, asked.names))
    if second is None:
        raise InputError(f"none of the data is of {other}; name the folder of each: {other}:FOLDER")
    known = trained_pairs(find_checkpoint(asked.model))
    together = None if known is None else frozenset((first.modality, other)) in known
    near_ns = round(asked.near_s * NS)
    found = [
        *retrieval(data.kind, first, second, near_ns, together=together),
        *retrieval(data.kind, second, first, near_ns, together=together),
    ]
    if not found:
        ours, theirs = first.items[0].key, second.items[0].key
        raise InputError(
            f"no pairs: {first.modality} has {ours!r} and others, {other} {theirs!r} and others, and none is "
            "in both (or there are fewer than two); pairs have equal stems or classes of equal names"
        )
    return found


def _folds(items: Sequence[Item], named: bool) -> dict[str, str]:
    """The fold of each source: its name's, itself where there are few, else dealt in the order of names."""
    sources = sorted({item.source for item in items})
    if named:
        folds = {source: source.partition("/")[0] for source in sources}
        if len(set(folds.values())) < 2:
            raise InputError("--folds: all files are of one fold; give at least two, or leave it out")
        return folds
    if len(sources) < 2:
        raise InputError("linear probes need two sources or more, to train on one and test on another")
    few = len(sources) <= MOST_FOLDS
    return {source: source if few else str(index % FOLDS) for index, source in enumerate(sources)}


def _tell(error: str) -> None:
    typer.echo(f"sixsense: {error}", err=True)
