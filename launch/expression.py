"""Expressions: `"a stork" + waves.wav - 0.5*"people"`, a query's terms as people write them."""

import re
from typing import NamedTuple

from ..sensors.errors import SixsenseError


class ExpressionError(SixsenseError):
    """A sum or difference that cannot be read: where, and what to write instead."""


class Addend(NamedTuple):
    """One term: its weight, and a text (it stood in quotes) or a file."""

    weight: float
    text: str | None
    file: str | None


_ADDEND = re.compile(
    r"""\s*(?P<sign>[+-])?\s*
    (?:(?P<factor>\d+(?:\.\d*)?|\.\d+)\s*\*\s*)?
    (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<file>[^\s"'+*][^\s"'*]*))\s*""",
    re.VERBOSE,
)


def is_expression(text: str) -> bool:
    """Whether this is meant as one: it begins with a quoted text, or has one after a sign or a factor."""
    return bool(
        re.match(r"""\s*(?:[+-]?\s*[\d.]+\s*\*\s*|-\s*)?["']""", text)
        or re.search(r"""\s[+-]\s*(?:[\d.]+\s*\*\s*)?["']""", text)
    )


def parse_expression(text: str) -> tuple[Addend, ...]:
    """The terms of an expression: texts in quotes, files without, each with a sign and perhaps a factor.

    Raises ExpressionError with the place where it cannot be read.
    """
    addends: list[Addend] = []
    at = 0
    while at < len(text.rstrip()):
        found = _ADDEND.match(text, at)
        if found is None or (addends and not found["sign"]):
            raise ExpressionError(
                f"{text!r} cannot be read from {text[at:].strip()[:20]!r} on: write texts in quotes, files "
                """without, and + or - between them, such as "a stork" + waves.wav - 0.5*"people" """.strip()
            )
        weight = float(found["factor"] or 1.0) * (-1 if found["sign"] == "-" else 1)
        words = found["double"] if found["double"] is not None else found["single"]
        if words is not None and not words.strip():
            raise ExpressionError(f"{text!r} has an empty text in it: write some words between the quotes")
        addends.append(Addend(weight, words, found["file"]))
        at = found.end()
    return tuple(addends)
