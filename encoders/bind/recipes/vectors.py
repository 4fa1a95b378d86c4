"""The texts that towers are trained towards: where the teacher has them and the trained text tower does."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from ...preprocess import text
from ...tokenizer import OwnTokenizer
from ...towers.shape import TextShape
from ...towers.text import TextTower
from ..anchors import Anchors


class TextVectors:
    """Unit rows of the text tower in `build`, float32 (n, dim)."""

    def __init__(self, build: Path) -> None:
        self._tokenizer = OwnTokenizer(json.loads((build / "merges.json").read_text()))
        self._tower = TextTower(TextShape(vocabulary=self._tokenizer.size)).eval().requires_grad_(False)
        self._tower.load_state_dict(load_file(build / "text.safetensors"))

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        rows = [self._tower(self._ids(words)) for words in texts]
        return F.normalize(torch.cat(rows), dim=1).numpy()

    def _ids(self, words: str) -> Tensor:
        return text(words, self._tokenizer)[None]


def both(phrases: Mapping[str, Sequence[str]], anchors: Anchors, tower: TextVectors) -> dict[str, np.ndarray]:
    """Each class's texts twice, (2 n, dim): what is learnt then holds for a better text tower too."""
    return {name: np.concatenate([anchors(texts), tower(texts)]) for name, texts in phrases.items()}
