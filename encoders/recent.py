"""Recent: the embeddings of the last minute, so that a query can be a moment that has just been."""

from collections import deque

from ..sensors.sample import NS
from .embedding import Embedding
from .errors import InputError

KEPT_NS = 60 * NS


class Recent:
    """What each input was like in the last KEPT_NS of its own time."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[Embedding]] = {}

    def add(self, embedding: Embedding) -> None:
        """Remember an embedding; those of an input come in the order of their windows."""
        kept = self._kept.setdefault(embedding.input, deque())
        kept.append(embedding)
        while kept[0].end_ns < embedding.end_ns - KEPT_NS:
            kept.popleft()

    def at(self, name: str, at_ns: int, origin_ns: int = 0) -> Embedding:
        """The embedding whose window is centred nearest to `at_ns` after `origin_ns`, and holds it.

        Raises InputError for an input that has none there, with those that are kept.
        """
        stamp_ns = origin_ns + at_ns
        kept = self._kept.get(name)
        if not kept:
            raise InputError(
                f"no input {name[:80]!r} has been embedded; there are {', '.join(self._kept) or 'none'}"
            )
        holding = [one for one in kept if one.start_ns <= stamp_ns <= one.end_ns]
        if not holding:
            first, last = ((ns - origin_ns) / NS for ns in (kept[0].start_ns, kept[-1].end_ns))
            raise InputError(
                f"{name} has no embedding at {at_ns / NS:.2f} s; kept are {first:.2f} to {last:.2f} s"
            )
        return min(holding, key=lambda one: abs(one.start_ns + one.end_ns - 2 * stamp_ns))
