"""Does a checkpoint give the published example's numbers? Its dog, car and bird as text, picture, sound."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..sensors.media import load_picture, load_sound
from . import preprocess
from .architecture import Architecture
from .errors import InputError
from .loading import load_network
from .tokenizer import Tokenizer

NAMES = ("dog", "car", "bird")
TEXTS = ("A dog.", "A car", "A bird")
TOLERANCE = 1e-3
# The README of github.com/facebookresearch/ImageBind: rows and columns in the order of NAMES.
PUBLISHED = {
    ("vision", "text"): [
        [0.99761, 0.0023694, 1.8612e-05],
        [3.3836e-05, 0.99994, 2.4118e-05],
        [4.7997e-05, 0.013496, 0.98646],
    ],
    ("audio", "text"): [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    ("vision", "audio"): [[0.8070, 0.1088, 0.0842], [0.1036, 0.7884, 0.1079], [0.0018, 0.0022, 0.9960]],
}


class Table(NamedTuple):
    """Softmax over the last axis, float64 (3, 3), beside the published one."""

    rows: str
    columns: str
    computed: np.ndarray
    published: np.ndarray

    @property
    def difference(self) -> float:
        """The largest, NaN where a number is none."""
        return float(np.abs(self.computed - self.published).max())

    @property
    def agrees(self) -> bool:
        return self.difference <= TOLERANCE


def example_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """`<name>_image.*` and `<name>_audio.*` of each of NAMES, as in the repository. Raises InputError."""
    return [_one(folder, f"{n}_image.*") for n in NAMES], [_one(folder, f"{n}_audio.*") for n in NAMES]


@torch.inference_mode()
def raw_outputs(
    weights: Path, architecture: Architecture, tokenizer: Tokenizer, folder: Path
) -> dict[str, np.ndarray]:
    """The example's embeddings scaled as released, float32 (3, dim) by modality; one trunk in memory a time.

    Raises InputError, SourceError and ModelError.
    """
    pictures, sounds = example_files(folder)
    inputs = {
        "text": [preprocess.text(text, tokenizer) for text in TEXTS],
        "vision": [preprocess.image(load_picture(path)) for path in pictures],
        "audio": [preprocess.audio_clips(*load_sound(path)) for path in sounds],
    }
    return {
        modality: load_network(weights, architecture.only((modality,)))(modality, torch.stack(rows)).numpy()
        for modality, rows in inputs.items()
    }


def tables(outputs: dict[str, np.ndarray]) -> list[Table]:
    """The three published tables beside what these outputs, float (3, dim) by modality, give."""
    return [
        Table(one, other, _softmax(outputs[one], outputs[other]), np.array(published))
        for (one, other), published in PUBLISHED.items()
    ]


def _softmax(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    logits = rows.astype(np.float64) @ columns.astype(np.float64).T
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(
            f"{folder}: needs one {pattern}, found {names}; put the example's files there "
            "(folder .assets of github.com/facebookresearch/ImageBind)"
        )
    return found[0]
