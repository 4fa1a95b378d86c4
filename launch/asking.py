"""`queries` and `teach`: the standing queries of a running service, listed, added and removed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..fusion.query import Query, Term
from ..nodes.wire.control import ControlClient
from ..nodes.wire.status import QueryStatus
from .following import EMBED_S
from .jsonl import json_line
from .queries import QueryError, load_example, parse_moment, parse_query, parse_rate

MOST_EXAMPLES = 8
"""Beyond so many, `sixsense bind` learns more from them than an average does."""
WORDS = 0.5
"""How much of a taught class is its name: the best of 0, 0.2, 0.5 and 0.7 in `bench/taught.py`."""


def asked(
    text: str | None,
    moment: str | None,
    *,
    at_most: str | None,
    name: str | None,
    novelty: bool = False,
    hours: float | None = None,
    disagree: tuple[str, ...] = (),
    **fields: Any,
) -> Query:
    """The query of a command line: a text, file or sum, a moment, or anything new. Raises QueryError."""
    fields["at_most_per_h"] = None if at_most is None else parse_rate(at_most)
    if hours is not None and not novelty:
        raise QueryError("--hours says how far back --novelty looks: add it, or leave --hours out")
    if novelty:
        return _novelty(text is not None or moment is not None or bool(disagree), name, hours, fields)
    if disagree:
        if fields.get("modalities"):
            raise QueryError("--disagree names the modalities already: leave --modalities out")
        fields |= {"asks": "disagreement", "modalities": disagree}
    if (text is None) == (moment is None):
        raise QueryError("give either a QUERY (a text, a file, a sum), --moment INPUT@SECONDS or --novelty")
    if moment is not None:
        given = {key: value for key, value in fields.items() if value not in (None, ())}
        return Query(name=name or moment, terms=(Term(moment=parse_moment(moment)),), **given)
    assert text is not None
    return parse_query(text, name=name, **fields)


def _novelty(more: bool, name: str | None, hours: float | None, fields: dict[str, Any]) -> Query:
    if more:
        raise QueryError("--novelty asks for anything new: leave QUERY, --moment and --disagree out")
    given = {key: value for key, value in fields.items() if value not in (None, ())}
    query = Query(name=name or "novelty", asks="novelty", **given)
    return query if hours is None else msgspec.structs.replace(query, hours=hours)


def list_queries(control: str, *, json: bool) -> Iterator[str]:
    """A line for each standing query. Raises ControlError when nobody answers."""
    with ControlClient(control) as client:
        standing = client.queries()
    if not standing and not json:
        yield 'no query is standing; add one: sixsense queries add "a dog barks"'
    yield from (json_line("query", query) if json else query_line(query) for query in standing)


def add_query(control: str, query: Query, *, json: bool) -> Iterator[str]:
    """Add a query that stands until it is removed, in later runs too. Raises ControlError."""
    with ControlClient(control) as client:
        client.queries()
    with ControlClient(control, timeout=EMBED_S) as patient:
        accepted = patient.watch(query, keep=True)
    note = f": {accepted.note}" if accepted.note else ""
    yield json_line("accepted", accepted) if json else f"{accepted.name} stands{note}"


def remove_query(control: str, name: str) -> Iterator[str]:
    """Raises ControlError for a name that does not stand, with those that do."""
    with ControlClient(control) as client:
        client.unwatch(name)
    yield f"{name} is removed"


def taught(
    name: str, files: Sequence[Path], moments: Sequence[str], weight: float | None = None, **fields: Any
) -> Query:
    """A class taught by examples: their average, and its name as words (`weight` of the whole).

    Raises QueryError for none or more than MOST_EXAMPLES examples, SourceError for a file that is none.
    """
    count = len(files) + len(moments)
    weight = WORDS if weight is None else weight
    if not 1 <= count <= MOST_EXAMPLES:
        raise QueryError(f"{name!r} has {count} examples; give 1 to {MOST_EXAMPLES} files or moments")
    share = (1 - weight) / count
    terms = [Term(weight=share, example=load_example(str(path))) for path in files]
    terms += [Term(weight=share, moment=parse_moment(moment)) for moment in moments]
    words = [Term(weight=weight, text=name)] if weight > 0 else []
    given = {key: value for key, value in fields.items() if value not in (None, ())}
    return Query(name=name, terms=(*terms, *words), **given)


def query_line(query: QueryStatus) -> str:
    """One standing query for a person."""
    where = ", ".join(query.modalities) or "nothing"
    where += f" at {', '.join(query.inputs)}" if query.inputs else ""
    rate = "" if query.at_most_per_h is None else f"  at most {query.at_most_per_h:g}/h"
    note = f"  ({query.note})" if query.note else ""
    return f"{query.name}  in {where}{rate}{note}"
