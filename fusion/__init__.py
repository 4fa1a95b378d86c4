"""Vectors to meaning: ticks, combining, standing queries. Pure functions of event time."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Named as its module: bound here, because importing the module later would bind that instead.
from .compose import compose

if TYPE_CHECKING:
    from ..encoders.card import read_card as read_card
    from ..encoders.embedding import Embedding as Embedding
    from ..encoders.embedding import Missing as Missing
    from ..sensors.sample import End as End
    from ..sensors.sample import Progress as Progress
    from .compose import Part as Part
    from .engine import Fuser as Fuser
    from .errors import FusionError as FusionError
    from .errors import QueryError as QueryError
    from .fused import Fused as Fused
    from .fused import Labels as Labels
    from .fused import Match as Match
    from .labels import Labeller as Labeller
    from .labels import LabelTable as LabelTable
    from .match import Matcher as Matcher
    from .query import Query as Query
    from .query import Standing as Standing
    from .query import Term as Term
    from .rule import InputRule as InputRule
    from .vector_set import make_set as make_set
    from .vector_set import set_queries as set_queries

_HOMES = {
    "Embedding": "..encoders.embedding",
    "End": "..sensors.sample",
    "Fused": ".fused",
    "Fuser": ".engine",
    "FusionError": ".errors",
    "InputRule": ".rule",
    "LabelTable": ".labels",
    "Labeller": ".labels",
    "Labels": ".fused",
    "Match": ".fused",
    "Matcher": ".match",
    "Missing": "..encoders.embedding",
    "Part": ".compose",
    "Progress": "..sensors.sample",
    "Query": ".query",
    "QueryError": ".errors",
    "Standing": ".query",
    "Term": ".query",
    "make_set": ".vector_set",
    "read_card": "..encoders.card",
    "set_queries": ".vector_set",
}
__all__ = ["compose", *_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: a subscriber needs little of this package."""
    if name not in _HOMES:
        raise AttributeError(
            f"module 'sixsense.fusion' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    return getattr(import_module(_HOMES[name], __name__), name)
