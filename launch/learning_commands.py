"""`sixsense bind` and `sixsense eval`: what each takes."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

Data = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA...",
        help="FOLDER of <class>/<file> or labelled motion; MODALITY:FOLDER; a CSV of pairs; a log; "
        "simulated:SEED:SECONDS.",
    ),
]
Streams = Annotated[str, typer.Option(help="Which of a log's streams, where several are of one modality.")]


def bind(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE.safetensors", help="The model to write.")],
    data: Data = None,
    recipe: Annotated[
        str | None, typer.Option(help="A TOML file with what is not given here (configs/bind.toml).")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model to begin with (mini).")] = None,
    modality: Annotated[str | None, typer.Option(help="The modality to train (thermal).")] = None,
    anchor: Annotated[str | None, typer.Option(help="What it is bound to (vision); text: classes.")] = None,
    train: Annotated[str | None, typer.Option(help="head, or all of the modality.")] = None,
    train_anchor: Annotated[
        bool | None, typer.Option("--train-anchor/--freeze-anchor", help="Train the anchor's modality too.")
    ] = None,
    augment: Annotated[bool | None, typer.Option("--augment/--no-augment", help="Vary the inputs.")] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Distil from a model, or from a FILE.npz of `sixsense embed`.")
    ] = None,
    held_out: Annotated[float | None, typer.Option(help="The share that is measured on (0.2).")] = None,
    guard: Annotated[
        float | None, typer.Option(help="Seconds of a log left out beside what is held out (5).")
    ] = None,
    every: Annotated[float | None, typer.Option(help="Seconds between a log's windows (0.5).")] = None,
    streams: Streams = "",
    batch: Annotated[int | None, typer.Option(help="Pairs a step (64).")] = None,
    temperature: Annotated[float | None, typer.Option(help="By default ImageBind's.")] = None,
    steps: Annotated[int | None, typer.Option(help="How long (300).")] = None,
    rate: Annotated[float | None, typer.Option(help="How fast (0.001).")] = None,
    bf16: Annotated[bool | None, typer.Option("--bf16/--float32", help="Compute in bfloat16.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random (0).")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where a run that is killed goes on from (FILE.bind).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The result as one JSON object.")] = False,
) -> None:
    """Adapt one modality of a model to your own files or logs; the others stay as they are, bit for bit.

    What was sensed together in a log, has the same stem in two folders, or stands in one row of a CSV is a
    pair; a FOLDER of classes is bound to their names with --anchor text. A run that was killed goes on from
    its last checkpoint, to the same result, when the command is given again. Of a log take five minutes or
    more: the last fifth of it is held out, and says what was gained, with a 95 % interval.
    """
    commands = _load("bind")
    options = {
        "data": tuple(data or ()),
        "model": model,
        "modality": modality,
        "anchor": anchor,
        "train": train,
        "train_anchor": train_anchor,
        "augment": augment,
        "teacher": teacher,
        "held_out": held_out,
        "guard_s": guard,
        "every_s": every,
        "streams": _listed(streams),
        "batch": batch,
        "temperature": temperature,
        "steps": steps,
        "rate": rate,
        "bf16": bf16,
        "seed": seed,
    }
    commands.bind(commands.settings_of(recipe, options), out, folder, json=json)


def evaluate(
    data: Data = None,
    model: Annotated[str, typer.Option(help="A model's name, weights file or folder.")] = "mini",
    modality: Annotated[str, typer.Option(help="What is measured.")] = "vision",
    to: Annotated[
        str | None, typer.Option(help="Retrieval to and from this modality, instead of classes.")
    ] = None,
    shots: Annotated[
        str, typer.Option(help="Linear probes of so many examples a class; `all` of them.")
    ] = "1,2,4,8,all",
    folds: Annotated[
        bool, typer.Option("--folds", help="Test each fold in turn: the leading digit of file names (ESC).")
    ] = False,
    labels: Annotated[
        Path | None, typer.Option(help="Lines `class = a text | another`; else classes go by their folders.")
    ] = None,
    emergent: Annotated[
        bool, typer.Option("--emergent", help="Retrieval between modalities never trained together.")
    ] = False,
    streams: Streams = "",
    every: Annotated[float, typer.Option(min=0.01, help="Seconds between a log's windows.")] = 0.5,
    near: Annotated[float, typer.Option(min=0.0, help="How near in time counts as found.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a figure.")] = False,
) -> None:
    """What a model is worth: zero-shot, few-shot and retrieval, with 95 % confidence intervals.

    Classes: FOLDER/<class>/<file>, or labelled motion: <person>/<recording>.csv(.gz) whose header names
    x_acc, y_acc, z_acc (m/s^2), x_gyro, y_gyro, z_gyro (rad/s), timestamp (ms) and label. Pairs: two folders
    MODALITY:FOLDER with equal stems or equal classes, a CSV whose header names modalities, or a log. Real
    and simulated data are never in one row.
    """
    commands = _load("evaluate")
    asked = commands.Asked(
        model=model,
        modality=modality,
        to=to,
        shots=commands.parse_shots(shots),
        folds=folds,
        names=commands.parse_names(labels),
        emergent=emergent,
        streams=_listed(streams),
        every_s=every,
        near_s=near,
    )
    commands.evaluate(data or [], asked, json=json)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (one.strip() for one in text.split(","))))


def _load(module: str) -> Any:
    return import_module(f".{module}", __package__)
