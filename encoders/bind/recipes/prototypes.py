"""What a class is trained towards: the texts that name it."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


class Said(NamedTuple):
    """All texts of all classes, unit rows (n, dim), and how each class is spread over its own, (k, n)."""

    rows: Tensor
    spread: Tensor


def said(texts: list[Tensor]) -> Said:
    """Of each class's texts (n, dim). A row that is told apart from every text of every other class, and not
    only from their middles, does not come to lie where all of them are near: such a place is near to whatever
    text a stranger would choose for another class, too (a hub)."""
    classes = torch.repeat_interleave(torch.arange(len(texts)), torch.tensor([len(rows) for rows in texts]))
    own = F.one_hot(classes, len(texts)).T.float()
    return Said(torch.cat(texts), own / own.sum(dim=1, keepdim=True))


def central(texts: list[Tensor]) -> Tensor:
    """One unit row a class, (k, dim): of all of its texts."""
    return F.normalize(torch.stack([rows.mean(dim=0) for rows in texts]), dim=1)


def digest_of(texts: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the rows of every class."""
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(rows).tobytes() for rows in texts.values())
    ).hexdigest()
