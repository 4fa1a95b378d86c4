"""Matching: what a query is compared with, and the events it makes."""

import numpy as np
import pytest
from matching import match, run, tick_of, told, watching
from sixsense.fusion.score import Bank


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


def test_finish_ends_what_is_open(make):
    matcher = watching(make, make.standing(), make.standing("long", min_s=5))
    run(make, matcher, [9, 9])
    assert told(make, matcher.finish(2 * make.HOP_NS)) == [("end", 2)]
    assert matcher.brief == 1
    assert matcher.finish(3 * make.HOP_NS) == []


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
