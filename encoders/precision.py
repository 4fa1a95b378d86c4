"""What a precision means on this machine: which trunks are computed in which arithmetic.

`exact` is float32. `fast` rounds to bfloat16 what the products read and write, where the processor multiplies
it natively; its vectors agree with the exact ones to a cosine of 0.9999 or better on random weights, so they
belong to the same space and bear its `space_id`. Much sharper attention than that of random weights
amplifies the rounding: how near a trained checkpoint comes is to be measured with that checkpoint.
"""

import logging
from typing import Literal, get_args

import torch

from .errors import ModelError
from .imagebind import ImageBind
from .packed import pack
from .towers.towers import Towers

Precision = Literal["exact", "fast", "int8"]
# Narrower trunks gain little, and have too few numbers for their roundings to average out: bfloat16 moved
# `mini` (width 128) by up to 4e-4 in cosine.
PACKED_WIDTH = 256

log = logging.getLogger(__name__)


def check_precision(name: str) -> Precision:
    """`name`, when there is such a precision. Raises ModelError."""
    for precision in get_args(Precision):
        if name == precision:
            return precision
    raise ModelError(f"there is no precision {name!r}; there are {', '.join(get_args(Precision))}")


def exported_precision(asked: Precision, exported: Precision, where: str) -> Precision:
    """What an exported model is computed in: as it was exported, which is said where `fast` was asked for.

    Raises ModelError for `int8` of one that was exported in float32.
    """
    if asked == "int8" != exported:
        raise ModelError(f"{where} was exported in float32; export the model again, with --int8")
    if asked == "fast":
        log.warning("precision 'fast' is computed as %r: %s was exported so", exported, where)
    return exported


def apply_precision(network: ImageBind | Towers, precision: Precision, device: torch.device) -> Precision:
    """Prepare the trunks of `network` in place; returns the precision that they are really computed in.

    Wide trunks on a CPU get packed weights; towers are computed as they are. `fast` is computed exactly, with
    a warning that says why, where bfloat16 would not be faster: on a CPU without units for it, in narrow
    trunks and towers, and on other devices. Raises ModelError for `int8`, which is a matter of exporting.
    """
    if precision == "int8":
        raise ModelError(
            "precision 'int8' is that of an exported model: `sixsense models export MODEL FOLDER --int8`, "
            "then load the folder"
        )
    wide: list[str] = []
    if isinstance(network, ImageBind):
        wide = [m for m, trunk in network.architecture.trunks.items() if trunk.width >= PACKED_WIDTH]
    obstacle = _obstacle(device, wide) if precision == "fast" else None
    if obstacle:
        log.warning("precision 'fast' is computed as 'exact': %s", obstacle)
    effective: Precision = "exact" if obstacle else precision
    if isinstance(network, ImageBind) and device.type == "cpu" and torch.backends.mkldnn.is_available():
        for modality in wide:
            pack(network, modality, torch.bfloat16 if effective == "fast" else torch.float32)
    return effective


def _obstacle(device: torch.device, wide: list[str]) -> str | None:
    """Why bfloat16 would not be faster here."""
    if device.type != "cpu":
        return f"bfloat16 is for the CPU only in this version, not for {device.type}"
    if not wide:
        return f"no trunk of this model is a transformer as wide as {PACKED_WIDTH}, from where bfloat16 pays"
    if not has_bfloat16_units():
        return "this CPU has no units for bfloat16 (avx512_bf16 or amx_bf16) that torch can see"
    return None


def has_bfloat16_units() -> bool:
    """Whether the CPU multiplies bfloat16 natively (every x86 with AMX has the AVX-512 form too)."""
    # Older releases of torch do not tell: then the safe answer is no.
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return torch.backends.mkldnn.is_available() and probe is not None and bool(probe())
