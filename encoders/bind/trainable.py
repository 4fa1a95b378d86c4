"""A model that can be trained: as `load_model` builds it, before its weights are laid out for speed."""

import torch
from torch import nn

from ..card import make_card, read_architecture
from ..checkpoint import Checkpoint
from ..loading import load_network
from ..model import Model


def load_trainable(checkpoint: Checkpoint, modalities: tuple[str, ...]) -> tuple[Model, nn.Module]:
    """The trunks of `modalities`, on CUDA where there is one, and their network. Raises ModelError."""
    architecture = read_architecture(checkpoint).only(modalities)
    network = load_network(checkpoint.weights, architecture)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Model(network, make_card(checkpoint, architecture), device, checkpoint.vocabulary)
    return model, network
