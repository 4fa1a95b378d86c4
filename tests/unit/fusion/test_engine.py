"""The Fuser: order of what it tells, counts, refusals, restart."""

import json

import numpy as np
import pytest
from sixsense.fusion.engine import Fuser
from sixsense.fusion.errors import FusionError, QueryError
from sixsense.fusion.fused import Fused, Match


def fuser(make, deadline_ns=None, epoch=0):
    rules = {"cam": make.rule(), "mic": make.rule("audio")}
    return Fuser(make.card(), rules, hop_ns=make.HOP_NS, deadline_ns=deadline_ns, epoch=epoch)


def fed(fuser, *messages):
    return [said for message in messages for said in fuser.feed(message)]


def script(make, scores, first=1):
    """Vision embeddings with these scores at consecutive ticks, and the progress that closes them."""
    for index, score in enumerate(scores, first):
        yield make.embedding("cam", index * 250, make.scoring(score))
        yield make.progress("mic", index * 250)
        yield make.progress("cam", index * 250)


def test_the_fused_of_a_tick_comes_before_its_matches(make):
    fusing = fuser(make)
    assert fusing.set_queries([make.standing("b"), make.standing("a")]) == 0
    said = fed(fusing, *script(make, [9, 9, 1, 1, 1, 1]))
    assert [type(one).__name__ for one in said[:4]] == ["Fused", "Match", "Match", "Fused"]
    assert [one.seq for one in said if isinstance(one, Fused)] == list(range(6))
    assert [one.seq for one in said if isinstance(one, Match)] == list(range(4))
    assert [one.query for one in said if isinstance(one, Match)] == ["a", "b", "a", "b"]


def test_without_queries_only_fused_comes(make):
    assert {type(one) for one in fed(fuser(make), *script(make, [9, 9]))} == {Fused}


def test_a_query_takes_effect_at_the_next_tick(make):
    fusing = fuser(make)
    fed(fusing, *script(make, [9, 9]))
    assert fusing.set_queries([make.standing()]) == 3 * make.HOP_NS
    said = fed(fusing, *script(make, [9], first=3))
    assert [one.stamp_ns for one in said] == [3 * make.HOP_NS] * 2
    assert fusing.since_ns() == {"q": 3 * make.HOP_NS}


def test_finish_closes_ticks_and_events(make):
    fusing = fuser(make)
    fusing.set_queries([make.standing()])
    fed(fusing, make.embedding("cam", 250, make.scoring(9)))
    said = fusing.finish()
    assert [type(one).__name__ for one in said] == ["Fused", "Match", "Match"]
    assert [one.phase for one in said[1:]] == ["begin", "end"]
    assert fuser(make).finish() == []


def test_counts_tell_every_message_and_tick_by_cause(make):
    fusing = fuser(make, deadline_ns=100 * make.MS)
    fusing.set_queries([make.standing(), make.standing("brief", min_s=10)])
    fed(fusing, *script(make, [9, 1]), make.missing("mic", 500), make.missing("mic", 750, "tail"))
    fed(fusing, make.embedding("mic", 400, make.towards(0, 1), modality="audio"))
    fusing.due(2000 * make.MS)
    counts = fusing.counts()
    assert (counts.fused, counts.complete, counts.deadline, counts.empty) == (7, 2, 5, 1)
    assert (counts.first_ns, counts.last_ns) == (250 * make.MS, 1750 * make.MS)
    assert (counts.events, counts.brief) == (1, 1)
    assert (counts.embeddings, counts.late, counts.none) == (3, 1, {"short": 1, "tail": 1})
    counts.none["short"] = 9
    assert fusing.counts().none["short"] == 1


def test_a_dead_service_still_tells_live_ticks(make):
    fusing = fuser(make, deadline_ns=0)
    assert fusing.due_ns is None
    fed(fusing, make.embedding("cam", 250))
    assert fusing.due_ns == 250 * make.MS
    last = fusing.due(1500 * make.MS)[-1]
    assert (last.vector, last.coverage, last.closed) == (None, 0.0, "deadline")


def test_bad_messages_are_refused_counted_and_change_nothing(make):
    fusing = fuser(make)
    bad = {
        "input": (make.embedding("nose", 250), "'nose', but fusion was planned for cam, mic"),
        "modality": (make.embedding("mic", 250), "'mic' .* is vision, but the plan says audio"),
        "space": (make.embedding("cam", 250, space_id="other"), "of the space 'other', not 'toy'"),
        "vector": (
            make.embedding("cam", 250, np.full(4, np.nan, np.float32)),
            "4 values that are not finite",
        ),
        "quality": (make.embedding("cam", 250, quality=float("nan")), r"quality nan, not one in \[0, 1\]"),
    }
    for message, reason in bad.values():
        with pytest.raises(FusionError, match=reason):
            fusing.feed(message)
    with pytest.raises(FusionError, match="'nose'"):
        fusing.feed(make.missing("nose", 250))
    assert fusing.counts().refused == dict.fromkeys(bad, 1) | {"input": 2}
    assert (fusing.counts().embeddings, fusing.counts().none, fusing.finish()) == (0, {}, [])


def test_a_refused_query_leaves_the_queries_as_they_were(make):
    fusing = fuser(make)
    fusing.set_queries([make.standing()])
    with pytest.raises(QueryError):
        fusing.set_queries([make.standing(space_id="other")])
    assert [one.query for one in fed(fusing, *script(make, [9])) if isinstance(one, Match)] == ["q"]


def test_a_restarted_fuser_goes_on_after_the_last_tick(make):
    scores = [9] * 4 + [1] * 5
    fusing = fuser(make)
    fusing.set_queries([make.standing()])
    messages = list(script(make, scores))
    before = fed(fusing, *messages[:9])
    state = json.loads(json.dumps(fusing.state()))
    restarted = fuser(make, epoch=1)
    restarted.restore(state)
    restarted.set_queries([make.standing()])
    after = fed(restarted, *messages[6:])
    stamps = [one.stamp_ns for one in before + after if isinstance(one, Fused)]
    assert stamps == [index * make.HOP_NS for index in range(1, 10)]
    begin, end = (one for one in before + after if isinstance(one, Match) and one.phase != "update")
    assert (begin.event, begin.phase, end.event, end.phase) == (1, "begin", 1, "end")
    assert {one.epoch for one in after} == {1}


@pytest.mark.parametrize("state", [{}, {"last_ns": "x", "events": {}}, {"last_ns": 0, "events": {"q": 1}}])
def test_a_state_that_is_none_is_refused(make, state):
    with pytest.raises(FusionError, match="start without"):
        fuser(make).restore(state)


def test_the_state_of_a_run_without_ticks_starts_afresh(make):
    restarted = fuser(make)
    restarted.restore(fuser(make).state())
    assert [one.stamp_ns for one in fed(restarted, *script(make, [9], first=0))] == [0]
