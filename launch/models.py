"""`sixsense models`: which models there are, what is in them, and whether they are what they should be."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import typer

from ..encoders.architecture import Architecture
from ..encoders.card import ModelCard, make_card, read_architecture
from ..encoders.checkpoint import DOWNLOADED, SHIPPED, SUFFIXES, Checkpoint, find_checkpoint, models_folder
from ..encoders.errors import ModelError
from ..encoders.pull import (
    VOCABULARY_URL,
    accept_licence,
    licence_note,
    pull_vocabulary,
    pull_weights,
    released,
)
from .advance import bytes_advance

if TYPE_CHECKING:
    from torch import Tensor

    from ..encoders.verify import Table

MEBI = 1 << 20
FLOAT32 = 4


class Known(NamedTuple):
    """A line of `models list`."""

    name: str
    state: str
    path: str
    megabytes: float | None


def list_models(*, json: bool) -> None:
    """Print what can be loaded by name, and what else lies in the folder of models."""
    for known in _known():
        if json:
            _print_json(known._asdict())
        else:
            size = "" if known.megabytes is None else f"{known.megabytes:,.0f} MB"
            typer.echo(f"{known.name:<16} {known.state:<40} {size:>9}  {known.path}")


def pull(
    name: str, *, accept: bool, sha256: str | None, url: str | None, vocabulary_url: str | None, json: bool
) -> None:
    """Fetch or check a released checkpoint. Raises ModelError where its licence is not accepted."""
    _ask(name, accept)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        typer.echo(text, err=json)

    with bytes_advance() as progress:
        pull_vocabulary(vocabulary_url or VOCABULARY_URL, say=say, progress=progress)
    with bytes_advance() as progress:
        path = pull_weights(name, url=url, sha256=sha256, say=say, progress=progress)
    if json:
        _print_json({"name": name, "path": str(path), "checked": said})
    else:
        typer.echo(f"ready: sixsense models show {name}")


def show(name: str, *, keys: bool, json: bool) -> None:
    """Print a model's space, trunks and memory. Raises ModelError for one that is not whole."""
    from ..encoders.loading import check_weights

    checkpoint = find_checkpoint(name)
    architecture = read_architecture(checkpoint)
    card = make_card(checkpoint, architecture)
    if checkpoint.exported is not None:
        _show_exported(checkpoint, card, checkpoint.exported.precision, json=json)
        return
    state = check_weights(checkpoint.weights, architecture)
    trunks = {modality: _trunk(modality, card, state) for modality in card.modalities}
    shapes = {key: list(value.shape) for key, value in state.items()} if keys else {}
    if json:
        plain = {"name": card.name, "file": checkpoint.where, "space_id": card.space_id, "dim": card.dim}
        _print_json(plain | {"trained": card.trained, "trunks": trunks} | ({"keys": shapes} if keys else {}))
        return
    for line in _shown(checkpoint, card, trunks, state):
        typer.echo(line)
    for key, shape in shapes.items():
        typer.echo(f"{key} {shape} {_dtype(state[key])}")


def convert_model(source: str, out: Path, modalities: tuple[str, ...] | None, *, json: bool) -> None:
    """Write a model in another format, or some of its trunks. Raises ModelError."""
    from ..encoders.convert import convert

    convert(find_checkpoint(source), out, modalities)
    target = out.parent if out.suffix == ".pth" and out.with_name("config.json").is_file() else out
    written = find_checkpoint(target)
    if json:
        _print_json({"path": str(target), "space_id": written.space_id()})
    else:
        typer.echo(f"{target}: {out.stat().st_size / 1e6:,.0f} MB, space {written.space_id()}")


def export_model(
    source: str, out: Path, modalities: tuple[str, ...] | None, *, int8: bool, json: bool
) -> None:
    """Write a model as ONNX files. Raises ModelError."""
    from ..encoders.export import export

    checkpoint = find_checkpoint(source)
    export(checkpoint, out, modalities, int8=int8, report=lambda one: typer.echo(f"{one} ...", err=True))
    written = find_checkpoint(out)
    size = sum(file.stat().st_size for file in out.iterdir())
    if json:
        _print_json({"path": str(out), "space_id": written.space_id(), "bytes": size})
    else:
        typer.echo(f"{out}: {size / 1e6:,.0f} MB, space {written.space_id()}; load it by its path")


def verify_model(name: str, folder: Path, vocabulary: Path | None, *, json: bool) -> bool:
    """Print the published example's three tables beside this model's; whether they agree."""
    from ..encoders.tokenizer import ClipTokenizer
    from ..encoders.verify import raw_outputs, tables

    checkpoint = find_checkpoint(name)
    tokenizer = ClipTokenizer(vocabulary or checkpoint.vocabulary)
    architecture = read_architecture(checkpoint)
    if not isinstance(architecture, Architecture):
        raise ModelError(f"{name} is no ImageBind; the published example is of that model alone")
    typer.echo(f"{checkpoint.where}: three texts, pictures and sounds, trunk by trunk ...", err=True)
    outputs = raw_outputs(checkpoint.weights, architecture, tokenizer, folder)
    found = tables(outputs)
    for table in found:
        if json:
            _print_json(_table_fields(table))
        else:
            typer.echo("\n".join(table_lines(table)))
    return all(table.agrees for table in found)


def table_lines(table: "Table") -> Iterator[str]:
    """A table beside the published one, and how far they are apart."""
    verdict = "agrees" if table.agrees else "DIFFERS"
    yield f"{table.rows} x {table.columns}: {verdict}, at most {table.difference:.2g} from the published"
    for computed, published in zip(table.computed, table.published, strict=True):
        cells = ("  ".join(f"{value:10.5g}" for value in row) for row in (computed, published))
        yield " | ".join(cells)


def _known() -> Iterator[Known]:
    for name, path in SHIPPED.items():
        yield _found(name, "shipped", path)
    for name in DOWNLOADED:
        path, _ = released(name)
        absent = f"not here: sixsense models pull {name}"
        yield _found(name, "downloaded", path) if path.is_file() else Known(name, absent, str(path), None)
    taken = {released(name)[0] for name in DOWNLOADED}
    folder = models_folder()
    others = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in (path for path in others if path.suffix in SUFFIXES and path not in taken):
        yield _found(str(path), "load it by its path", path)


def _found(name: str, state: str, path: Path) -> Known:
    return Known(name, state, str(path), path.stat().st_size / 1e6)


def _ask(name: str, accept: bool) -> None:
    """Show the licence once and have it accepted, on the command line or by a typed yes."""
    note, text = licence_note(name)
    if note.is_file():
        return
    typer.echo(text, err=True)
    if not accept:
        if not interactive():
            raise ModelError(
                f"{name}: its licence is to be accepted first; run it again with --accept-licence"
            )
        if typer.prompt("Type yes to accept", default="no", err=True).strip().lower() != "yes":
            raise ModelError(f"{name}: its licence was not accepted; nothing is fetched")
    accept_licence(name)


def interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def _trunk(modality: str, card: ModelCard, state: "dict[str, Tensor]") -> dict[str, Any]:
    mine = [value for key, value in state.items() if key.split(".")[1] == modality]
    elements = sum(value.numel() for value in mine)
    return {
        "keys": len(mine),
        "elements": elements,
        "file_bytes": sum(value.nbytes for value in mine),
        "memory_bytes": elements * FLOAT32,
        "types": sorted({_dtype(value) for value in mine}),
    } | _window(modality, card)


def _show_exported(checkpoint: Checkpoint, card: ModelCard, precision: str, *, json: bool) -> None:
    """What a folder of ONNX files holds. Raises ModelError where one is missing."""
    files = {modality: _onnx_file(checkpoint.weights, modality, card) for modality in card.modalities}
    if json:
        plain = {"name": card.name, "file": checkpoint.where, "space_id": card.space_id, "dim": card.dim}
        _print_json(plain | {"trained": card.trained, "precision": precision, "trunks": files})
        return
    typer.echo(f"{card.name}  {checkpoint.where}")
    typer.echo(f"space {card.space_id}, {card.dim} dimensions, exported to ONNX, {precision}")
    for modality, file in files.items():
        size = f"{file['file_bytes'] / MEBI:8.1f} MiB"
        typer.echo(f"{modality:<8} {size}  {_seen(file)}".rstrip())


def _onnx_file(folder: Path, modality: str, card: ModelCard) -> dict[str, Any]:
    parts = [path for path in folder.iterdir() if path.name.startswith(f"{modality}.onnx")]
    if not parts:
        raise ModelError(f"{folder}: {modality}.onnx is missing; export the model again")
    return {"file_bytes": sum(path.stat().st_size for path in parts)} | _window(modality, card)


def _window(modality: str, card: ModelCard) -> dict[str, float | None]:
    window = card.windows.get(modality)
    return {
        "window_s": window.length_ns / 1e9 if window else None,
        "hop_s": window.hop_ns / 1e9 if window else None,
    }


def _seen(trunk: dict[str, Any]) -> str:
    return f"window {trunk['window_s']:g} s every {trunk['hop_s']:g} s" if trunk["window_s"] else ""


def _shown(
    checkpoint: Checkpoint, card: ModelCard, trunks: dict[str, dict[str, Any]], state: "dict[str, Tensor]"
) -> Iterator[str]:
    worth = "trained" if card.trained else "untrained: similarity only"
    yield f"{card.name}  {checkpoint.where}"
    yield f"space {card.space_id}, {card.dim} dimensions, {worth}"
    yield f"{len(state)} keys, all there; memory in float32 (exact), only for the modalities that are loaded:"
    for modality, trunk in trunks.items():
        size = f"{trunk['elements'] / 1e6:8.1f} M  {trunk['memory_bytes'] / MEBI:8.1f} MiB"
        types = "+".join(trunk["types"])
        yield f"{modality:<8} {trunk['keys']:4} keys {size}  {types} in the file  {_seen(trunk)}".rstrip()
    total = sum(trunk["memory_bytes"] for trunk in trunks.values())
    elements = sum(trunk["elements"] for trunk in trunks.values())
    yield f"{'all':<8} {len(state):4} keys {elements / 1e6:8.1f} M  {total / MEBI:8.1f} MiB"


def _dtype(value: "Tensor") -> str:
    return str(value.dtype).removeprefix("torch.")


def _table_fields(table: "Table") -> dict[str, Any]:
    return {
        "rows": table.rows,
        "columns": table.columns,
        "computed": table.computed.tolist(),
        "published": table.published.tolist(),
        "difference": table.difference,
        "agrees": table.agrees,
    }


def _print_json(fields: dict[str, Any]) -> None:
    typer.echo(msgspec.json.encode(fields).decode())
