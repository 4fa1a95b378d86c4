"""Items to arrays: each through the model's own face, as a vector or as what its encoder would be given."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from ...sensors.errors import SourceError
from .. import preprocess
from ..errors import InputError
from ..files import embed_file
from ..model import Model
from .item import Item, Motion

PLAIN = ("{}",)
"""The prompt of a label that is a text already."""


class Preparation(Model):
    """A model's own preprocessing without its network: rows are what `forward` would have been given."""

    def __init__(self, model: Model) -> None:
        vars(self).update(vars(model))

    def forward(self, modality: str, batch: Tensor) -> np.ndarray:  # noqa: ARG002
        return batch.cpu().numpy()

    def embed_imu(self, rows: Sequence[np.ndarray], stamps: Sequence[np.ndarray]) -> np.ndarray:
        """The model's windows of each, half a window apart, float32 (n, windows, 6, 2000)."""
        return np.stack([self._windows(*pair) for pair in zip(rows, stamps, strict=True)])

    def _windows(self, rows: np.ndarray, stamps: np.ndarray) -> np.ndarray:
        length, how = self.card.windows["imu"].length_ns, self.card.imu.options()
        if len(stamps) < 2:
            return preprocess.imu(rows, stamps, **how).numpy()[None]
        spare = int(stamps[-1]) - int(stamps[0]) - length
        count = max(1, spare // (length // 2) + 1)
        first = int(stamps[0]) + (spare - (count - 1) * (length // 2)) // 2
        starts = range(first, first + count * (length // 2), length // 2)
        return np.stack([preprocess.imu(rows, stamps, at, at + length, **how).numpy() for at in starts])


def embed_item(model: Model, item: Item) -> np.ndarray:
    """The item's unit vector, float32 (dim,); of a Preparation its encoder's input. Raises SixsenseError."""
    match item.content:
        case Path():
            return embed_file(model, item.modality, item.content)
        case str():
            return model.embed_text([item.content])[0]
        case Motion():
            return model.embed_imu([item.content.rows], [item.content.stamps])[0]
        case Tensor():
            return model.forward(item.modality, item.content[None])[0]


def embed_items(
    model: Model, items: Iterable[Item], left_out: Counter[str], tell: Callable[[str], None]
) -> Iterator[tuple[Item, np.ndarray]]:
    """Every item with its array, without its content. One that has none is told of and counted."""
    for item in items:
        try:
            yield item._replace(content=""), embed_item(model, item)
        except (InputError, SourceError) as error:
            left_out[f"{item.modality} that cannot be embedded"] += 1
            tell(str(error))


def label_items(keys: Iterable[str]) -> list[Item]:
    """A text item for each class, in order of its name: `dog_bark` is called "dog bark"."""
    return [Item("text", key.replace("_", " "), key, "") for key in sorted(set(keys))]


def embed_labels(
    model: Model, labels: Sequence[Item], templates: Sequence[str], names: Mapping[str, Sequence[str]]
) -> np.ndarray:
    """Unit vectors float32 (n, dim) of labels: the mean over every name in every template.

    `names` are the texts of a class (by key) where they are not its own name; a template has one `{}`.
    """
    return np.stack([_label_vector(model, label, templates, names) for label in labels])


def _label_vector(
    model: Model, label: Item, templates: Sequence[str], names: Mapping[str, Sequence[str]]
) -> np.ndarray:
    called = names.get(label.key, (str(label.content),))
    mean = model.embed_text([template.format(name) for name in called for template in templates]).mean(axis=0)
    return mean / np.linalg.norm(mean)
