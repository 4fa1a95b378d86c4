"""Which dtype and dimensions the arrays of each message have: checked once, on arrival."""

from typing import Any

import msgspec
import numpy as np

from ...encoders.embedding import Embedding
from ...fusion.fused import Fused
from ...fusion.query import Example, Query, Standing, Term
from ...sensors.modalities import MODALITIES
from ...sensors.sample import Sample
from .errors import WireError

Layout = tuple[str, tuple[int, ...]]

# dtype and allowed numbers of dimensions, by Sample.encoding
SAMPLE: dict[str, Layout] = {
    "jpeg": ("|u1", (1,)),
    "rgb8": ("|u1", (3,)),
    "32FC1": ("<f4", (2,)),
    "16UC1": ("<u2", (2,)),
    "mono8": ("|u1", (2,)),
    "pcm_s16": ("<i2", (2,)),
    "f32": ("<f4", (2,)),
}
# by Example.modality
EXAMPLE: dict[str, Layout] = {
    "vision": ("|u1", (3, 4)),
    "audio": ("<i2", (2,)),
    "depth": ("<f4", (2,)),
    "thermal": ("<f4", (2,)),
    "imu": ("<f4", (2,)),
}
MAX_RATE_HZ = 1e7
STAMPS: Layout = ("<i8", (1,))
VECTOR: Layout = ("<f4", (1,))


def check_arrays(message: msgspec.Struct) -> None:
    """Raises WireError when an array is not what its message says it is."""
    if isinstance(message, Sample):
        _check_sample(message)
    elif isinstance(message, (Embedding, Standing, Fused)) and message.vector is not None:
        _check(f"{type(message).__name__}.vector", message.vector, VECTOR)
    if isinstance(message, Query | Standing):
        for term in (message if isinstance(message, Query) else message.query).terms:
            _check_term(term)


def _check_sample(sample: Sample) -> None:
    modality = MODALITIES.get(sample.modality)
    if modality is None or sample.encoding not in modality.encodings:
        raise WireError(
            f"sample of {sample.stream!r}: encoding {sample.encoding[:40]!r} of modality "
            f"{sample.modality[:40]!r} is not in the table of modalities"
        )
    _check(f"data of {sample.stream!r}", sample.data, SAMPLE[sample.encoding])
    if modality.item == "pcm" and not 1 <= sample.rate_hz <= MAX_RATE_HZ:
        raise WireError(
            f"sample of {sample.stream!r}: rate_hz {sample.rate_hz}; audio needs its rate, "
            f"1 to {MAX_RATE_HZ:g} Hz"
        )
    if (sample.stamps is None) == (modality.item == "row"):
        raise WireError(f"sample of {sample.stream!r}: rows have stamps, and only rows")
    _check_stamps(sample.stream, sample.data, sample.stamps)


def _check_term(term: Term) -> None:
    if term.example is not None:
        _check_example(term.example)
    if term.vector is not None:
        _check("a term's vector", term.vector, VECTOR)


def _check_example(example: Example) -> None:
    _check(f"{example.modality} example", example.data, EXAMPLE[example.modality])
    _check_stamps(f"{example.modality} example", example.data, example.stamps)


def _check_stamps(where: str, data: np.ndarray, stamps: np.ndarray | None) -> None:
    if stamps is None:
        return
    _check(f"stamps of {where!r}", stamps, STAMPS)
    if len(stamps) != len(data):
        raise WireError(f"{where!r} has {len(stamps)} stamps for {len(data)} rows")


def _check(what: str, array: Any, layout: Layout) -> None:
    dtype, dimensions = layout
    if array.dtype.str != dtype or array.ndim not in dimensions:
        wanted = " or ".join(str(n) for n in dimensions)
        raise WireError(f"{what} is {array.dtype.str} {array.shape}; expected {dtype} of {wanted} dimensions")
