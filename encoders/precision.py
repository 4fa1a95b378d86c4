"""What a precision means on this machine: which trunks are computed in which arithmetic.

`exact` is float32. `fast` rounds to bfloat16 what the products read and write, where the processor multiplies
it natively; its vectors agree with the exact ones to a cosine of 0.9999 or better on random weights, so they
belong to the same space and bear its `space_id`. Much sharper attention than that of random weights amplifies
the rounding, so each trunk is tried on noise as it is loaded, and one that is turned too far stays exact.
"""

import logging
import os
from typing import Literal, cast, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from .errors import ModelError
from .imagebind import ImageBind, Transformer
from .noise import noise
from .packed import Linear, PackedLinear, RoundedLinear, pack
from .towers.towers import Towers

Precision = Literal["exact", "fast", "int8"]
# Narrower trunks gain little, and have too few numbers for their roundings to average out: bfloat16 moved
# `mini` (width 128) by up to 4e-4 in cosine.
PACKED_WIDTH = 256
WITHOUT_UNITS = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Values of ONEDNN_MAX_CPU_ISA with which oneDNN leaves the CPU's units for bfloat16 unused."""
FAST_COSINE = 0.999
"""How near a trunk's rows in bfloat16 must come to its exact ones, on noise, for it to be computed so."""
AMPERE = (8, 0)
"""The first compute capability with matrix units for bfloat16."""

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

    Wide trunks on a CPU get packed weights, and in `fast` on a GPU bfloat16 ones; towers stay as they are.
    `fast` is computed exactly, with a warning that says why, where bfloat16 would not be faster: on a CPU or
    GPU without units for it, in narrow trunks and towers, where rows would be turned too far, and on other
    devices. Raises ModelError for `int8`, which is a matter of exporting.
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
    if not isinstance(network, ImageBind):
        return effective
    packs = device.type == "cpu" and torch.backends.mkldnn.is_available()
    rounded: list[str] = []
    for modality in wide:
        if device.type == "cuda":
            move(network, modality, device)
        if effective == "fast" and _rounded(network, modality, PackedLinear if packs else RoundedLinear):
            rounded.append(modality)
        elif packs:
            pack(network, modality, torch.float32)
    return effective if rounded else "exact"


def move(network: ImageBind, modality: str, device: torch.device) -> None:
    """Put one modality of `network` on `device`, in place: what is rounded there needs less room on it."""
    for part in (network.modality_preprocessors, network.modality_trunks, network.modality_heads):
        part[modality].to(device)
    network.modality_postprocessors[modality].to(device)


def _rounded(network: ImageBind, modality: str, linear: Linear) -> bool:
    """Compute a trunk in bfloat16 from here on, unless its rows would be turned too far, which is said."""
    trunk = cast(Transformer, network.modality_trunks[modality])
    x = noise(network, modality, 1).to(next(trunk.parameters()).device)
    exact, blocks = _rows(network, modality, x), trunk.blocks
    trunk.blocks = torch.nn.ModuleList(blocks)
    pack(network, modality, torch.bfloat16, linear)
    cosine = float(F.cosine_similarity(_rows(network, modality, x), exact).min())
    if not cosine >= FAST_COSINE:
        trunk.blocks = blocks
        why = "%s is computed as 'exact': in bfloat16 its rows would be %.4f of what they are"
        log.warning(f"precision 'fast': {why}", modality, cosine)
        return False
    return True


@torch.inference_mode()
def _rows(network: ImageBind, modality: str, x: Tensor) -> Tensor:
    return network.rows(modality, x).double()


def _obstacle(device: torch.device, wide: list[str]) -> str | None:
    """Why bfloat16 would not be faster here."""
    if device.type not in ("cpu", "cuda"):
        return f"bfloat16 is for CPUs and CUDA in this version, not for {device.type}"
    if not wide:
        return f"no trunk of this model is a transformer as wide as {PACKED_WIDTH}, from where bfloat16 pays"
    if device.type == "cuda":
        return None if gpu_has_bfloat16(device) else "this GPU has no units for bfloat16 (from Ampere on)"
    if not has_bfloat16_units():
        return "this CPU has no units for bfloat16 (avx512_bf16 or amx_bf16) that torch can see"
    return None


def has_bfloat16_units() -> bool:
    """Whether the CPU multiplies bfloat16 natively (every x86 with AMX has the AVX-512 form too), and oneDNN
    may let it."""
    # Older releases of torch do not tell: then the safe answer is no.
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    unused = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_UNITS
    return torch.backends.mkldnn.is_available() and probe is not None and bool(probe()) and not unused


def gpu_has_bfloat16(device: torch.device) -> bool:
    """Whether a CUDA device multiplies bfloat16 natively."""
    return torch.cuda.get_device_capability(device) >= AMPERE
