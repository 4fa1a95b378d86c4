"""Noise in the shape of what each modality's network takes: to find out what a way of computing changes."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from .imagebind import ImageBind
from .onnx import vocabulary_of

INPUTS = {
    "vision": (3, 224, 224),
    "audio": (1, 128, 204),
    "depth": (1, 224, 224),
    "thermal": (1, 224, 224),
    "imu": (6, 2000),
}
"""What one row of each modality looks like to the network; text is token ids (length,), any length."""
FRAMES = (3, 2, 224, 224)
"""What one row of vision may also be to ImageBind, which tells the two frames of a clip apart."""


def noise(network: nn.Module, modality: str, rows: int) -> Tensor:
    """A batch of inputs of `network`; texts end with the id that is the largest."""
    generator = torch.Generator().manual_seed(0)
    if modality == "text":
        ids = torch.randint(1, 256, (rows, 9), generator=generator)
        ids[:, -1] = vocabulary_of(cast(Any, network).architecture) - 1
        return ids
    pairs = modality == "vision" and isinstance(network, ImageBind)
    return torch.randn(rows, *(FRAMES if pairs else INPUTS[modality]), generator=generator)
