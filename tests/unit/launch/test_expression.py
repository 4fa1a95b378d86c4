"""Sums and differences as people write them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.launch.expression import Addend, ExpressionError, is_expression, parse_expression


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ('"a stork"', [(1, "a stork", None)]),
        (
            '"a stork" + waves.wav - "people"',
            [(1, "a stork", None), (1, None, "waves.wav"), (-1, "people", None)],
        ),
        ("waves.wav - 'people talking'", [(1, None, "waves.wav"), (-1, "people talking", None)]),
        ('-.5*"rain"+2 * "it\'s wet"', [(-0.5, "rain", None), (2, "it's wet", None)]),
        ('"dog" + /tmp/my-dog_2.jpg', [(1, "dog", None), (1, None, "/tmp/my-dog_2.jpg")]),
    ],
)
def test_terms_have_signs_factors_texts_and_files(text, terms) -> None:
    assert is_expression(text)
    assert parse_expression(text) == tuple(Addend(*term) for term in terms)


@pytest.mark.parametrize(
    "text", ["a dog barks", "rock-and-roll", "a dog - barking", "waves.wav", "it's raining"]
)
def test_plain_words_and_files_are_no_expression(text) -> None:
    assert not is_expression(text)


@pytest.mark.parametrize(
    "text",
    ['"a stork', '"dog" "cat"', '"dog" +', '"dog" + + "cat"', '""', '"dog" waves.wav', '"dog" - "  "', "3*"],
)
def test_what_cannot_be_read_says_where(text) -> None:
    with pytest.raises(ExpressionError, match=r"cannot be read from|empty text"):
        parse_expression(text)


WORDS = st.text("abc de-+*.", min_size=1, max_size=8).filter(str.strip)


@given(st.lists(st.tuples(st.sampled_from([1.0, -1.0, 0.5, -2.25]), WORDS), min_size=1, max_size=5))
def test_what_is_written_is_read(terms) -> None:
    text = " ".join(f'{"+" if weight > 0 else "-"} {abs(weight)}*"{words}"' for weight, words in terms)
    assert parse_expression(text) == tuple(Addend(weight, words, None) for weight, words in terms)


@given(st.text("ab \"'+-*.1/", max_size=20))
def test_anything_is_read_or_refused(text) -> None:
    with suppress(ExpressionError):
        parse_expression(text)
