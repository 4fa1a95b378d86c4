"""Texts of our own making: as many as asked for, different, the same every time, none broken."""

import re

from sixsense.encoders.bind.recipes.text import CORPORA
from sixsense.encoders.bind.recipes.texts import make_texts, paraphrases, words

NAMES = ["dog bark", "okapi"]
VOCABULARY = ["water", "engine", "moving", "zebra"]
SHARES = {way: share for corpus in CORPORA for way, share in corpus.shares.items()}


def test_the_same_texts_every_time():
    texts = make_texts(2_000, NAMES, VOCABULARY, seed=3, shares=SHARES)
    assert texts == make_texts(2_000, NAMES, VOCABULARY, seed=3, shares=SHARES)
    assert texts != make_texts(2_000, NAMES, VOCABULARY, seed=4, shares=SHARES)
    assert len(set(texts)) == len(texts) == 2_000
    assert {*NAMES, *VOCABULARY} <= set(texts)


def test_texts_are_words_of_lower_case_without_gaps():
    for text in make_texts(2_000, NAMES, VOCABULARY, seed=5, shares=SHARES):
        assert text == text.lower().strip()
        assert "{" not in text
        assert not re.search(r"  | ,", text), text


def test_what_the_model_is_asked_with_is_in_no_text_that_it_learns_from():
    asked = {text.lower() for kind in paraphrases().values() for texts in kind.values() for text in texts}
    known = [*NAMES, "atishoo", "a hearth"]
    assert {*known[2:], "a downpour"} <= asked
    texts = make_texts(60_000, known, VOCABULARY, seed=6, shares={"thing": 1, "word": 1, "named": 1})
    assert not asked & set(texts)
    assert any("hearth" in text for text in texts)


def test_the_lists_have_no_word_twice():
    for name, listed in words().items():
        assert len(set(listed)) == len(listed), name
        assert all(entry.count("{}") == (name in ("seen", "heard", "felt", "asked")) for entry in listed), (
            name
        )
