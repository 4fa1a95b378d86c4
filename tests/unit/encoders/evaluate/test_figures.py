"""Figures against cases that can be counted by hand, and against what chance gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.encoders.data.item import Item
from sixsense.encoders.evaluate.intervals import Gain, gain, share, wilson
from sixsense.encoders.evaluate.probe import draw_shots, fit_probe, probe
from sixsense.encoders.evaluate.report import Side, few_shot, retrieval, zero_shot
from sixsense.encoders.evaluate.scores import chance, ranks


def test_wilson_is_the_published_example():
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", 81 of 263 and 0 of 20.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


@given(st.integers(0, 50), st.integers(1, 50))
def test_an_interval_holds_its_share(hits, misses):
    found = share(np.array([True] * hits + [False] * misses))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.cases == hits + misses


def test_cases_of_few_sources_are_worth_less():
    hits = np.array([True, False] * 50)
    alone = share(hits)
    grouped = share(hits, [str(i % 2) for i in range(100)])
    assert (grouped.high - grouped.low) > 3 * (alone.high - alone.low)
    certain = share(np.ones(100, bool), [str(i % 4) for i in range(100)])
    assert certain.low == pytest.approx(wilson(1.0, 4)[0])


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no cases"):
        share(np.zeros(0, bool))


def test_a_gain_is_of_the_same_cases():
    # Half of the cases are hard, in both: the gain is known far better than either share.
    hard = np.arange(200) % 2 == 0
    before, after = ~hard & (np.arange(200) % 20 != 1), ~hard
    found = gain(before, after, [str(k // 20) for k in range(200)])
    assert found.value == pytest.approx(0.05)
    assert 0 < found.low <= found.value <= found.high < 0.06
    assert gain(after, before, [str(k // 20) for k in range(200)]).high < 0
    nothing = gain(after, after, [str(k // 20) for k in range(200)])
    assert nothing == Gain(0.0, 0.0, 0.0)


def test_a_gain_in_few_places_or_one_alone_is_not_sure():
    before, after = np.zeros(40, bool), np.ones(40, bool)
    assert gain(before, after, [str(k // 10) for k in range(40)]) == Gain(1.0, -1.0, 1.0)
    assert gain(before, after, [str(k // 8) for k in range(40)]).low == 1.0
    one = np.arange(200) < 20
    assert gain(np.zeros(200, bool), one, [str(k // 20) for k in range(200)]).low == 0.0
    with pytest.raises(ValueError, match="no cases"):
        gain(before[:0], after[:0], [])


def test_ranks_count_the_wrong_ones_before_the_first_right_one():
    similarity = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.9, 0.5, 0.1]])
    relevant = np.array([[True, False, False], [False, False, True], [False, False, False]])
    assert ranks(similarity, relevant).tolist() == [0, 2, -1]


def test_a_space_where_all_is_the_same_finds_nothing():
    assert (ranks(np.ones((4, 4)), np.eye(4, dtype=bool)) == 3).all()


def test_chance_is_what_drawing_without_looking_gives():
    relevant = np.array([[True, True, False, False]])
    assert chance(relevant, 1) == pytest.approx(1 / 2)
    assert chance(relevant, 2) == pytest.approx(1 - 2 / 4 * 1 / 3)
    assert chance(relevant, 10) == 1.0


def clouds(classes: int, each: int, spread: float, dim: int = 16) -> Side:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(classes, dim))
    rows = np.repeat(centres, each, axis=0) + spread * rng.normal(size=(classes * each, dim))
    items = [Item("audio", "", f"c{i // each}", f"s{i}") for i in range(classes * each)]
    return Side(items, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))


def test_a_probe_learns_what_is_apart_and_not_what_is_not():
    apart, noise = clouds(4, 10, 0.3), clouds(4, 10, 100.0)
    classes = np.repeat(np.arange(4), 10)
    for side, good in ((apart, True), (noise, False)):
        weight = fit_probe(side.vectors[::2], classes[::2], 4)
        right = (probe(weight, side.vectors[1::2]) == classes[1::2]).mean()
        assert (right > 0.95) == good


def test_a_probe_is_the_optimum_of_its_loss():
    side, classes = clouds(3, 8, 1.0), np.repeat(np.arange(3), 8)
    weight = fit_probe(side.vectors, classes, 3)
    shuffled = np.random.default_rng(1).permutation(24)
    again = fit_probe(side.vectors[shuffled], classes[shuffled], 3)
    np.testing.assert_allclose(weight, again, atol=0.02)


def test_shots_are_drawn_from_what_is_allowed_only():
    classes = np.repeat([0, 1], 5)
    allowed = np.arange(10) % 2 == 0
    rows = draw_shots(classes, allowed, 2, np.random.default_rng(0))
    assert len(rows) == 4
    assert allowed[rows].all()
    assert draw_shots(classes, allowed, None, np.random.default_rng(0)).tolist() == [0, 2, 4, 6, 8]


def test_more_examples_are_worth_more():
    side = clouds(5, 12, 1.2)
    folds = {item.source: str(i % 3) for i, item in enumerate(side.items)}
    one, all_of_them = (few_shot("real", side, shots, folds)[0] for shots in (1, None))
    assert one.value < all_of_them.value
    assert (one.task, all_of_them.task) == ("1-shot", "linear probe")
    assert one.cases == 5 * all_of_them.cases
    assert one.chance == pytest.approx(0.2)


def test_zero_shot_names_its_worst_class():
    side = clouds(3, 4, 0.0)
    labels = Side([Item("text", k, k, "") for k in ("c0", "c1", "c2")], side.vectors[::4].copy())
    labels.vectors[2] = -labels.vectors[2]
    accuracy, worst = zero_shot("simulated", side, labels)
    assert accuracy.value == pytest.approx(2 / 3)
    assert (worst.measure, worst.value) == ("recall of c2 (worst)", 0.0)
    assert accuracy.kind == "simulated"


def test_retrieval_finds_what_belongs_together():
    side = clouds(12, 1, 0.0)
    found = retrieval("real", side, side, 0, together=False)
    assert [(figure.measure, figure.value) for figure in found] == [("R@1", 1), ("R@5", 1), ("R@10", 1)]
    assert found[0].chance == pytest.approx(1 / 12)
    assert found[0].together is False
    others = Side([item._replace(key=f"x{item.key}") for item in side.items], side.vectors)
    assert retrieval("real", side, others, 0) == []


def test_no_fold_is_tested_with_examples_of_its_own():
    noise = clouds(4, 10, 100.0, dim=64)
    folds = {item.source: str(i % 2) for i, item in enumerate(noise.items)}
    assert few_shot("real", noise, None, folds)[0].value < 0.6
