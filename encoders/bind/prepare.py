"""Preparing a binding: every item decoded and preprocessed once, and kept on disk for a run that goes on."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from ..data.given import Data
from ..data.item import Item
from ..data.vectors import Preparation, embed_item, embed_items, embed_labels, label_items
from ..errors import InputError
from ..model import Model
from .binding import Prepared
from .settings import Settings
from .views import Writer, read_views

ROWS, ANCHORS, TEACHER = "rows.bin", "anchors.bin", "teacher.bin"


class Teacher:
    """Features to distil from: another model's vectors of the same inputs, or a file of `sixsense embed`."""

    def __init__(self, name: str, modality: str, load: Callable[[str, tuple[str, ...]], Model]) -> None:
        self._vectors: dict[str, np.ndarray] | None = None
        if name.endswith(".npz"):
            self._name, self.space_id, self._vectors = name, *_features(name)
        else:
            self._model = load(name, (modality,))
            self.space_id = self._model.space_id

    def vector(self, item: Item) -> np.ndarray:
        """float32 (t,). Raises InputError for an item that the file does not know."""
        if self._vectors is None:
            return embed_item(self._model, item)
        if not isinstance(item.content, Path):
            raise InputError(
                f"{self._name} has vectors of files; {item.key} is none: give a model as teacher"
            )
        found = self._vectors.get(str(item.content.resolve()))
        if found is None:
            raise InputError(f"{self._name} has no vector of {item.content}; embed every file with it first")
        return found


class Job(NamedTuple):
    """What is prepared, for which model; `templates` are the prompts of labels, where these are anchors."""

    model: Model
    data: Data
    settings: Settings
    templates: Sequence[str]
    teacher: Teacher | None

    @property
    def anchor_face(self) -> Model:
        """What anchors go through: the model where they are frozen."""
        return Preparation(self.model) if self.settings.train_anchor else self.model


def prepare(
    job: Job, folder: Path, identity: str, tell: Callable[[str], None], begin: Callable[[str], None]
) -> Prepared:
    """What is trained on, read from `folder` where it was prepared before.

    `begin` takes the name of each item, `tell` why one was left out. Raises InputError where none is left.
    """
    taught = job.teacher is not None
    if _read(folder, identity, taught) is None:
        folder.mkdir(parents=True, exist_ok=True)
        _write(job, folder, identity, tell, begin)
    found = _read(folder, identity, taught)
    assert found is not None
    return found


def identity_of(settings: Settings, data_digest: str, space_id: str, templates: Sequence[str]) -> str:
    """A hash of everything that the result depends on: settings, data, the model that is begun with."""
    # What only changes how a run is watched may differ when it goes on.
    watched = msgspec.structs.replace(settings, save_every_s=0.0, evaluate_every=1, data=())
    parts = (
        msgspec.json.encode(watched),
        data_digest.encode(),
        space_id.encode(),
        *map(str.encode, templates),
    )
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def _write(
    job: Job, folder: Path, identity: str, tell: Callable[[str], None], begin: Callable[[str], None]
) -> None:
    names = [ROWS, ANCHORS] + ([TEACHER] if job.teacher is not None else [])
    with ExitStack() as stack:
        writers = {name: stack.enter_context(closing(Writer(folder / name))) for name in names}
        _fill(job, writers, tell, begin)
        for writer in writers.values():
            writer.finish(identity)


def _fill(
    job: Job, writers: Mapping[str, Writer], tell: Callable[[str], None], begin: Callable[[str], None]
) -> None:
    preparation, data = Preparation(job.model), job.data
    keys, texts = set[str](), set[str]()
    for item in data.items():
        begin(item.key)
        if item.modality == job.settings.modality:
            for kept, array in embed_items(preparation, [item], data.left_out, tell):
                writers[ROWS].add(kept, array)
                keys.add(kept.key)
                if job.teacher is not None:
                    writers[TEACHER].add(kept, job.teacher.vector(item))
        elif item.key not in texts:
            texts |= {item.key} if item.modality == "text" else set()
            for kept, array in embed_items(job.anchor_face, [item], data.left_out, tell):
                writers[ANCHORS].add(kept, array)
    if job.settings.anchor == "text" and not texts:
        _add_labels(job, writers[ANCHORS], keys)


def _add_labels(job: Job, anchors: Writer, keys: set[str]) -> None:
    """The classes' names as anchors: a vector each, or where they are trained their prompts' token ids."""
    for item in label_items(keys):
        prompts = [template.format(item.content) for template in job.templates]
        if job.settings.train_anchor:
            array = job.anchor_face.embed_text(prompts)
        else:
            array = embed_labels(job.model, [item], job.templates, {})[0]
        anchors.add(item._replace(content=""), array)


def _read(folder: Path, identity: str, taught: bool) -> Prepared | None:
    rows, anchors = (read_views(folder / name, identity) for name in (ROWS, ANCHORS))
    teacher = read_views(folder / TEACHER, identity) if taught else None
    if rows is None or anchors is None or (taught and teacher is None):
        return None
    return Prepared(rows, anchors, teacher)


def _features(name: str) -> tuple[str, dict[str, np.ndarray]]:
    try:
        with np.load(name, allow_pickle=False) as arrays:
            files, vectors = arrays["files"].tolist(), arrays["vectors"]
            return str(arrays["space_id"]), {
                str(Path(file).resolve()): vector for file, vector in zip(files, vectors, strict=True)
            }
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{name}: no features of `sixsense embed --out FILE.npz` ({error})") from error
