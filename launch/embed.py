"""`sixsense embed`, `classify` and `compare`: files of any modality as vectors, and what they resemble."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import typer

from ..encoders.alias import check_alias
from ..encoders.card import ModelCard
from ..encoders.errors import InputError
from ..encoders.model import Model
from .export import check_out
from .vector_index import check_index, write_index
from .vectors import Files, Row


def embed(
    files: Sequence[str],
    model: str,
    modality: str | None,
    out: Path | None,
    *,
    json: bool,
    alias: str | None = None,
) -> bool:
    """Print or save each file's vector; whether every file has one.

    With `alias` they are saved in the form that consumers of that other model's space take. Raises
    InputError where the model does not share it.
    """
    if alias is not None:
        check_alias(alias, model)
    if out is not None:
        check_out(out) if alias is None else check_index(out)
    given = Files(files, model, modality)
    rows: list[Row] = []
    for row in given.rows():
        rows.append(row)
        if json:
            _print_json(_provenance(given.model, row) | {"vector": row.vector.tolist()})
        else:
            first = " ".join(f"{x:+.4f}" for x in row.vector[:4])
            typer.echo(f"{row.file}  {row.modality}  {first} ... ({given.model.dim} numbers)")
    if out is not None and alias is not None:
        vectors = np.array([row.vector for row in rows], np.float32).reshape(len(rows), given.model.dim)
        write_index(out, [row.file for row in rows], vectors)
    elif out is not None:
        _save(out, given.model, rows)
    return given.account()


def classify(
    files: Sequence[str], labels: Sequence[str], model: str, modality: str | None, *, json: bool
) -> bool:
    """Print how much each file resembles each label, best first; whether every file has a vector."""
    given = Files(files, model, modality, also="text")
    texts = given.model.embed_text(labels)
    seen: set[str] = set()
    for row in given.rows():
        seen.add(row.modality)
        answers = _ranked(given.model, row, labels, texts @ row.vector)
        if json:
            _print_json(_provenance(given.model, row) | {"labels": answers})
        else:
            typer.echo("\n".join([f"{row.file}  {row.modality}", *map(_answer_line, answers)]))
    _say_worth(given.model.card, ((modality, "text") for modality in seen))
    return given.account()


def compare(files: Sequence[str], model: str, modality: str | None, *, json: bool) -> bool:
    """Print the cosine of every two files; whether every file has a vector."""
    given = Files(files, model, modality)
    card, rows = given.model.card, list(given.rows())
    vectors = np.array([row.vector for row in rows]).reshape(len(rows), given.model.dim)
    cosines = (vectors @ vectors.T).tolist()
    meant = [[comparable(card, one.modality, other.modality) for other in rows] for one in rows]
    if json:
        named = {"files": [row.file for row in rows], "modalities": [row.modality for row in rows]}
        space = {"space_id": card.space_id, "trained": card.trained}
        _print_json(named | space | {"cosines": cosines, "comparable": meant})
    else:
        for number, row in enumerate(rows):
            cells = "".join(map(_cell, cosines[number], meant[number]))
            typer.echo(f"{number + 1:>3} {cells}  {row.file} ({row.modality})")
    _say_worth(card, ((one.modality, other.modality) for one in rows for other in rows))
    return given.account()


def parse_labels(text: str) -> list[str]:
    """`a dog,a car`, or the path of a text file with one label a line. Raises InputError without two."""
    path = Path(text)
    parts = path.read_text(encoding="utf-8").splitlines() if path.is_file() else text.split(",")
    labels = [part.strip() for part in parts if part.strip()]
    if len(labels) < 2:
        raise InputError(f'--labels {text!r} are {len(labels)}; give at least two, as in "a dog,a car"')
    return labels


def comparable(card: ModelCard, one: str, other: str) -> bool:
    """Whether a cosine between these modalities says what two things have in common."""
    known = {f"{one}/{other}", f"{other}/{one}"} & card.backgrounds.keys()
    return one == other or (card.trained and (not card.backgrounds or bool(known)))


def _ranked(model: Model, row: Row, labels: Sequence[str], cosines: np.ndarray) -> list[dict[str, Any]]:
    """Label, cosine and share, best first.

    The share is the softmax over the labels at the temperature that the text trunk was trained with; None
    where it would mean nothing.
    """
    logits = model.logit_scale("text") * cosines.astype(np.float64)
    powers = np.exp(logits - logits.max())
    shares: list[Any] = (powers / powers.sum()).tolist()
    if not comparable(model.card, row.modality, "text"):
        shares = [None] * len(labels)
    found = zip(labels, cosines.tolist(), shares, strict=True)
    answers = [{"label": label, "cosine": cosine, "share": share} for label, cosine, share in found]
    return sorted(answers, key=lambda answer: -answer["cosine"])


def _answer_line(answer: dict[str, Any]) -> str:
    share = "" if answer["share"] is None else f" {100 * answer['share']:5.1f} %"
    return f"   {_cell(answer['cosine'], bool(share))}{share}  {answer['label']}"


def _say_worth(card: ModelCard, pairs: Iterable[tuple[str, str]]) -> None:
    if all(comparable(card, *pair) for pair in pairs):
        return
    why = "has learnt no such pairs" if card.trained else "is untrained: similarity only"
    typer.echo(
        f"{card.name} {why}. Numbers in brackets compare different modalities and mean nothing; "
        "`sixsense models pull imagebind-huge` fetches a model that has learnt to.",
        err=True,
    )


def _save(out: Path, model: Model, rows: Sequence[Row]) -> None:
    """Write the file, whole or not at all."""
    draft = out.with_name(f".{out.stem}.{os.getpid()}.npz")
    try:
        np.savez(
            draft,
            vectors=np.array([row.vector for row in rows], np.float32).reshape(len(rows), model.dim),
            files=np.array([row.file for row in rows], np.str_),
            modalities=np.array([row.modality for row in rows], np.str_),
            space_id=np.array(model.space_id),
        )
        draft.replace(out)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written ({error.strerror})") from error
    finally:
        draft.unlink(missing_ok=True)


def _provenance(model: Model, row: Row) -> dict[str, Any]:
    space = {"space_id": model.space_id, "trained": model.card.trained}
    return {"file": row.file, "modality": row.modality} | space


def _cell(cosine: float, meant: bool) -> str:
    return f"{f'{cosine:.3f}' if meant else f'({cosine:.3f})':>9}"


def _print_json(fields: dict[str, Any]) -> None:
    typer.echo(msgspec.json.encode(fields).decode())
