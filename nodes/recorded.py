"""RunPlan: what of a plan a log keeps, so that its ticks can be computed again, as JSON."""

from typing import Any

import msgspec
import numpy as np

from ..sensors.errors import SourceError
from .spec import EncodeSpec, FuseSpec


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration as it was given, and what encode and fuse nodes were told."""

    config: dict[str, Any] = {}
    encode: EncodeSpec
    fuse: FuseSpec


def to_json(plan: RunPlan) -> str:
    """The plan as JSON; float32 arrays become lists and lose nothing."""
    return msgspec.json.encode(plan, enc_hook=_listed).decode()


def from_json(text: str) -> RunPlan:
    """The plan of a log. Raises SourceError."""
    try:
        return msgspec.json.decode(text, type=RunPlan, dec_hook=_array)
    except msgspec.MsgspecError as error:
        raise SourceError(
            f"the plan in this log cannot be read ({error}): replay it as a recording"
        ) from error


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise NotImplementedError(f"a {type(value).__name__} in a plan")


def _array(_: type, value: Any) -> np.ndarray:
    return np.asarray(value, np.float32)
