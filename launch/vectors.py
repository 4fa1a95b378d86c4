"""The files that a command was given, as vectors: what each is, and why one has none."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import typer

from ..encoders.architecture import TRUNKS
from ..encoders.errors import InputError
from ..encoders.files import embed_file, modality_of
from ..encoders.model import Model, load_model
from ..sensors.errors import SixsenseError
from .advance import files_advance


class Row(NamedTuple):
    """A file with its unit vector, float32 (dim,)."""

    file: str
    modality: str
    vector: np.ndarray


class Failed(NamedTuple):
    """A file that has no vector, and why."""

    file: str
    error: str


class Files:
    """Files of any modality and a model with just the trunks that they need.

    Each is `FILE` or `MODALITY:FILE`; `forced` is the modality of those that do not say, None to judge by
    their content. `also` is one more modality to load. Raises SixsenseError when there is no file to embed.
    """

    def __init__(self, files: Sequence[str], model: str, forced: str | None, also: str | None = None) -> None:
        if forced is not None and forced not in TRUNKS:
            raise InputError(f"there is no modality {forced!r}; there are {', '.join(TRUNKS)}")
        self.failed = 0
        self._found = [_identified(file, forced) for file in files]
        wanted = {also} | {found.modality for found in self._found if isinstance(found, _Found)}
        if not wanted - {also}:
            raise InputError("; ".join(found.error for found in self._found if isinstance(found, Failed)))
        typer.echo(f"loading {model} ...", err=True)
        self.model: Model = load_model(model, modalities=[name for name in TRUNKS if name in wanted])

    def rows(self) -> Iterator[Row]:
        """Each file's vector; why one has none goes to standard error at once, and into `failed`."""
        with files_advance(len(self._found)) as begin:
            for found in self._found:
                begin(found.file)
                done = found if isinstance(found, Failed) else _embedded(self.model, found)
                if isinstance(done, Row):
                    yield done
                else:
                    self.failed += 1
                    typer.echo(f"sixsense: {done.error}", err=True)

    def account(self) -> bool:
        """Whether every file has a vector; says how many have not."""
        if self.failed:
            typer.echo(f"sixsense: {self.failed} of {len(self._found)} files have no vector", err=True)
        return not self.failed


class _Found(NamedTuple):
    file: str
    modality: str


def _identified(argument: str, forced: str | None) -> _Found | Failed:
    name, _, rest = argument.partition(":")
    if rest and name in TRUNKS and not Path(argument).exists():
        return _Found(rest, name)
    try:
        return _Found(argument, forced or modality_of(Path(argument)))
    except InputError as error:
        return Failed(argument, f"{error}: depth:{argument}, thermal:{argument} or --modality")
    except SixsenseError as error:
        return Failed(argument, str(error))


def _embedded(model: Model, found: _Found) -> Row | Failed:
    try:
        return Row(found.file, found.modality, embed_file(model, found.modality, Path(found.file)))
    except SixsenseError as error:
        return Failed(found.file, str(error))
