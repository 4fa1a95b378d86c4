"""What a command line asks for, as a query."""

import pytest
from sixsense.launch.asking import asked
from sixsense.launch.queries import QueryError


def ask(text=None, moment=None, **options):
    return asked(text, moment, **({"at_most": None, "name": None} | options))


def test_anything_new_is_asked_without_terms() -> None:
    query = ask(novelty=True, hours=3.0, modalities=("audio",), at_most="2/h", on=None)
    assert (query.asks, query.hours, query.name, query.terms) == ("novelty", 3.0, "novelty", ())
    assert (query.modalities, query.at_most_per_h) == (("audio",), 2.0)
    assert ask(novelty=True, name="new").hours == 1.0


def test_a_disagreement_has_terms_and_its_modalities_in_order() -> None:
    query = ask("a dog", disagree=("vision", "audio"))
    assert (query.asks, query.modalities) == ("disagreement", ("vision", "audio"))
    assert query.terms[0].text == "a dog"
    assert ask(None, "mic@3", disagree=("audio", "vision"), name="dog").asks == "disagreement"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "give either a QUERY"),
        ({"text": "a dog", "moment": "mic@3"}, "give either a QUERY"),
        ({"text": "a dog", "novelty": True}, "leave QUERY, --moment and --disagree out"),
        ({"novelty": True, "disagree": ("audio", "vision")}, "leave QUERY"),
        ({"text": "a dog", "hours": 3.0}, "--hours says how far back --novelty looks"),
        ({"text": "a dog", "disagree": ("a", "b"), "modalities": ("a",)}, "leave --modalities out"),
    ],
)
def test_what_does_not_go_together_is_refused(options, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        ask(**options)
