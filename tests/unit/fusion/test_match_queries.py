"""Which queries a matcher watches: set, removed, changed, refused, and those of an earlier process."""

import json

import numpy as np
import pytest
from matching import run, told, watching
from sixsense.encoders.card import Background
from sixsense.fusion import known as known_module
from sixsense.fusion.errors import FusionError, QueryError
from sixsense.fusion.match import Matcher
from sixsense.fusion.score import targets


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


def test_what_a_query_is_compared_with_is_found_once_however_often_others_change(make, monkeypatch):
    found = []
    monkeypatch.setattr(known_module, "targets", lambda one, card: found.append(one) or targets(one, card))
    matcher = watching(make, make.standing("first"), make.standing("second", make.towards(1, 1)))
    for changes in range(5):
        more = [make.standing(f"{n}", make.towards(1, n + 2)) for n in range(changes)]
        again = [make.standing("first"), make.standing("second", make.towards(1, 1))]
        matcher.set_queries([*again, *more], from_ns=make.HOP_NS * (changes + 1))
        run(make, matcher, [0, 0], first=changes + 1)
    assert [one.query.name for one in found] == ["first", "second", "0", "1", "2", "3"]


def test_queries_of_the_same_meaning_keep_their_own_names(make):
    matcher = watching(make, make.standing("bell"), make.standing("ring"))
    assert matcher.looks().keys() == {"bell", "ring"}
    assert [one.query for one in run(make, matcher, [9])] == ["bell", "ring"]
