"""What a query is compared with, and what its scores mean."""

import numpy as np
import pytest
from matching import match, run, tick_of, told, watching
from msgspec.structs import replace
from sixsense.encoders.card import Background
from sixsense.encoders.tail import Tail
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.errors import QueryError
from sixsense.fusion.match import Matcher
from sixsense.fusion.query import Query
from sixsense.fusion.score import Bank


def test_the_best_input_of_any_modality_scores_and_modalities_collect(make):
    matcher = watching(make, make.standing(on=4, off=2))

    def seen(index, left, right, mic):
        return tick_of(
            make,
            index,
            make.embedding("left", index * 250, make.scoring(left)),
            make.embedding("right", index * 250, make.scoring(right)),
            make.embedding("mic", index * 250, make.scoring(mic), modality="audio"),
        )

    (begin,) = match(make, matcher, seen(1, 3, 5, 1))
    assert (begin.input, begin.modalities) == ("right", ("vision",))
    (update,) = match(make, matcher, seen(2, 3, 4, 7))
    assert (update.input, update.modalities) == ("mic", ("audio", "vision"))


def test_a_query_looks_only_where_it_is_told_to(make):
    matcher = watching(make, make.standing(on=4, off=2, modalities=("audio",)))
    assert run(make, matcher, [9, 9]) == []
    mic = make.embedding("mic", 750, make.scoring(9), modality="audio")
    assert [one.input for one in match(make, matcher, tick_of(make, 3, mic))] == ["mic"]


def test_scores_are_standardised_by_the_background_of_the_pair(make):
    card = make.card(backgrounds={"text/vision": Background(mean=0.2, deviation=0.05)})
    scores = Bank([make.standing()], card).score("vision", make.scoring(5))
    assert scores.cosine[0] == pytest.approx(0.5, abs=1e-6)
    assert scores.score[0] == pytest.approx(6, abs=1e-5)
    assert Bank([make.standing()], card).score("audio", make.scoring(5)).score[0] == -np.inf


def test_both_sides_are_centred_by_their_own_modality(make):
    means = {"text": np.array([0, 0, 0.6, 0], np.float32), "vision": np.array([0, 0, 0, 0.8], np.float32)}
    card = make.card(means=means)
    part = Part(1.0, "text", make.towards(0.8, 0, 0.6))
    bank = Bank([compose(Query(name="q"), [part], card)], card)
    scores = bank.score("vision", make.towards(0.6, 0, 0, 0.8))
    assert scores.cosine[0] == pytest.approx(1, abs=1e-6)


def test_a_card_without_backgrounds_compares_everything(make):
    card = make.card(backgrounds={})
    scores = Bank([make.standing(modality="audio")], card).score("vision", make.scoring(5))
    assert scores.score[0] == pytest.approx(0.5 * np.sqrt(make.DIM), abs=1e-5)


def test_the_fused_vector_is_compared_only_when_asked_for(make):
    card = make.card(
        backgrounds={"text/fused": Background(mean=0.0, deviation=0.1)} | make.card().backgrounds
    )
    card_means = make.card(backgrounds=card.backgrounds, means={"vision": np.full(4, 0.1, np.float32)})
    asked = make.standing("asked", modalities=("fused",))
    matcher = watching(make, asked, make.standing("plain"), card=card_means)
    tick = tick_of(make, 1, make.embedding("cam", 250, make.towards(1, 0.1)))
    plain, fused = sorted(match(make, matcher, tick, card_means), key=lambda one: one.input)
    assert (plain.query, plain.input, fused.query, fused.input) == ("plain", "cam", "asked", "fused")
    assert (fused.modalities, fused.evidence_end_ns) == (("fused",), make.HOP_NS)
    vision = Bank([make.standing()], card_means).score("vision", tick.newest["cam"].vector)
    assert fused.cosine == pytest.approx(vision.cosine[0], abs=1e-6)


@pytest.mark.parametrize("dim", [128, 1000, 1024])
def test_a_score_does_not_depend_on_how_many_queries_there_are(make, dim):
    generator = np.random.default_rng(dim)

    def draw():
        vector = generator.normal(size=dim)
        return (vector / np.sqrt(np.sum(vector**2))).astype(np.float32)

    means = {modality: (draw() * 0.3).astype(np.float32) for modality in ("text", "vision")}
    card = make.card(dim=dim, backgrounds={}, means=means)
    many = [make.standing(str(index), draw()) for index in range(1000)]
    vector = draw()
    together = Bank(many, card).score("vision", vector)
    alone = [Bank([one], card).score("vision", vector) for one in many]
    assert together.score.tobytes() == np.concatenate([one.score for one in alone]).tobytes()
    assert together.cosine.tobytes() == np.concatenate([one.cosine for one in alone]).tobytes()
    assert len(set(together.cosine)) == 1000


def test_events_do_not_depend_on_the_other_queries(make):
    generator = np.random.default_rng(5)
    many = [
        make.standing(f"{k:02d}", make.towards(*generator.normal(size=4)), on=5, off=3) for k in range(40)
    ]
    scores = generator.uniform(-10, 10, size=60)
    together = run(make, watching(make, *many), scores)
    assert len(together) > 100
    for one in many:
        alone = run(make, watching(make, one), scores)
        mine = [match for match in together if match.query == one.query.name]
        assert [replace(match, seq=0) for match in mine] == [replace(match, seq=0) for match in alone]


def test_a_rate_is_a_threshold_on_every_target_by_the_cards_tail(make):
    tail = Tail(threshold=2.0, per_h=100.0, shape=0.0, scale=1.0)
    backgrounds = {
        "text/vision": Background(mean=0.0, deviation=0.1, tail=tail),
        "text/audio": Background(mean=0.0, deviation=0.1),
    }
    card = make.card(backgrounds=backgrounds)
    matcher = watching(make, make.standing(at_most_per_h=6.0, hold_s=0), card=card)
    # Two targets share the rate: 3 an hour each.
    level = tail.level(3.0)
    below, above = level - 0.01, level + 0.01
    matches = run(make, matcher, [below, above, 1.9])
    assert told(make, matches) == [("begin", 2), ("end", 3)]
    assert matches[0].per_h == pytest.approx(6.0, rel=0.02)
    assert not matches[0].calibrated


def test_a_rate_counts_only_the_targets_that_the_run_has(make):
    tail = Tail(threshold=2.0, per_h=100.0, shape=0.0, scale=1.0)
    backgrounds = {f"text/{m}": Background(mean=0.0, deviation=0.1, tail=tail) for m in ("vision", "audio")}
    matcher = Matcher(make.card(backgrounds=backgrounds), inputs={"cam": "vision"})
    matcher.set_queries([make.standing(at_most_per_h=6.0)], from_ns=0)
    assert told(make, run(make, matcher, [tail.level(6.0) - 0.01, tail.level(6.0) + 0.01])) == [("begin", 2)]


def test_a_learnt_background_replaces_the_cards_and_survives_a_restart(make):
    rng = np.random.default_rng(3)
    noise = rng.standard_normal(14400 * 4)
    scores = np.clip((noise[3:] + noise[2:-1] + noise[1:-2] + noise[:-3]) / 2, -9, 9)
    matcher = watching(make, make.standing(at_most_per_h=6.0, modalities=("vision",)))
    run(make, matcher, scores)
    assert matcher.hours()["q"] > 3
    first = watching(make, make.standing(at_most_per_h=6.0, modalities=("vision",)))
    first.restore_background(matcher.background())
    (begin,) = run(make, first, [9.5], first=1)
    assert begin.calibrated
    assert begin.background_h == pytest.approx(matcher.hours()["q"], abs=0.01)
    assert begin.per_h < 0.5


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 61.0])
def test_an_impossible_rate_is_refused(make, rate):
    with pytest.raises(QueryError, match="events an hour"):
        watching(make, make.standing(at_most_per_h=rate))


def test_a_query_of_some_inputs_looks_at_no_other(make):
    matcher = watching(make, make.standing("front", inputs=("front",)), make.standing("both"))
    begun = []
    for index, loud in enumerate(("rear", "front", "rear"), 1):
        scores = {name: 8 if name == loud else 0 for name in ("front", "rear")}
        seen = [make.embedding(name, index * 250, make.scoring(one)) for name, one in scores.items()]
        told = match(make, matcher, tick_of(make, index, *seen))
        begun += [(one.query, one.input, index) for one in told if one.phase == "begin"]
    assert begun == [("both", "rear", 1), ("front", "front", 2)]


def test_a_query_of_one_input_has_its_rate_and_its_background_there_alone(make):
    tail = Tail(threshold=2.0, per_h=100.0, shape=0.0, scale=1.0)
    backgrounds = {f"text/{m}": Background(mean=0.0, deviation=0.1, tail=tail) for m in ("vision", "audio")}
    matcher = Matcher(make.card(backgrounds=backgrounds), inputs={"cam": "vision", "mic": "audio"})
    whole, camera = make.standing("whole"), make.standing("camera", at_most_per_h=6.0, inputs=("cam",))
    matcher.set_queries([whole, camera], from_ns=0)
    assert matcher.looks() == {"whole": ("vision", "audio"), "camera": ("vision",)}
    found = []
    for index, score in enumerate([*[0.1] * 100, tail.level(6.0) - 0.01, tail.level(6.0) + 0.01], 1):
        cam = make.embedding("cam", index * 250, make.scoring(score))
        mic = make.embedding("mic", index * 250, make.scoring(0.1), modality="audio")
        found += match(make, matcher, tick_of(make, index, cam, mic))
    assert [one.stamp_ns // make.HOP_NS for one in found if one.query == "camera"] == [102]
    assert matcher.hours()["camera"] > 0
