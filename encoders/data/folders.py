"""Folders of files as items: one sub-folder a class, or files that are paired by their stems."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from .item import Item

# ESC's names begin with the fold and the recording that the clip was cut from: 1-100032-A-0.wav.
_FOLD = re.compile(r"(\d+)-([^-.]+)")


def is_class_folder(folder: Path) -> bool:
    """Whether the folder's files lie in sub-folders, each a class. Raises InputError without any file.

    Beside two classes or more, other files are what data sets come with: a licence, credits.
    """
    classes = sum(bool(files_of(inner)) for inner in folders_of(folder))
    if files_of(folder):
        return classes >= 2
    if classes:
        return True
    raise InputError(f"{folder}: no files; give FOLDER/<class>/<file>, or paired files with equal stems")


def class_items(modality: str, folder: Path, *, folds: bool = False) -> Iterator[Item]:
    """An item a file of `<class>/<file>`, its key the class; with `folds` its source is `fold/recording`.

    Raises InputError for fewer than two classes, and with `folds` for a name without one.
    """
    classes = [inner for inner in folders_of(folder) if files_of(inner)]
    if len(classes) < 2:
        names = ", ".join(inner.name for inner in classes) or "none"
        raise InputError(f"{folder}: {len(classes)} class ({names}); nothing can be told apart, give two")
    for inner in classes:
        for path in files_of(inner):
            yield Item(modality, path, inner.name, _fold(path) if folds else f"{inner.name}/{path.name}")


def stem_items(modality: str, folder: Path) -> Iterator[Item]:
    """An item a file, its key the stem: what has the same stem in another folder belongs to it."""
    for path in files_of(folder):
        yield Item(modality, path, path.stem, path.stem)


def files_of(folder: Path) -> list[Path]:
    """The files right inside a folder by name, without hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def files_below(folder: Path) -> list[Path]:
    """The files in a folder and its sub-folders, links followed, without hidden ones."""
    found = (Path(at) / name for at, _, names in os.walk(folder, followlinks=True) for name in names)
    return sorted(path for path in found if not path.name.startswith("."))


def folders_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _fold(path: Path) -> str:
    found = _FOLD.match(path.name)
    if found is None:
        raise InputError(f"{path}: --folds reads the fold from names like 1-100032-A.ogg; this has none")
    return f"{found[1]}/{found[2]}"
