"""Labels: probabilities that sum to one, "none of these", and when they are told."""

import numpy as np
import pytest
from sixsense.encoders.card import Background
from sixsense.fusion.combine import combine
from sixsense.fusion.engine import Fuser
from sixsense.fusion.errors import QueryError
from sixsense.fusion.fused import Labels
from sixsense.fusion.labels import Labeller, LabelTable
from sixsense.fusion.tick import Tick


def table(make, *vectors, target="vision", **fields):
    rows = vectors or (make.towards(1), make.towards(0, 1))
    basics = {"name": "things", "labels": ("cat", "dog", "cup")[: len(rows)], "vectors": np.stack(rows)}
    return LabelTable(target=target, **(basics | fields))


def card_of(make, **fields):
    pairs = {f"text/{m}": Background(mean=0.0, deviation=0.1) for m in ("vision", "audio", "fused")}
    return make.card(**({"backgrounds": pairs} | fields))


def tell(make, labeller, stamp_ms, card=None, **seen):
    rules = {"cam": make.rule(), "cam2": make.rule(), "mic": make.rule("audio")}
    newest = {}
    for name, given in seen.items():
        vector, quality = given if isinstance(given, tuple) else (given, 1.0)
        modality = {"mic": "audio"}.get(name, "vision")
        newest[name] = make.embedding(name, stamp_ms, vector, modality=modality, quality=quality)
    tick = Tick(stamp_ms * make.MS, "complete", newest)
    return labeller.tell(tick, combine(tick, rules, card or card_of(make), epoch=0, seq=0))


def answer(make, labeller, vector, card=None):
    (told,) = tell(make, labeller, 1000, card, cam=vector)
    return told.answers[0]


def test_the_likeliest_come_first_and_all_shares_sum_to_one(make) -> None:
    rows = [make.towards(1), make.towards(0, 1), make.towards(0, 0, 1)]
    one = answer(
        make, Labeller(card_of(make), [table(make, *rows)], hop_ns=make.HOP_NS), make.towards(0.2, 0.9)
    )
    assert [likely.label for likely in one.best] == ["dog", "cat", "cup"]
    assert sum(likely.share for likely in one.best) + one.none == pytest.approx(1)
    assert one.best[0].share > 0.99
    assert one.best[0].cosine == pytest.approx(0.9 / np.sqrt(0.85), abs=1e-6)
    assert not one.calibrated


def test_shares_are_a_softmax_at_the_cards_temperature(make) -> None:
    card = card_of(make, temperatures={"vision": 0.5})
    one = answer(make, Labeller(card, [table(make)], hop_ns=make.HOP_NS), make.towards(0.6, 0.8), card)
    assert one.calibrated
    assert one.best[0].share / one.best[1].share == pytest.approx(np.exp(0.2 / 0.5), rel=1e-5)


def test_what_is_like_no_label_is_none_of_them(make) -> None:
    labeller = Labeller(card_of(make), [table(make)], hop_ns=make.HOP_NS)
    assert answer(make, labeller, make.towards(0, 0, 1)).none > 0.9
    # Two labels on background: with 1 in 20 the better is above 1.955 deviations.
    level = 0.1955
    edge = answer(make, labeller, make.towards(level, 0, np.sqrt(1 - level**2)))
    assert edge.none == pytest.approx(edge.best[0].share, rel=0.01)


def test_on_background_the_best_label_beats_none_one_time_in_twenty(make) -> None:
    rng = np.random.default_rng(4)
    dim, count = 256, 40
    rows = rng.standard_normal((count, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    card = make.card(dim=dim, backgrounds={"text/vision": Background(mean=0.0, deviation=dim**-0.5)})
    names = tuple(map(str, range(count)))
    labels = LabelTable(name="n", target="vision", labels=names, vectors=rows.astype(np.float32))
    labeller, beaten = Labeller(card, [labels], hop_ns=make.HOP_NS), 0
    for _ in range(1000):
        noise = rng.standard_normal(dim)
        one = answer(make, labeller, (noise / np.linalg.norm(noise)).astype(np.float32), card)
        beaten += one.best[0].share > one.none
    assert 25 <= beaten <= 80


def test_they_are_told_when_they_are_due_and_numbered_by_set(make) -> None:
    tables = [table(make), table(make, name="slow", every_ns=2_000 * make.MS)]
    labeller = Labeller(card_of(make), tables, hop_ns=make.HOP_NS)
    told = [one for k in range(1, 17) for one in tell(make, labeller, k * 250, cam=make.towards(1))]
    assert [(one.name, one.seq, one.stamp_ns // make.MS) for one in told] == [
        ("things", 0, 1000),
        ("things", 1, 2000),
        ("slow", 0, 2000),
        ("things", 2, 3000),
        ("things", 3, 4000),
        ("slow", 1, 4000),
    ]


def test_each_target_has_its_answer_and_inputs_of_a_modality_count_by_their_weight(make) -> None:
    tables = [table(make, target=target) for target in ("vision", "audio", "fused")]
    labeller = Labeller(card_of(make), tables, hop_ns=make.HOP_NS)
    cat, dog = make.towards(1), make.towards(0, 1)
    (told,) = tell(make, labeller, 1000, cam=(cat, 0.9), cam2=(dog, 0.3), mic=dog)
    assert [(one.target, one.best[0].label) for one in told.answers] == [
        ("vision", "cat"),
        ("audio", "dog"),
        ("fused", "dog"),
    ]
    (blind,) = tell(make, labeller, 2000, cam=(cat, 0.0), mic=dog)
    assert [one.target for one in blind.answers] == ["audio", "fused"]
    assert tell(make, labeller, 3000) == []


def test_the_modality_gap_is_removed_on_both_sides(make) -> None:
    gap, off = make.towards(0, 0, 1), make.towards(0, 0, 0, 1)
    card = card_of(make, means={"text": off * np.float32(0.8), "vision": gap * np.float32(0.9)})
    cat, dog = make.towards(0.2, 0, 0, 0.9), make.towards(0, 0.2, 0, 0.9)
    labeller = Labeller(card, [table(make, cat, dog)], hop_ns=make.HOP_NS)
    one = answer(make, labeller, make.towards(0.1, 0, 0.99), card)
    assert (one.best[0].label, one.best[0].cosine > 0.5) == ("cat", True)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"target": "smell"}, "cannot compare texts with smell"),
        ({"target": "text"}, "cannot compare texts with text"),
        ({"labels": ("cat",)}, "1 labels with 2 vectors"),
        ({"labels": (), "vectors": np.zeros((0, 4), np.float32)}, "0 labels"),
        ({"vectors": np.full((2, 4), np.nan, np.float32)}, "the vector of 'cat' has 4 values"),
        ({"vectors": np.zeros((2, 3), np.float32)}, "the vector of 'cat' is float32"),
    ],
)
def test_what_cannot_be_answered_is_refused(make, fields, why) -> None:
    with pytest.raises(QueryError, match=why):
        Labeller(card_of(make), [table(make, **fields)], hop_ns=make.HOP_NS)


def test_the_fuser_tells_them_after_the_tick(make) -> None:
    rules = {"cam": make.rule()}
    tables = [table(make, every_ns=make.HOP_NS)]
    fuser = Fuser(card_of(make), rules, hop_ns=make.HOP_NS, deadline_ns=None, epoch=3, labels=tables)
    told = [*fuser.feed(make.embedding("cam", 250)), *fuser.feed(make.end("cam")), *fuser.finish()]
    assert [type(one).__name__ for one in told] == ["Fused", "Labels"]
    assert isinstance(told[1], Labels)
    assert (told[1].epoch, told[1].stamp_ns) == (3, make.HOP_NS)
