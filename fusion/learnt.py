"""Learnt: what fusion knows of queries' backgrounds and of what is nothing new, from one run to the next."""

import msgspec

from .background import Pair
from .errors import QueryError
from .novelty import Remembered


class Learnt(msgspec.Struct, kw_only=True):
    """Backgrounds by target and by what the query is; what each modality was like, where novelty is asked."""

    pairs: dict[str, dict[str, Pair]]
    memories: dict[str, Remembered] = {}


def encode_learnt(learnt: Learnt) -> bytes:
    """As `decode_learnt` reads it."""
    return msgspec.msgpack.encode(learnt)


def decode_learnt(raw: bytes) -> Learnt:
    """What `encode_learnt` wrote. Raises QueryError for bytes that are none."""
    try:
        return msgspec.msgpack.decode(raw, type=Learnt)
    except msgspec.MsgspecError as error:
        raise QueryError(f"a saved background cannot be read ({error})") from error
