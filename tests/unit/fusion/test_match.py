"""Matching: what a query is compared with, and the events it makes."""

import json

import numpy as np
import pytest
from msgspec.structs import replace
from sixsense.encoders.card import Background
from sixsense.encoders.tail import Tail
from sixsense.fusion.combine import combine
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.errors import FusionError, QueryError
from sixsense.fusion.match import Matcher
from sixsense.fusion.query import Query
from sixsense.fusion.score import Bank
from sixsense.fusion.tick import Tick


def tick_of(make, index, *embeddings):
    return Tick(index * make.HOP_NS, "complete", {one.input: one for one in embeddings})


def match(make, matcher, tick, card=None):
    rules = {name: make.rule(one.modality) for name, one in tick.newest.items()}
    return matcher.match(tick, combine(tick, rules, card or make.card(), epoch=0, seq=tick.stamp_ns))


def run(make, matcher, scores, first=1):
    """Feed one vision embedding a tick with these scores (None: no embedding); return what is told."""
    told = []
    for index, score in enumerate(scores, first):
        seen = () if score is None else (make.embedding("cam", index * 250, make.scoring(score)),)
        told += match(make, matcher, tick_of(make, index, *seen))
    return told


def watching(make, *standing, card=None, from_ns=0):
    matcher = Matcher(card or make.card())
    matcher.set_queries(standing, from_ns=from_ns)
    return matcher


def told(make, matches):
    return [(one.phase, one.stamp_ns // make.HOP_NS) for one in matches]


def test_an_event_begins_at_on_stays_at_off_and_ends_after_the_hold(make):
    matcher = watching(make, make.standing(on=4, off=2, hold_s=0.5))
    matches = run(make, matcher, [1, 3.9, 4.1, 2.1, 1, 2.1, 1, 1, 1, 1])
    assert told(make, matches) == [("begin", 3), ("update", 7), ("end", 9)]
    last = matches[-1]
    assert (last.begin_ns, last.last_ns) == (3 * make.HOP_NS, 6 * make.HOP_NS)
    assert [one.seq for one in matches] == [0, 1, 2]
    assert {one.event for one in matches} == {1}
    assert {one.calibrated for one in matches} == {False}


def test_thresholds_are_inclusive(make):
    exact = float(np.float32(0.25)) * 10
    vector = make.towards(0.25, np.sqrt(1 - 0.25**2))
    score = float(Bank([make.standing()], make.card()).score("vision", vector).score[0])
    assert score == pytest.approx(exact)
    matcher = watching(make, make.standing(on=score, off=score, hold_s=0))
    ticks = [tick_of(make, k, make.embedding("cam", k * 250, vector)) for k in (1, 2, 3)]
    assert told(make, [one for tick in ticks for one in match(make, matcher, tick)]) == [("begin", 1)]


def test_without_hold_it_ends_at_the_first_tick_below(make):
    matcher = watching(make, make.standing(on=4, off=2, hold_s=0))
    assert told(make, run(make, matcher, [5, 1, 5, 1])) == [
        ("begin", 1),
        ("end", 2),
        ("begin", 3),
        ("end", 4),
    ]


def test_a_tick_without_an_embedding_counts_as_below_and_keeps_the_last_score(make):
    matcher = watching(make, make.standing(on=4, off=2, hold_s=0.25))
    begin, end = run(make, matcher, [5, None, None])
    assert (end.phase, end.stamp_ns // make.HOP_NS) == ("end", 3)
    assert (end.score, end.cosine) == (begin.score, begin.cosine)


def test_an_event_shorter_than_min_s_is_only_counted(make):
    matcher = watching(make, make.standing(on=4, off=2, min_s=0.5, hold_s=0))
    assert run(make, matcher, [5, 5, 1]) == []
    assert matcher.brief == 1
    matches = run(make, matcher, [5, 5, 5, 1], first=4)
    assert told(make, matches) == [("begin", 6), ("end", 7)]
    assert (matches[0].begin_ns, matches[0].event) == (4 * make.HOP_NS, 1)


def test_holding_below_off_does_not_count_towards_min_s(make):
    matcher = watching(make, make.standing(on=4, off=2, min_s=0.5, hold_s=1))
    assert run(make, matcher, [5, 1, 1, 1]) == []


def test_updates_come_when_the_peak_rises_or_every_second(make):
    matcher = watching(make, make.standing(on=4, off=2))
    assert told(make, run(make, matcher, [5, 5.4, 5.6, 5, 5, 5, 5, 5])) == [
        ("begin", 1),
        ("update", 3),
        ("update", 7),
    ]


def test_the_evidence_is_the_window_that_scored_highest(make):
    matcher = watching(make, make.standing(on=4, off=2, hold_s=0))
    end = run(make, matcher, [5, 8, 6, 1])[-1]
    assert end.embedding_seq == 2
    assert (end.evidence_start_ns, end.evidence_end_ns) == (make.HOP_NS, 2 * make.HOP_NS)
    assert end.peak == pytest.approx(8, abs=1e-5)
    assert end.score == pytest.approx(1, abs=1e-5)
    assert end.cosine == pytest.approx(0.1, abs=1e-6)


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


def test_queries_take_effect_at_the_first_tick_from_their_stamp(make):
    matcher = watching(make, make.standing(), from_ns=3 * make.HOP_NS)
    assert told(make, run(make, matcher, [9, 9, 9])) == [("begin", 3)]
    assert matcher.since_ns() == {"q": 3 * make.HOP_NS}


def test_setting_the_same_queries_again_disturbs_nothing(make):
    matcher = watching(make, make.standing())
    run(make, matcher, [9])
    matcher.set_queries([make.standing("new"), make.standing()], from_ns=0)
    matches = run(make, matcher, [9], first=2)
    assert [(one.query, one.phase) for one in matches] == [("new", "begin")]
    assert matcher.since_ns() == {"new": 2 * make.HOP_NS, "q": make.HOP_NS}


def test_a_removed_query_ends_its_event_and_a_returning_one_counts_on(make):
    matcher = watching(make, make.standing(), make.standing("quiet", make.towards(0, 0, 1)))
    run(make, matcher, [9])
    matcher.set_queries([], from_ns=2 * make.HOP_NS)
    matches = run(make, matcher, [9, 9], first=2)
    assert told(make, matches) == [("end", 2)]
    assert matches[0].last_ns == make.HOP_NS
    assert matcher.since_ns() == {}
    assert list(matcher.state()) == ["q"]
    matcher.set_queries([make.standing()], from_ns=0)
    (again,) = run(make, matcher, [9], first=4)
    assert (again.phase, again.event) == ("begin", 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"on": 3.5},
        {"hold_s": 2.0},
        {"modalities": ("vision",)},
        {"vector": np.array([0.96, 0.28, 0, 0], np.float32)},
    ],
)
def test_a_changed_query_ends_its_event_and_starts_afresh(make, changed):
    matcher = watching(make, make.standing())
    run(make, matcher, [9])
    matcher.set_queries([make.standing(**changed)], from_ns=0)
    assert [(one.phase, one.event) for one in run(make, matcher, [9], first=2)] == [("end", 1), ("begin", 2)]


def test_a_later_wish_replaces_one_that_has_not_taken_effect(make):
    matcher = watching(make, make.standing("first"), from_ns=2 * make.HOP_NS)
    matcher.set_queries([make.standing("second")], from_ns=2 * make.HOP_NS)
    assert [one.query for one in run(make, matcher, [9, 9, 9])] == ["second"]


def test_a_later_wish_for_an_earlier_tick_replaces_all_that_follow(make):
    matcher = watching(make, make.standing("first"), from_ns=3 * make.HOP_NS)
    matcher.set_queries([make.standing("second")], from_ns=make.HOP_NS)
    assert [(one.query, one.stamp_ns // make.HOP_NS) for one in run(make, matcher, [9] * 4)] == [
        ("second", 1)
    ]


def test_finish_ends_what_is_open(make):
    matcher = watching(make, make.standing(), make.standing("long", min_s=5))
    run(make, matcher, [9, 9])
    assert told(make, matcher.finish(2 * make.HOP_NS)) == [("end", 2)]
    assert matcher.brief == 1
    assert matcher.finish(3 * make.HOP_NS) == []


def test_an_open_event_goes_on_in_a_new_process(make):
    matcher = watching(make, make.standing(on=4, off=2, hold_s=0.5))
    run(make, matcher, [5, 9, 5])
    state = json.loads(json.dumps(matcher.state()))
    restarted = Matcher(make.card(), epoch=1)
    restarted.restore(state)
    restarted.set_queries([make.standing(on=4, off=2, hold_s=0.5)], from_ns=0)
    matches = run(make, restarted, [1, 1, 1], first=20)
    assert told(make, matches) == [("update", 20), ("end", 22)]
    end = matches[-1]
    assert (end.event, end.begin_ns, end.last_ns) == (1, make.HOP_NS, 3 * make.HOP_NS)
    assert (end.epoch, end.seq, end.embedding_seq) == (1, 1, 2)


def test_an_open_event_of_a_query_that_did_not_return_ends(make):
    matcher = watching(make, make.standing())
    run(make, matcher, [9])
    restarted = Matcher(make.card(), epoch=1)
    restarted.restore(matcher.state())
    restarted.set_queries([make.standing("other")], from_ns=0)
    assert [(one.query, one.phase) for one in run(make, restarted, [1], first=8)] == [("q", "end")]


def test_a_state_of_another_shape_is_refused(make):
    with pytest.raises(QueryError, match="saved events cannot be read"):
        Matcher(make.card()).restore({"q": {"identity": 5}})


def test_unusable_queries_are_refused_and_the_old_ones_stay(make):
    matcher = watching(make, make.standing())
    bad = {
        "space 'other'": make.standing("bad", space_id="other"),
        r"float32 \(3,\)": make.standing("bad", np.ones(3, np.float32)),
        "float64": make.standing("bad", np.array([1.0, 0, 0, 0])),
        "not finite": make.standing("bad", np.array([np.nan, 0, 0, 0], np.float32)),
        "length 0, not 1": make.standing("bad", np.zeros(4, np.float32)),
        "off at most on": make.standing("bad", on=1, off=2),
        "times of 0 or more": make.standing("bad", hold_s=-1),
        "finite numbers": make.standing("bad", on=float("nan")),
        "cannot be compared with smell": make.standing("bad", modalities=("smell",)),
        "cannot be compared with fused": make.standing("bad", modalities=("vision", "fused")),
        "name each modality once": make.standing("bad", modalities=("vision",) * 4000),
        "cannot compare with anything": make.standing("bad", modality="imu"),
    }
    for reason, one in bad.items():
        with pytest.raises(QueryError, match=reason) as error:
            matcher.set_queries([one, make.standing("fine")], from_ns=0)
        assert "'bad'" in str(error.value)
    with pytest.raises(QueryError, match="two queries are called 'q'"):
        matcher.set_queries([make.standing(), make.standing()], from_ns=0)
    assert [one.query for one in run(make, matcher, [9])] == ["q"]


def test_a_card_that_cannot_be_scored_with_is_refused(make):
    with pytest.raises(FusionError, match="background text/vision of toy"):
        Matcher(make.card(backgrounds={"text/vision": Background(mean=0.0, deviation=0.0)}))
    with pytest.raises(FusionError, match="vision mean of toy is not 4 finite values"):
        Matcher(make.card(means={"vision": np.zeros(3, np.float32)}))


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


def test_after_an_event_none_begins_until_it_has_cooled_down(make):
    matcher = watching(make, make.standing(on=4, off=2, hold_s=0, cool_s=1.0))
    matches = run(make, matcher, [5, 1, 5, 5, 5, 5, 1])
    assert told(make, matches) == [("begin", 1), ("end", 2), ("begin", 6), ("end", 7)]


def test_shares_say_what_stood_out_at_the_peak(make):
    matcher = watching(make, make.standing(on=4, off=2))
    seen = (
        make.embedding("cam", 250, make.scoring(5)),
        make.embedding("mic", 250, make.scoring(3), modality="audio"),
    )
    (begin,) = match(make, matcher, tick_of(make, 1, *seen))
    assert begin.shares == pytest.approx({"audio": 0.25, "vision": 0.75}, rel=1e-4)


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
    matcher = Matcher(make.card(backgrounds=backgrounds), present=("vision",))
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
