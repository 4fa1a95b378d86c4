"""The laws of events, whatever the scores: they alternate, never overlap, and keep their thresholds."""

import json
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sixsense.encoders.card import Background, ModelCard
from sixsense.encoders.embedding import Embedding
from sixsense.fusion.combine import combine
from sixsense.fusion.fused import Match
from sixsense.fusion.match import Matcher
from sixsense.fusion.query import Query, Standing
from sixsense.fusion.rule import InputRule
from sixsense.fusion.tick import Tick
from sixsense.sensors.sample import NS

HOP_NS = 250_000_000
CARD = ModelCard(
    name="toy",
    space_id="toy",
    dim=2,
    trained=False,
    modalities=("vision",),
    windows={},
    means={},
    backgrounds={"text/vision": Background(mean=0.0, deviation=0.1)},
)
RULES = {"cam": InputRule(modality="vision", limit_ns=HOP_NS)}
# Half a point away from every threshold, so that rounding decides nothing.
SCORES = st.lists(st.sampled_from([None, 0.5, 2.5, 4.5, 8.5]), min_size=1, max_size=40)
QUERIES = st.builds(
    Query,
    name=st.just("q"),
    on=st.sampled_from([3.0, 4.0]),
    off=st.sampled_from([1.0, 3.0]),
    min_s=st.sampled_from([0.0, 0.25, 1.0]),
    hold_s=st.sampled_from([0.0, 0.25, 1.0]),
)


def tick(stamp_ns: int, score: float | None) -> Tick:
    if score is None:
        return Tick(stamp_ns, "complete", {})
    vector = np.array([score / 10, (1 - (score / 10) ** 2) ** 0.5], np.float32)
    seen = Embedding(
        input="cam",
        modality="vision",
        epoch=0,
        seq=stamp_ns // HOP_NS,
        index=0,
        start_ns=stamp_ns - HOP_NS,
        end_ns=stamp_ns,
        ranges=(),
        quality=1.0,
        space_id="toy",
        vector=vector,
    )
    return Tick(stamp_ns, "complete", {"cam": seen})


def watching(query: Query) -> Matcher:
    matcher = Matcher(CARD)
    vector = np.array([1, 0], np.float32)
    matcher.set_queries(
        [Standing(query=query, mix=(("text", 1.0),), space_id="toy", vector=vector)], from_ns=0
    )
    return matcher


def run(matcher: Matcher, scores: dict[int, float | None]) -> list[Match]:
    ticks = [tick(stamp_ns, score) for stamp_ns, score in scores.items()]
    fused = [combine(one, RULES, CARD, epoch=0, seq=0) for one in ticks]
    return [match for one, vector in zip(ticks, fused, strict=True) for match in matcher.match(one, vector)]


def at_ticks(scores: list[float | None]) -> dict[int, float | None]:
    return {index * HOP_NS: score for index, score in enumerate(scores)}


@given(scores=SCORES, query=QUERIES)
@settings(max_examples=200, deadline=None)
def test_events_alternate_and_keep_their_thresholds(scores, query):
    seen = at_ticks(scores)
    matcher = watching(query)
    told = [*run(matcher, seen), *matcher.finish(max(seen))]
    events = {number: [one for one in told if one.event == number] for number in {one.event for one in told}}
    assert [one.event for one in told] == sorted(one.event for one in told)
    assert sorted(events) == list(range(1, len(events) + 1))
    for event in events.values():
        assert [one.phase for one in event] == ["begin", *["update"] * (len(event) - 2), "end"]
        check_event(event[0], event[-1], seen, query)
    ends = [(event[0].begin_ns, event[-1].stamp_ns) for _, event in sorted(events.items())]
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ends))


def check_event(begin: Match, end: Match, seen: dict[int, float | None], query: Query) -> None:
    assert (seen[begin.begin_ns] or 0) >= query.on
    assert (seen[end.last_ns] or 0) >= query.off
    assert begin.stamp_ns - begin.begin_ns >= query.min_s * NS
    assert end.last_ns - end.begin_ns >= query.min_s * NS
    below_ns = None
    for stamp_ns in range(begin.begin_ns, end.stamp_ns, HOP_NS):
        held = (seen[stamp_ns] or 0) >= query.off
        below_ns = None if held else stamp_ns if below_ns is None else below_ns
        assert below_ns is None or stamp_ns - below_ns < query.hold_s * NS, "it should have ended here"


@given(scores=SCORES, query=QUERIES)
@settings(max_examples=200, deadline=None)
def test_every_rise_that_lasts_is_told(scores, query):
    seen = at_ticks(scores)
    matcher = watching(query)
    told = [*run(matcher, seen), *matcher.finish(max(seen))]
    inside = [(one.begin_ns, one.stamp_ns) for one in told if one.phase == "end"]
    for stamp_ns, score in seen.items():
        if score is not None and score >= query.on and query.min_s == 0:
            assert any(begin <= stamp_ns <= end for begin, end in inside)


@given(scores=SCORES, query=QUERIES, cut=st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_a_restart_between_two_ticks_changes_no_event(scores, query, cut):
    seen = list(at_ticks(scores).items())
    whole = run(watching(query), dict(seen))
    before = watching(query)
    told = run(before, dict(seen[:cut]))
    after = watching(query)
    after.restore(json.loads(json.dumps(before.state())))
    told += run(after, dict(seen[cut:]))
    assert [replace(one, seq=0) for one in told] == [replace(one, seq=0) for one in whole]
