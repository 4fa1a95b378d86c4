"""Aliases: spaces of other models that a checkpoint shares, because it has their towers unchanged."""

from typing import NamedTuple

from .architecture import HUGE, Architecture, Trunk
from .card import read_architecture
from .checkpoint import find_checkpoint
from .errors import InputError


class Alias(NamedTuple):
    """Another model's space: its dimension, and the towers of it that a checkpoint must have."""

    model: str
    dim: int
    trunks: dict[str, Trunk]


# Girdhar et al. 2023, "ImageBind", section 3.3: the picture and text encoders are OpenCLIP ViT-H/14, frozen.
ALIASES = {
    "clip": Alias("OpenCLIP ViT-H/14", HUGE.dim, {name: HUGE.trunks[name] for name in ("vision", "text")}),
}


def check_alias(name: str, model: str) -> Alias:
    """The alias `name` of the model's space. Raises InputError where the model has not those towers."""
    if name not in ALIASES:
        raise InputError(f"there is no space {name!r}; there are {', '.join(ALIASES)}")
    alias = ALIASES[name]
    architecture = read_architecture(find_checkpoint(model))
    trunks = architecture.trunks if isinstance(architecture, Architecture) else {}
    other = [tower for tower, trunk in alias.trunks.items() if trunks.get(tower) != trunk]
    if architecture.dim != alias.dim or other:
        raise InputError(
            f"{model} does not share the space of {alias.model} ({alias.dim} numbers, its "
            f"{' and '.join(other)} tower): it has {architecture.dim} numbers and towers of its own; "
            "imagebind-huge shares it"
        )
    return alias
