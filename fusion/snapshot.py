"""Snapshot: all that fusion goes on from, told whenever the queries change and every few seconds live.

A recorder that joins a running service can have every later tick computed again from the next one on.
"""

from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np

from .errors import FusionError

S = TypeVar("S", bound=msgspec.Struct)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`queries` hold from tick `from_ns` on, the next one. `state` is for `Fuser.resume`, uint8 (n,)."""

    epoch: int
    from_ns: int
    queries: tuple[str, ...]
    state: Annotated[np.ndarray, "uint8"]


def pack(state: msgspec.Struct) -> np.ndarray:
    """A Struct, its arrays float32, as uint8 (n,)."""
    return np.frombuffer(msgspec.msgpack.encode(state, enc_hook=_plain), np.uint8)


def unpack(type_: type[S], state: np.ndarray) -> S:
    """The Struct that was packed. Raises FusionError for anything else."""
    try:
        return msgspec.msgpack.decode(state.tobytes(), type=type_, dec_hook=_array)
    except (msgspec.MsgspecError, ValueError) as error:
        raise FusionError(f"a snapshot of fusion cannot be read ({error}): start without it") from error


def _plain(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        return value.astype("<f4", copy=False).tobytes()
    raise NotImplementedError(f"a {type(value).__name__} in fusion's state")


def _array(_: type, value: Any) -> np.ndarray:
    return np.frombuffer(value, "<f4")
