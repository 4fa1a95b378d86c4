"""ImageBind networks with random weights."""

import torch
from sixsense.encoders.architecture import Architecture
from sixsense.encoders.imagebind import ImageBind


def random_network(architecture: Architecture, seed: int = 0) -> ImageBind:
    """Random weights that keep their input's size."""
    torch.manual_seed(seed)
    network = ImageBind(architecture).requires_grad_(False).eval()
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(0, parameter[0].numel() ** -0.5)
        elif parameter.ndim:
            parameter.fill_(float(name.endswith("weight")))
    return network
