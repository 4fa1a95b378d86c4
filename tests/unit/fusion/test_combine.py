"""Combining: weights, shares, coverage, and the vector."""

import numpy as np
import pytest
from msgspec.structs import replace
from sixsense.fusion.combine import FRESHNESS_AT_LIMIT, combine
from sixsense.fusion.errors import FusionError
from sixsense.fusion.tick import Tick

TICK_MS = 1000


def fuse(make, embeddings, rules, card=None):
    tick = Tick(TICK_MS * make.MS, "complete", {one.input: one for one in embeddings})
    return combine(tick, rules, card or make.card(), epoch=3, seq=7)


def by_input(fused):
    return {part.input: part for part in fused.parts}


def test_weights_are_configured_weight_times_freshness_times_quality(make):
    rules = {"cam": make.rule(weight=2.0, limit_ms=1000), "mic": make.rule("audio", limit_ms=500)}
    embeddings = [make.embedding("cam", 500, quality=0.5), make.embedding("mic", 1000, modality="audio")]
    parts = by_input(fuse(make, embeddings, rules))
    assert parts["cam"].weight == pytest.approx(2.0 * (1 - 0.5 * (1 - FRESHNESS_AT_LIMIT)) * 0.5)
    assert parts["mic"].weight == 1.0
    assert parts["cam"].age_ns == 500 * make.MS
    assert sum(part.share for part in parts.values()) == pytest.approx(1)
    assert parts["cam"].share == pytest.approx(parts["cam"].weight / (1 + parts["cam"].weight))


def test_an_embedding_at_its_limit_keeps_the_least_freshness(make):
    rules = {"cam": make.rule(limit_ms=1000)}
    (part,) = fuse(make, [make.embedding("cam", 0)], rules).parts
    assert part.weight == pytest.approx(FRESHNESS_AT_LIMIT)


def test_two_cameras_weigh_as_much_as_the_better_one(make):
    rules = {"left": make.rule(), "right": make.rule(), "mic": make.rule("audio")}
    embeddings = [
        make.embedding("left", 1000, make.towards(1)),
        make.embedding("right", 1000, make.towards(0, 1), quality=0.5),
        make.embedding("mic", 1000, make.towards(0, 0, 1), modality="audio"),
    ]
    fused = fuse(make, embeddings, rules)
    shares = {name: part.share for name, part in by_input(fused).items()}
    assert shares == pytest.approx({"left": 1 / 3, "right": 1 / 6, "mic": 1 / 2})
    assert fused.vector == pytest.approx(make.towards(2, 1, 3), abs=1e-7)


def test_the_mean_of_a_modality_is_removed_before_vectors_meet(make):
    card = make.card(means={"vision": np.array([0.5, 0, 0, 0], np.float32)})
    vector = make.towards(0.5, 0.5)
    fused = fuse(make, [make.embedding("cam", 1000, vector)], {"cam": make.rule()}, card)
    assert fused.vector == pytest.approx(make.towards(vector[0] - 0.5, vector[1]), abs=1e-7)
    assert fused.vector.dtype == np.float32
    assert float(np.sum(fused.vector**2)) == pytest.approx(1)


def test_a_missing_sensor_lowers_coverage_only(make):
    rules = {"cam": make.rule(weight=1.0), "mic": make.rule("audio", weight=3.0)}
    camera = make.embedding("cam", 1000)
    whole = fuse(make, [camera, make.embedding("mic", 1000, modality="audio")], rules)
    alone = fuse(make, [camera], rules)
    assert (whole.coverage, alone.coverage) == (1.0, 0.25)
    assert alone.parts == (replace(by_input(whole)["cam"], share=1.0),)
    assert alone.vector == pytest.approx(camera.vector)


def test_a_tick_without_embeddings_has_no_vector_and_coverage_0(make):
    fused = fuse(make, [], {"cam": make.rule()})
    assert (fused.vector, fused.coverage, fused.parts) == (None, 0.0, ())
    assert (fused.epoch, fused.seq, fused.stamp_ns, fused.space_id) == (3, 7, TICK_MS * make.MS, "toy")


def test_a_window_worth_nothing_takes_no_part(make):
    fused = fuse(make, [make.embedding("cam", 1000, quality=0.0)], {"cam": make.rule(limit_ms=0)})
    assert (fused.vector, fused.coverage, fused.parts[0].share) == (None, 0.0, 0.0)


def test_vectors_that_cancel_out_have_no_direction(make):
    rules = {"cam": make.rule(), "mic": make.rule("audio")}
    opposed = [make.embedding("cam", 1000), make.embedding("mic", 1000, make.towards(-1), modality="audio")]
    assert fuse(make, opposed, rules).vector is None


def test_the_order_of_the_plan_and_of_arrival_changes_no_bit(make):
    generator = np.random.default_rng(0)
    names = [f"cam{index}" for index in range(7)]
    embeddings = [make.embedding(name, 990, make.towards(*generator.normal(size=4))) for name in names]
    forward = fuse(make, embeddings, {name: make.rule(weight=0.1) for name in names})
    backward = fuse(make, embeddings[::-1], {name: make.rule(weight=0.1) for name in names[::-1]})
    assert forward.vector.tobytes() == backward.vector.tobytes()
    assert forward.parts == backward.parts
    assert forward.coverage == backward.coverage


@pytest.mark.parametrize(("weight", "limit_ms"), [(-1.0, 10), (float("nan"), 10), (1.0, -1)])
def test_impossible_rules_are_refused(make, weight, limit_ms):
    with pytest.raises(FusionError, match="give it a finite weight and a limit"):
        make.rule(weight=weight, limit_ms=limit_ms)
