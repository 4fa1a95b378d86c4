"""Every mistake in a parsed document against the msgspec Struct it should be (msgspec stops at the first)."""

import difflib
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from .toml_lines import Path, dotted


class Mistake(NamedTuple):
    """What is wrong with the value at `path`, and what to write instead."""

    path: Path
    text: str


def mistakes(value: Any, expected: Any, path: Path = ()) -> Iterator[Mistake]:
    """Unknown and missing keys, wrong types and values out of range, all of them, in document order.

    `expected` is a Struct, a union of tagged Structs, `dict[str, T]`, `tuple[T, ...]`, or anything that
    msgspec converts.
    """
    structs = _structs(expected)
    origin, arguments = get_origin(expected), get_args(expected)
    if structs and isinstance(value, dict):
        yield from _struct_mistakes(value, structs, path)
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from _key_mistakes(key, arguments[0], path)
            yield from mistakes(item, arguments[1], (*path, key))
    elif origin is tuple and isinstance(value, list):
        for index, item in enumerate(value):
            yield from mistakes(item, arguments[0], (*path, index))
    else:
        yield from _leaf_mistakes(value, expected, path)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean "x"?` where a known word is close, else all of them."""
    known = tuple(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f'did you mean "{close[0]}"?' if close else f"it can be: {', '.join(sorted(known))}"


def _structs(expected: Any) -> tuple[type[msgspec.Struct], ...]:
    members = get_args(expected) if get_origin(expected) in (Union, types.UnionType) else (expected,)
    return tuple(m for m in members if isinstance(m, type) and issubclass(m, msgspec.Struct))


def _struct_mistakes(
    value: dict[str, Any], structs: tuple[type[msgspec.Struct], ...], path: Path
) -> Iterator[Mistake]:
    tag_field = structs[0].__struct_config__.tag_field
    if tag_field is None:
        yield from _field_mistakes(value, structs[0], tag_field, path)
        return
    tags = {str(struct.__struct_config__.tag): struct for struct in structs}
    tag = value.get(tag_field)
    if isinstance(tag, str) and tag in tags:
        yield from _field_mistakes(value, tags[tag], tag_field, path)
    elif tag_field in value:
        text = f"is {show(tag)}, which is not known; {suggestion(str(tag), tags)}"
        yield Mistake((*path, tag_field), text)
    else:
        yield Mistake(path, f'"{tag_field}" is missing; it can be: {", ".join(tags)}')
        known = {tag_field, *(name for struct in structs for name in struct.__struct_fields__)}
        for key in value.keys() - known:
            yield Mistake((*path, key), f"is not a key here; {suggestion(key, known)}")


def _field_mistakes(
    value: dict[str, Any], struct: type[msgspec.Struct], tag_field: str | None, path: Path
) -> Iterator[Mistake]:
    types_of = get_type_hints(struct, include_extras=True)
    for key, item in value.items():
        if key in types_of:
            yield from mistakes(item, types_of[key], (*path, key))
        elif key != tag_field:
            yield Mistake((*path, key), f"is not a key here; {suggestion(key, types_of)}")
    for field in msgspec.structs.fields(struct):
        if field.required and field.name not in value:
            example = f"{field.name} = {_sample_of(types_of[field.name])}"
            yield Mistake(path, f'"{field.name}" is missing; add `{example}`')


def _key_mistakes(key: str, expected: Any, path: Path) -> Iterator[Mistake]:
    if get_origin(expected) is Literal and key not in get_args(expected):
        yield Mistake((*path, key), f"is not known; {suggestion(key, get_args(expected))}")


def _leaf_mistakes(value: Any, expected: Any, path: Path) -> Iterator[Mistake]:
    choices = get_args(expected) if get_origin(expected) is Literal else ()
    if choices and isinstance(value, str) and value not in choices:
        yield Mistake(path, f"is {show(value)}, which is not known; {suggestion(value, choices)}")
        return
    try:
        msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        wrong = str(error).replace("Expected", "expected").replace("`", "").replace("object", "table")
        yield Mistake(path, f"is {show(value)}: {wrong}; write for example {_sample_of(expected)}")


def show(value: Any) -> str:
    """A value as it stands in the file, cut to what fits a line."""
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = {"True": "true", "False": "false"}.get(text, text)
    return text if len(text) <= 60 else text[:57] + "..."


def _sample_of(expected: Any) -> str:
    """A value of the right type to show in a message."""
    if get_origin(expected) is Annotated:
        return _sample_of(get_args(expected)[0])
    if get_origin(expected) is Literal:
        return f'"{get_args(expected)[0]}"'
    members = get_args(expected) if get_origin(expected) in (Union, types.UnionType) else (expected,)
    members = tuple(get_args(one)[0] if get_origin(one) is Annotated else one for one in members)
    samples = {str: '"text"', float: "0.5", int: "1", bool: "true"}
    if _structs(expected):
        return "{ ... }"
    return next((samples[member] for member in members if member in samples), "[...]")


def located(mistake: Mistake, file: str, line: int) -> str:
    """`demo.toml:12: fusion.hop_s is ...`, which editors and terminals make a link of."""
    name = dotted(mistake.path)
    return f"{file}:{line}: {name} {mistake.text}" if name else f"{file}:{line}: {mistake.text}"
