"""Label sets of a configuration: files of labels, and their vectors, embedded once and kept."""

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..encoders.card import ModelCard
from ..encoders.checkpoint import models_folder
from ..fusion.labels import MOST_LABELS, LabelTable, comparable
from ..fusion.score import FUSED, pairs_of
from ..sensors.errors import SixsenseError
from ..sensors.sample import NS
from .config import CONFIGS
from .mistakes import suggestion
from .recipe import load_templates
from .schema import Config, LabelsConfig

if TYPE_CHECKING:
    from ..encoders.model import Model

PACKAGED = CONFIGS / "labels"
PLAIN = ("{}",)
"""The prompt where there is no template, as for the fused vector."""


class LabelsError(SixsenseError):
    """A label set that cannot be used: which, why, and what to write instead."""


def label_tables(config: Config, card: ModelCard, present: Collection[str]) -> tuple[LabelTable, ...]:
    """A table for each set and each of its targets that the run has (`present` modalities).

    Raises LabelsError where a file is none, or the model cannot compare its labels with what is asked for.
    """
    prompts = load_templates() if config.labels else {}
    # Loaded for this once, and only where an earlier run has not left every vector.
    model = cache(lambda: _text_model(config.model))
    return tuple(
        LabelTable(
            name=one.name,
            target=target,
            labels=labels,
            vectors=_vectors(model, card, labels, prompts.get(target, PLAIN)),
            top=one.top,
            every_ns=round(one.every_s * NS),
        )
        for one in config.labels
        for labels in [load_labels(one.file)]
        for target in _targets(one, card, present)
    )


def load_labels(file: str) -> tuple[str, ...]:
    """The labels of a file, or of a packaged set by its name. Raises LabelsError."""
    path = Path(file)
    packaged = PACKAGED / f"{file}.txt"
    if path.name == file and path.suffix != ".txt" and packaged.is_file():
        path = packaged
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        known = sorted(one.stem for one in PACKAGED.glob("*.txt"))
        raise LabelsError(
            f"cannot read the labels {file} ({error}); give a UTF-8 text file with one label a line, or a "
            f"packaged set: {suggestion(path.stem, known)}"
        ) from error
    labels = [label for line in lines if (label := line.partition("#")[0].strip())]
    twice = next((label for index, label in enumerate(labels) if label in labels[:index]), None)
    if twice is not None:
        raise LabelsError(f"{path}: {twice!r} is there twice: leave one out")
    if not 1 <= len(labels) <= MOST_LABELS:
        raise LabelsError(f"{path} has {len(labels)} labels; give 1 to {MOST_LABELS}")
    return tuple(labels)


def _targets(one: LabelsConfig, card: ModelCard, present: Iterable[str]) -> list[str]:
    wanted = one.modalities or tuple(sorted(present))
    there = {*present, FUSED}
    absent = [target for target in one.modalities if target not in there]
    if absent:
        raise LabelsError(
            f"[[labels]] {one.name!r}: no sensor gives {', '.join(absent)}; there are "
            f"{', '.join(sorted(there))}"
        )
    found = [target for target in wanted if comparable(card, target) is not None]
    if not found or (one.modalities and len(found) < len(wanted)):
        lacking = ", ".join(target for target in wanted if target not in found)
        raise LabelsError(
            f"[[labels]] {one.name!r}: {card.name} cannot compare texts with {lacking}; it has the pairs "
            f"{pairs_of(card)}: take other modalities, or another model "
            "(`sixsense models pull imagebind-huge`)"
        )
    return found


def _vectors(
    model: "Callable[[], Model]", card: ModelCard, labels: Sequence[str], prompts: Sequence[str]
) -> np.ndarray:
    """Float32 (n, dim): the mean over the prompts, from the file where an earlier run left them."""
    key = blake2b(repr((card.space_id, labels, prompts)).encode(), digest_size=12).hexdigest()
    path = models_folder() / "labels" / f"{key}.npy"
    try:
        kept = np.load(path, allow_pickle=False)
        if kept.shape == (len(labels), card.dim) and kept.dtype == np.float32:
            return kept
    except (OSError, ValueError):
        pass  # Not there yet, or damaged: it is written anew.
    rows = _embedded(model(), labels, prompts)
    _keep(path, rows)
    return rows


def _text_model(name: str) -> "Model":
    from ..encoders.model import load_model

    return load_model(name, modalities=["text"])


def _embedded(model: "Model", labels: Sequence[str], prompts: Sequence[str]) -> np.ndarray:
    from ..encoders.data.item import Item
    from ..encoders.data.vectors import embed_labels

    return embed_labels(model, [Item("text", label, label, "") for label in labels], prompts, {})


def _keep(path: Path, rows: np.ndarray) -> None:
    """Write them, whole or not at all; a disk that takes nothing costs the next run some seconds."""
    draft = path.with_name(f".{path.stem}.{os.getpid()}.npy")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(draft, rows)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
