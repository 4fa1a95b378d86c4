"""`sixsense bind`: one modality of a model adapted to a user's own files and logs."""

import json as jsonlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import typer

from ..encoders.architecture import TRUNKS
from ..encoders.bind.binding import Binding, Found, trained_modalities
from ..encoders.bind.bound import card_changes, check_free, write_bound
from ..encoders.bind.prepare import ANCHORS, ROWS, TEACHER, Job, Teacher, identity_of, prepare
from ..encoders.bind.settings import Settings
from ..encoders.bind.trainable import load_trainable
from ..encoders.bind.trainer import CHECKPOINT, Schedule, fit
from ..encoders.card import read_architecture, read_card
from ..encoders.checkpoint import find_checkpoint
from ..encoders.data.given import Data, Wanted
from ..encoders.data.item import belong
from ..encoders.errors import InputError
from ..encoders.evaluate.intervals import gain
from ..encoders.model import Model, load_model
from ..sensors.sample import NS
from .advance import counted_advance, steps_advance
from .recipe import load_recipe, load_templates
from .signals import sigterm_as_ctrl_c

MEASURED = 1000
"""How many rows the bound modality's mean and background are measured on."""


def settings_of(recipe: str | None, options: Mapping[str, Any]) -> Settings:
    """The recipe's settings (or the defaults), with every option that was given in their place.

    Raises ConfigError, or InputError for a value out of range.
    """
    settings = load_recipe(recipe) if recipe else Settings()
    given = {name: value for name, value in options.items() if value not in (None, ())}
    try:
        return msgspec.convert(msgspec.to_builtins(settings) | given, Settings)
    except msgspec.ValidationError as error:
        raise InputError(f"an option is wrong: {error}") from error


def bind(settings: Settings, out: Path, folder: Path | None, *, json: bool) -> None:
    """Train, write `out` and say what it is worth on what was held out; a killed run goes on where it was."""
    check_free(out)
    if settings.modality == settings.anchor:
        raise InputError(f"{settings.modality} cannot be its own anchor; give another with --anchor")
    with sigterm_as_ctrl_c():
        _bind(settings, out, folder or out.with_suffix(".bind"), json=json)


def _bind(settings: Settings, out: Path, folder: Path, *, json: bool) -> None:
    checkpoint = find_checkpoint(settings.model)
    pair = tuple(name for name in TRUNKS if name in (settings.modality, settings.anchor))
    read_architecture(checkpoint).only(pair)
    data = Data(settings.data, _wanted(settings))
    typer.echo(f"loading {settings.model} ...", err=True)
    model, network = load_trainable(checkpoint, pair)
    teacher = _teacher(settings) if settings.teacher else None
    templates = load_templates().get(settings.modality, ("{}",))
    digest = data.digest()
    identity = identity_of(settings, digest, model.space_id, templates)
    with counted_advance("prepared") as begin:
        prepared = prepare(Job(model, data, settings, templates, teacher), folder, identity, _tell, begin)
    same_space = teacher is not None and teacher.space_id == model.space_id
    task = Binding(network, settings, prepared, identity, same_space)
    _say_data(settings, task, data.left_out)
    before = _measured(task)
    with steps_advance() as report:
        figures = fit(task, _schedule(settings), folder, report)
    after = _measured(task)
    record = _record(settings, digest, identity, task, figures)
    changes = card_changes(read_card(settings.model), *_rows_of(task, settings))
    write_bound(checkpoint, out, network, trained_modalities(settings), changes, record)
    _clear(folder)
    _say_result(out, model, before, after, json=json)


def _wanted(settings: Settings) -> Wanted:
    card = read_card(settings.model)
    pair, every_ns = (settings.modality, settings.anchor), round(settings.every_s * NS)
    return Wanted(pair, card.windows, streams=settings.streams, every_ns=every_ns, imu=card.imu)


def _teacher(settings: Settings) -> Teacher:
    return Teacher(
        settings.teacher, settings.modality, lambda name, modalities: load_model(name, modalities=modalities)
    )


def _schedule(settings: Settings) -> Schedule:
    return Schedule(
        steps=settings.steps,
        rate=settings.rate,
        weight_decay=settings.weight_decay,
        warmup=min(100, settings.steps // 10),
        average=settings.average,
        bf16=settings.bf16,
        seed=settings.seed,
        evaluate_every=settings.evaluate_every,
        save_every_s=settings.save_every_s,
    )


def _measured(task: Binding) -> dict[str, Found]:
    task.module.eval()
    return task.found()


def _rows_of(task: Binding, settings: Settings) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Vectors of trained rows and their anchors, and which of those do not belong together."""
    train = task.split.train
    chosen = train[:: -(-len(train) // MEASURED)]
    items = [task.data.rows.items[index] for index in chosen]
    partners = [int(task.partners[index][0]) for index in chosen]
    vectors = {settings.modality: task.vectors(chosen), settings.anchor: task.anchor_vectors(partners)}
    return vectors, ~belong(items, items, round(settings.guard_s * NS))


def _record(
    settings: Settings, digest: str, identity: str, task: Binding, figures: dict[str, float]
) -> dict[str, Any]:
    """What the weights say of how they came about."""
    plain = msgspec.to_builtins(settings)
    return {
        "modality": settings.modality,
        "anchor": settings.anchor,
        "pairs": len(task.split.train),
        "held_out": len(task.split.held),
        "data_sha256": digest,
        "run_sha256": identity,
        "settings": {name: value for name, value in plain.items() if name not in ("data", "teacher")},
        "figures": figures,
    }


def _clear(folder: Path) -> None:
    """Remove what a finished run needs no more."""
    for name in (ROWS, ANCHORS, TEACHER):
        (folder / name).unlink(missing_ok=True)
        (folder / f"{name}.json").unlink(missing_ok=True)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _tell(error: str) -> None:
    typer.echo(f"sixsense: {error}", err=True)


def _say_data(settings: Settings, task: Binding, left_out: Counter[str]) -> None:
    sides = f"{len(task.split.train)} pairs to train on, {len(task.split.held)} held out"
    typer.echo(f"{settings.modality} to {settings.anchor}: {sides}", err=True)
    unpaired = Counter({f"{settings.modality} without {settings.anchor}": task.unpaired})
    for cause, count in (left_out + unpaired).items():
        typer.echo(f"left out: {count} {cause}", err=True)


def _say_result(
    out: Path, model: Model, before: dict[str, Found], after: dict[str, Found], *, json: bool
) -> None:
    space_id = read_card(out).space_id
    gains = {name: gain(before[name].hits, one.hits, one.sources) for name, one in after.items()}
    if json:
        sides = {"before": _shares(before), "after": _shares(after)}
        grown = {name: one._asdict() for name, one in gains.items()}
        fields = {"out": str(out), "space_id": space_id, "from": model.space_id}
        typer.echo(jsonlib.dumps(fields | sides | {"gain": grown}))
        return
    old, new = _shares(before), _shares(after)
    for name, one in gains.items():
        interval = f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
        typer.echo(f"held-out {name:<24} {old[name]:.3f} -> {new[name]:.3f}  {interval}")
    if all(one.low <= 0 for one in gains.values()):
        typer.echo("no gain is sure: too little is held out to tell; of a log take five minutes or more")
    typer.echo(f"{out}  {space_id} (vectors of {model.space_id} are not comparable with it)")


def _shares(found: dict[str, Found]) -> dict[str, float]:
    return {name: float(one.hits.mean()) for name, one in found.items()}
