"""Sums and differences of terms: one vector, its background, and what cannot be added up."""

import numpy as np
import pytest
from sixsense.encoders.card import Background
from sixsense.encoders.tail import Tail
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.errors import QueryError
from sixsense.fusion.query import Query
from sixsense.fusion.score import background

ASKED = Query(name="q")


def test_terms_are_centred_weighted_and_summed(make):
    card = make.card(means={"audio": np.array([0, 0, 0.6, 0], np.float32)})
    text, sound = Part(1.0, "text", make.towards(1)), Part(2.0, "audio", make.towards(0, 0.8, 0.6))
    standing = compose(ASKED, [text, sound], card)
    np.testing.assert_allclose(standing.vector, np.array([1, 2, 0, 0]) / np.sqrt(5), atol=1e-7)
    assert standing.kind == "text and audio"
    assert dict(standing.mix) == pytest.approx({"text": 1 / np.sqrt(5), "audio": 2 / np.sqrt(5)})


def test_what_is_subtracted_scores_less(make):
    card = make.card()
    plain = compose(ASKED, [Part(1.0, "text", make.towards(1, 1))], card)
    less = compose(
        ASKED, [Part(1.0, "text", make.towards(1, 1)), Part(-0.7, "text", make.towards(0, 1))], card
    )
    people = make.towards(0, 1)
    assert less.vector @ people < 0.1 < 0.7 < plain.vector @ people


def test_a_sums_background_is_that_of_independent_terms(make):
    pairs = {
        "text/vision": Background(mean=0.2, deviation=0.1),
        "audio/vision": Background(mean=-0.1, deviation=0.2),
        "text/audio": Background(mean=0.0, deviation=0.1),
    }
    card = make.card(backgrounds=pairs)
    both = compose(ASKED, [Part(3, "text", make.towards(1)), Part(-4, "audio", make.towards(0, 1))], card)
    found = background(card, both, "vision")
    assert found is not None
    assert found.mean == pytest.approx(0.6 * 0.2 + 0.8 * 0.1)
    assert found.deviation == pytest.approx(np.hypot(0.6 * 0.1, 0.8 * 0.2))
    assert background(card, both, "audio") is None


def test_terms_that_cancel_out_or_are_none_are_refused(make):
    card, one = make.card(), Part(1.0, "text", make.towards(1))
    for parts, reason in [
        ([], "no terms"),
        ([one, Part(-1.0, "text", make.towards(1))], "cancel out"),
        ([Part(float("nan"), "text", make.towards(1))], "weight of at most"),
        ([Part(1.0, "smell", make.towards(1))], "term of smell"),
        ([Part(1.0, "text", np.ones(7, np.float32))], "not float32"),
        ([Part(1.0, "text", np.full(4, np.nan, np.float32))], "not finite"),
        ([Part(1.0, "text", np.ones(4, np.float32))], "length 2"),
    ]:
        with pytest.raises(QueryError, match=reason):
            compose(ASKED, parts, card)


def test_an_examples_background_is_told_by_the_quiet_of_its_target(make):
    quiet = np.array([[0.6, 0.8, 0, 0], [0.8, 0.6, 0, 0], [0.7, 0.714, 0, 0]], np.float32)
    card = make.card(quiet={"vision": quiet.astype("<f2").tobytes()})
    seen = background(card, compose(ASKED, [Part(1.0, "vision", make.towards(1))], card), "vision")
    assert seen is not None
    assert seen.mean == pytest.approx(0.7, abs=0.01)
    assert seen.deviation == pytest.approx(np.std([0.6, 0.8, 0.7]), abs=0.01)
    alike = background(card, compose(ASKED, [Part(1.0, "vision", make.towards(0, 0, 1))], card), "vision")
    assert alike is not None
    assert alike.deviation == 0.05
    words = background(card, compose(ASKED, [Part(1.0, "text", make.towards(1))], card), "vision")
    assert words == card.backgrounds["text/vision"]


@pytest.mark.parametrize("quiet", [{}, {"vision": np.eye(4)[:2].astype("<f2").tobytes()}])
def test_a_query_has_the_cards_tail_of_the_term_that_weighs_most(make, quiet):
    tails = {
        m: Tail(threshold=t, per_h=60.0, shape=0.0, scale=1.0) for m, t in (("text", 1.0), ("vision", 2.0))
    }
    pairs = {f"{m}/vision": Background(mean=0.0, deviation=0.1, tail=tail) for m, tail in tails.items()}
    card = make.card(backgrounds=pairs, quiet=quiet)
    for weight, most in ((0.2, "vision"), (0.9, "text")):
        parts = [Part(1 - weight, "vision", make.towards(1)), Part(-weight, "text", make.towards(0, 1))]
        seen = background(card, compose(ASKED, parts, card), "vision")
        assert seen is not None
        assert seen.tail == tails[most]
