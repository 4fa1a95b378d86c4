"""Build the shipped model `mini`: python -m sixsense.encoders.mini

Nothing in it is trained to tell what things are. Its trunks keep the random numbers that they are
initialised with; only each head is fitted, to whiten that modality's background in the simulated robot's
room (zero mean, equal spread in every direction), so that whatever does not belong to it stands out.
"""

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..sensors.robot import SimulatedRobot
from ..sensors.sample import NS
from .architecture import Architecture, Trunk, format_architecture
from .card import Background, WindowSpec, card_fields
from .checkpoint import CONFIG_KEY, SHIPPED
from .encode import prepare
from .imagebind import ImageBind, ImuStem, PatchStem, Positions
from .preprocess import text
from .tokenizer import ByteTokenizer
from .window import Window
from .windower import InputSpec, Windower

SEED = 6
ARCHITECTURE = Architecture(
    dim=128,
    trunks={
        "vision": Trunk(128, 2, 4),
        "text": Trunk(64, 2, 2),
        "audio": Trunk(128, 2, 4),
        "depth": Trunk(128, 2, 4),
        "thermal": Trunk(128, 2, 4),
        "imu": Trunk(128, 2, 4),
    },
    vocabulary=ByteTokenizer.size,
)
PICTURE, SOUND, MOTION = (
    WindowSpec(length_ns=round(length * NS), hop_ns=NS // 4) for length in (0.25, 2.0, 1.0)
)
WINDOWS = {"vision": PICTURE, "depth": PICTURE, "thermal": PICTURE, "audio": SOUND, "imu": MOTION}
# Robots whose background whitens the heads, and others for what is measured after.
FITTED_SEEDS, MEASURED_SEEDS = range(1000, 1016), range(2000, 2006)
MINUTE_NS = 60 * NS
# How much of the mean variance is added to every direction: those that hardly vary are mostly chance.
SHRINKAGE = 0.02
PHRASES = ("a dog", "rain", "footsteps", "a warm engine", "somebody speaks", "a door opens", "it falls", "music")


def initialised() -> ImageBind:
    """The network with its random numbers, a function of SEED alone."""
    network = ImageBind(ARCHITECTURE)
    generator = torch.Generator().manual_seed(SEED)
    for name, parameter in network.named_parameters():
        _initialise(name, parameter, generator)
    return _rounded(network.requires_grad_(False).eval())


def _initialise(name: str, parameter: nn.Parameter, generator: torch.Generator) -> None:
    kind = name.rpartition(".")[2]
    with torch.no_grad():
        if "norm" in name or ".pre_transformer_layer." in name or name.endswith((".0.weight", ".0.bias")):
            parameter.fill_(1.0 if kind == "weight" else 0.0)
        elif kind.endswith("bias"):
            parameter.zero_()
        elif kind != "log_logit_scale":
            parameter.normal_(0, _deviation(name, parameter), generator=generator)


def _deviation(name: str, parameter: Tensor) -> float:
    """Unit variance in, unit variance out; attention a little sharper, so that it selects."""
    if name.endswith(("pos_embed", "cls_token", "bias_k", "bias_v")):
        return 0.5
    gain = {"in_proj_weight": 1.4, "fc1.weight": 1.4}
    fan_in = parameter[0].numel()
    return next((g for end, g in gain.items() if name.endswith(end)), 1.0) / math.sqrt(fan_in)


def _rounded(network: ImageBind) -> ImageBind:
    """What is left of the numbers once they have been stored in 16 bits."""
    for parameter in network.parameters():
        parameter.copy_(parameter.half().float())
    return network
