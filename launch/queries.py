"""What people ask to watch for, as standing queries: a text, a file, or a simulated happening."""

import math
from pathlib import Path
from typing import Any

import msgspec

from ..fusion.query import Example, Moment, Query, Term
from ..sensors.errors import SixsenseError
from ..sensors.sample import NS
from .expression import Addend, is_expression, parse_expression
from .schema import Config, Simulated, WatchConfig

PER_H = {"h": 1.0, "min": 60.0, "d": 1 / 24}
MOST_SECONDS = 1e9


class QueryError(SixsenseError):
    """A query that cannot be made: what was asked, and what to write instead."""


def parse_query(argument: str, **fields: Any) -> Query:
    """A `--watch QUERY`: the path of a picture, sound or clip, a sum and difference of such and of texts in
    quotes, else a text. `fields` are Query's own.

    Text that looks like a path must be one: a mistyped file name is not searched for as words. Raises
    QueryError, ExpressionError and SourceError.
    """
    argument = argument.strip()
    if not argument:
        raise QueryError(
            'an empty query; give a text ("a dog barks") or the path of a picture, sound or clip'
        )
    if Path(argument).is_file():
        return _checked(
            Query(name=Path(argument).stem, terms=(Term(example=load_example(argument)),)), fields
        )
    if is_expression(argument):
        return _checked(Query(name=argument, terms=tuple(map(_term, parse_expression(argument)))), fields)
    if _looks_like_path(argument):
        raise QueryError(f"there is no file {argument} to watch for; give an existing one, or words")
    return _checked(Query(name=argument, terms=(Term(text=argument),)), fields)


def config_queries(config: Config) -> tuple[Query, ...]:
    """The queries of a configuration's `[[watch]]` tables. Raises SourceError for a file that is none."""
    return tuple(_configured(watch) for watch in config.watch)


def load_example(path: str) -> Example:
    """A picture, sound or clip as arrays, judged by its content. Raises SourceError."""
    from ..sensors.media import kind_of, load_clip, load_picture, load_sound

    match kind_of(path):
        case "picture":
            return Example(modality="vision", data=load_picture(path))
        case "clip":
            return Example(modality="vision", data=load_clip(path))
        case "sound":
            pcm, rate_hz = load_sound(path)
            return Example(modality="audio", data=pcm, rate_hz=rate_hz)


def _configured(watch: WatchConfig) -> Query:
    example = None
    if watch.file is not None:
        example = load_example(watch.file)
    elif watch.simulated is not None:
        example = _rendered(watch.simulated)
    terms = (Term(text=watch.text, example=example),)
    if watch.text is not None and is_expression(watch.text):
        terms = tuple(map(_term, parse_expression(watch.text)))
    return Query(
        name=watch.name,
        terms=terms,
        modalities=watch.modalities,
        inputs=watch.inputs,
        on=watch.on,
        off=watch.off,
        min_s=watch.min_s,
        hold_s=watch.hold_s,
        cool_s=watch.cool_s,
        at_most_per_h=watch.at_most_per_h,
    )


def _rendered(simulated: Simulated) -> Example:
    from ..sensors.simulated.robot import render_example

    shown = render_example(simulated.happening, simulated.modality, simulated.seed, simulated.split)
    return Example(
        modality=simulated.modality,
        data=shown.data,
        stamps=shown.stamps,
        rate_hz=shown.rate_hz,
        fx=shown.fx,
        baseline=shown.baseline,
    )


def parse_moment(argument: str) -> Moment:
    """`/robot/microphone@12.5s`, `microphone@12.5`: what an input was like so long after the run began.

    Raises QueryError.
    """
    name, _, seconds = argument.rpartition("@")
    try:
        at_s = float(seconds.removesuffix("s"))
    except ValueError:
        at_s = math.nan
    if not name.strip("/") or not (math.isfinite(at_s) and abs(at_s) < MOST_SECONDS):
        raise QueryError(
            f"{argument!r} is no moment; give an input and seconds since the run began: microphone@12.5s"
        )
    return Moment(input=name.rstrip("/").rsplit("/", 1)[-1], at_ns=round(at_s * NS))


def parse_rate(argument: str) -> float:
    """`6/h`, `1/min`, `2/d` as events an hour. Raises QueryError."""
    number, _, unit = argument.partition("/")
    try:
        return float(number) * PER_H[unit.strip() or "h"]
    except (ValueError, KeyError):
        raise QueryError(f"{argument!r} is no rate; give one such as 6/h, 1/min or 2/d") from None


def _term(addend: Addend) -> Term:
    if addend.file is None:
        return Term(weight=addend.weight, text=addend.text)
    if not Path(addend.file).is_file():
        raise QueryError(f"there is no file {addend.file} to watch for; texts stand in quotes")
    return Term(weight=addend.weight, example=load_example(addend.file))


def _checked(query: Query, fields: dict[str, Any]) -> Query:
    given = {name: value for name, value in fields.items() if value not in (None, ())}
    query = msgspec.structs.replace(query, **given)
    if query.off > query.on:
        query = msgspec.structs.replace(query, off=query.on)
    return query


def _looks_like_path(text: str) -> bool:
    suffix = Path(text).suffix
    return " " not in text and ("/" in text or (1 < len(suffix) <= 6 and suffix[1:].isalnum()))
