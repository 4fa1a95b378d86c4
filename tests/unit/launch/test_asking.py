"""What a command line asks for, as a query."""

import pytest
from sixsense.launch.asking import asked, query_line
from sixsense.launch.queries import QueryError
from sixsense.nodes.wire.status import QueryStatus


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


def test_a_standing_query_is_listed_with_where_it_looks_and_how_far_it_has_learnt() -> None:
    plain = QueryStatus(name="a dog", since_ns=0, modalities=("vision", "audio"))
    assert query_line(plain) == "a dog  in vision, audio"
    camera = QueryStatus(
        name="a dog",
        since_ns=0,
        modalities=("vision",),
        inputs=("front",),
        at_most_per_h=6.0,
        note="calibrating, 0.4 of 3 h",
    )
    assert query_line(camera) == "a dog  in vision at front  at most 6/h  (calibrating, 0.4 of 3 h)"
