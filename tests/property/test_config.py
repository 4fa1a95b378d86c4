"""Whatever key of a configuration is mistyped, the error names it and its line."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.launch.config import CONFIGS, ConfigError, parse_config
from sixsense.launch.toml_lines import dotted, key_lines, line_of

DEMO = (CONFIGS / "demo.toml").read_text()
KEYS = [path for path in key_lines(DEMO) if path and isinstance(path[-1], str)]
letters = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)


def mistyped(key: str, line: int, other: str) -> str:
    lines = DEMO.split("\n")
    lines[line - 1] = lines[line - 1].replace(key, other, 1)
    return "\n".join(lines)


@given(st.sampled_from(KEYS), letters)
def test_a_mistyped_key_is_named_with_its_line(path: tuple[str | int, ...], suffix: str):
    key, line = str(path[-1]), key_lines(DEMO)[path]
    text = mistyped(key, line, f"{key}_{suffix}q")
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "demo.toml")
    wrong = dotted((*path[:-1], f"{key}_{suffix}q"))
    assert f"demo.toml:{line}: {wrong} is not a key here" in str(caught.value)
    assert key in str(caught.value).split(wrong)[1]


@given(st.sampled_from(KEYS), st.sampled_from(["[[]]", "1979-05-27", '{ "" = 1 }']))
def test_a_value_of_a_type_that_fits_nowhere_is_named_with_its_line(path: tuple[str | int, ...], value: str):
    line = key_lines(DEMO)[path]
    lines = DEMO.split("\n")
    if lines[line - 1].lstrip().startswith("["):
        return
    lines[line - 1] = f"{path[-1]} = {value}"
    with pytest.raises(ConfigError) as caught:
        parse_config("\n".join(lines), "demo.toml")
    assert f"demo.toml:{line}: {dotted(path)}" in str(caught.value)


values = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | letters,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=8,
)
known = st.sampled_from(["robot", "fusion", "sensor", "watch", "windows", "inputs", "endpoints"])
tables = st.dictionaries(letters | known, values)


def toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str():
            return f'"{value}"'
        case _:
            return repr(value)


@given(tables)
def test_any_document_is_a_configuration_or_a_located_error(document: dict[str, Any]):
    text = "\n".join(f"{key} = {toml(value)}" for key, value in document.items())
    tomllib.loads(text)
    try:
        parse_config(text, "any.toml")
    except ConfigError as error:
        for line in str(error).splitlines():
            number = int(line.split(":")[1])
            assert 1 <= number <= max(1, len(document))


@given(st.text())
def test_any_text_is_a_configuration_or_a_located_error(text: str):
    try:
        parse_config(text, "any.toml")
    except ConfigError as error:
        located = str(error).startswith("any.toml:")
        assert located


@given(st.sampled_from(KEYS), st.lists(letters | st.integers(0, 3), max_size=3))
def test_what_is_below_a_key_has_its_line(path: tuple[str | int, ...], below: list[str | int]):
    lines = key_lines(DEMO)
    deeper = (*path, *below)
    if deeper not in lines:
        assert line_of(deeper, lines) >= lines[path]
