"""What a class is trained towards: the direction of some of the texts that name it."""

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def drawn(random: np.random.Generator, texts: list[Tensor]) -> Tensor:
    """One unit row a class, (k, dim): of one to three of its `texts` (n, dim), never the same for long, so
    that other ways to say it are near too."""
    return torch.stack([_some(random, rows) for rows in texts])


def central(texts: list[Tensor]) -> Tensor:
    """One unit row a class, (k, dim): of all of its texts."""
    return F.normalize(torch.stack([rows.mean(dim=0) for rows in texts]), dim=1)


def digest_of(texts: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the rows of every class."""
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(rows).tobytes() for rows in texts.values())
    ).hexdigest()


def _some(random: np.random.Generator, rows: Tensor) -> Tensor:
    chosen = random.choice(len(rows), min(len(rows), int(random.integers(1, 4))), replace=False)
    return F.normalize(rows[chosen].mean(dim=0), dim=0)
