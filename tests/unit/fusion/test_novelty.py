"""Novelty and disagreement: what a memory keeps, and the events that come of it."""

import numpy as np
import pytest
from msgspec.structs import replace
from sixsense.encoders.card import Background
from sixsense.fusion.combine import combine
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.engine import Fuser
from sixsense.fusion.errors import QueryError
from sixsense.fusion.fused import Fused, Labels, Match
from sixsense.fusion.match import Matcher
from sixsense.fusion.novelty import MOST, Memory
from sixsense.fusion.query import Query
from sixsense.fusion.score import background
from sixsense.fusion.tick import Tick
from sixsense.sensors.sample import NS

DIM = 64


def unit(rng: np.random.Generator) -> np.ndarray:
    vector = rng.standard_normal(DIM)
    return vector / np.linalg.norm(vector)


def test_a_full_memory_tells_apart_less_finely_and_forgets_nothing() -> None:
    rng = np.random.default_rng(1)
    memory, seen = Memory(DIM, 1.0), [unit(rng) for _ in range(3 * MOST)]
    for second, vector in enumerate(seen):
        memory.add(second * NS, vector)
        assert len(memory) <= MOST
    later_ns = (len(seen) + 20) * NS
    nearest = [memory.nearest(later_ns, vector, 1.0) for vector in seen]
    assert min(cosine for cosine in nearest if cosine is not None) > 0
    assert memory.saved().radius > 0.1
    beyond_ns = later_ns + 3600 * NS
    assert memory.nearest(beyond_ns, seen[0], 1.0) == -1
    memory.add(beyond_ns, seen[0])
    assert len(memory) == 1


def test_a_restored_memory_is_the_same_one_bit_for_bit() -> None:
    rng = np.random.default_rng(3)
    memory, other = Memory(DIM, 1.0), Memory(DIM, 1.0)
    for second in range(100):
        memory.add(second * NS, unit(rng))
    other.restore(memory.saved(), 100 * NS)
    vector = unit(rng)
    assert other.nearest(120 * NS, vector, 1.0) == memory.nearest(120 * NS, vector, 1.0)


def test_a_memory_that_does_not_fit_is_refused_and_a_later_runs_is_left_out() -> None:
    memory = Memory(DIM, 1.0)
    memory.add(100 * NS, unit(np.random.default_rng(2)))
    saved = memory.saved()
    for broken in (replace(saved, stamps=b"1"), replace(saved, leaders=b"12"), replace(saved, radius=-1.0)):
        with pytest.raises(QueryError, match="does not fit together"):
            Memory(DIM, 1.0).restore(broken, 200 * NS)
    other = Memory(DIM, 1.0)
    other.restore(saved, 99 * NS)
    assert len(other) == 0
    other.restore(saved, 100 * NS)
    assert len(other) == 1


def novelty(make, **fields):
    return compose(Query(name="new", asks="novelty", **fields), [], make.card())


def sensed(make, second, **heard):
    """A tick at that second: by input, its vector or (vector, quality)."""
    newest = {}
    for name, given in heard.items():
        vector, quality = given if isinstance(given, tuple) else (given, 1.0)
        newest[name] = make.embedding(
            name, second * 1000, vector, modality={"mic": "audio"}.get(name, "vision"), quality=quality
        )
    return Tick(second * NS, "complete", newest)


def told(make, matcher, ticks):
    rules = {"mic": make.rule("audio"), "cam": make.rule(), "cam2": make.rule()}
    return [
        match
        for tick in ticks
        for match in matcher.match(tick, combine(tick, rules, make.card(), epoch=0, seq=0))
    ]


def matcher_of(make, *standing):
    matcher = Matcher(make.card(), inputs={"cam": "vision", "mic": "audio"})
    matcher.set_queries(standing, from_ns=0)
    return matcher


def test_what_was_not_heard_for_hours_begins_an_event_and_is_known_ten_seconds_later(make) -> None:
    matcher = matcher_of(make, novelty(make, modalities=("audio",), hours=0.5))
    hum, bell = make.towards(1), make.towards(0, 1)
    usual = [sensed(make, s, mic=hum) for s in range(1, 100)]
    assert told(make, matcher, usual) == []
    begin, *_, end = told(
        make, matcher, [*(sensed(make, s, mic=bell) for s in range(100, 120)), sensed(make, 120, mic=hum)]
    )
    assert (begin.phase, begin.stamp_ns, begin.query) == ("begin", 100 * NS, "new")
    assert (begin.input, begin.modalities, begin.cosine) == ("mic", ("audio",), pytest.approx(0, abs=1e-6))
    assert begin.score == pytest.approx(10, abs=1e-5)
    assert (end.phase, end.last_ns) == ("end", 109 * NS)
    assert told(make, matcher, [sensed(make, s, mic=bell) for s in range(130, 140)]) == []
    quiet = [sensed(make, s, mic=hum) for s in range(140, 140 + 1800)]
    assert told(make, matcher, quiet) == []
    (again,) = told(make, matcher, [sensed(make, 1950, mic=bell)])
    assert (again.phase, again.event) == ("begin", 2)


def test_nothing_is_new_at_the_start_nor_what_cannot_be_heard_well(make) -> None:
    matcher = matcher_of(make, novelty(make, modalities=("audio",)))
    vectors = [make.towards(1), make.towards(0, 1), make.towards(0, 0, 1), make.towards(0, 0, 0, 1)]
    assert told(make, matcher, [sensed(make, s, mic=vectors[s % 3]) for s in range(1, 61)]) == []
    assert told(make, matcher, [sensed(make, s, mic=(vectors[3], 0.4)) for s in range(61, 80)]) == []
    (begin,) = told(make, matcher, [sensed(make, 80, mic=(vectors[3], 0.6))])
    assert begin.phase == "begin"


def test_novelty_without_modalities_looks_at_each_and_survives_a_restart(make) -> None:
    first = matcher_of(make, novelty(make))
    usual = [sensed(make, s, mic=make.towards(1), cam=make.towards(0, 1)) for s in range(1, 80)]
    told(make, first, usual)
    second = matcher_of(make, novelty(make))
    second.restore_background(first.background())
    assert second.background().memories == first.background().memories != {}
    last = sensed(make, 80, mic=make.towards(1), cam=make.towards(0, 0, 1))
    (begin,) = told(make, second, [last])
    assert (begin.phase, begin.modalities) == ("begin", ("vision",))
    assert told(make, first, [last]) == [begin]


def test_novelty_asks_for_no_terms_and_for_sensible_hours(make) -> None:
    with pytest.raises(QueryError, match="has terms: leave them out"):
        compose(Query(name="new", asks="novelty"), [Part(1.0, "text", make.towards(1))], make.card())
    for hours in (0.0, -1.0, 1e9, float("nan")):
        with pytest.raises(QueryError, match="hours back"):
            matcher_of(make, novelty(make, hours=hours))
    with pytest.raises(QueryError, match="cannot be compared with text"):
        matcher_of(make, novelty(make, modalities=("text",)))
    assert background(make.card(), novelty(make), "text") is None


def apart(make, **fields):
    options = {"modalities": ("audio", "vision")} | fields
    return make.standing("dog", asks="disagreement", **options)


DOG, NOT = 6.0, 0.0


def test_heard_and_not_seen_is_a_disagreement(make) -> None:
    dog, no = make.scoring(DOG), make.scoring(NOT)
    matcher = matcher_of(make, apart(make))
    assert told(make, matcher, [sensed(make, 1, mic=dog, cam=dog), sensed(make, 2, mic=no, cam=dog)]) == []
    (begin,) = told(make, matcher, [sensed(make, 3, mic=dog, cam=no)])
    assert (begin.phase, begin.input, begin.modalities) == ("begin", "mic", ("audio",))
    assert begin.score == pytest.approx(6, abs=1e-5)


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"cam": (np.array([0, 1, 0, 0], np.float32), 0.3)},
        {"cam": np.array([0.35, 0.9367, 0, 0], np.float32)},
    ],
    ids=["absent", "dark", "half seen"],
)
def test_where_it_might_be_seen_nothing_is_said(make, others) -> None:
    matcher = matcher_of(make, apart(make))
    assert told(make, matcher, [sensed(make, s, mic=make.scoring(DOG), **others) for s in (1, 2, 3)]) == []


def test_one_of_two_cameras_that_sees_it_is_enough(make) -> None:
    matcher = matcher_of(make, apart(make))
    seen = sensed(make, 1, mic=make.scoring(DOG), cam=make.scoring(NOT), cam2=make.scoring(DOG))
    assert told(make, matcher, [seen]) == []


def test_being_far_below_the_background_adds_nothing(make) -> None:
    matcher = matcher_of(make, apart(make))
    seen = sensed(make, 1, mic=make.scoring(3.0), cam=make.scoring(-9.0))
    assert told(make, matcher, [seen]) == []


def test_a_disagreement_learns_where_it_is_told(make) -> None:
    matcher = matcher_of(make, apart(make, at_most_per_h=6.0))
    for second in range(1, 40):
        told(make, matcher, [sensed(make, second, mic=make.scoring(second % 7 / 4), cam=make.scoring(NOT))])
    assert matcher.hours()["dog"] > 0
    pairs = matcher.background().pairs
    assert (len(pairs["audio"]), len(pairs["vision"])) == (1, 0)


@pytest.mark.parametrize("modalities", [(), ("audio",), ("audio", "fused"), ("audio", "audio")])
def test_a_disagreement_is_between_two_modalities(make, modalities) -> None:
    with pytest.raises(QueryError, match=r"disagree|name each modality once"):
        matcher_of(make, apart(make, modalities=modalities))


def test_the_other_queries_are_not_touched(make) -> None:
    card = make.card(
        backgrounds={f"text/{m}": Background(mean=0.0, deviation=0.1) for m in ("audio", "vision")}
    )
    plain = make.standing("plain", modalities=("audio",))
    alone, among = Matcher(card), Matcher(card)
    alone.set_queries([plain], from_ns=0)
    among.set_queries([plain, apart(make), novelty(make)], from_ns=0)
    ticks = [sensed(make, s, mic=make.scoring(5.0), cam=make.scoring(NOT)) for s in (1, 2)]
    mine = [replace(one, seq=0) for one in told(make, among, ticks) if one.query == "plain"]
    assert mine == [replace(one, seq=0) for one in told(make, alone, ticks)] != []


def test_a_snapshot_has_all_that_odd_queries_go_on_from(make) -> None:
    rules = {"mic": make.rule("audio"), "cam": make.rule()}

    def fuser() -> Fuser:
        return Fuser(make.card(), rules, hop_ns=NS, deadline_ns=None, epoch=1)

    def heard(one: Fuser, seconds: range) -> list[Fused | Labels | Match]:
        told = []
        for second in seconds:
            mic = make.scoring(DOG) if second % 40 > 35 else make.towards(0, 1)
            told += one.feed(make.embedding("mic", second * 1000, mic, modality="audio"))
            told += one.feed(make.embedding("cam", second * 1000, make.towards(0, 0, 1)))
            told += [
                *one.feed(make.progress("mic", second * 1000)),
                *one.feed(make.progress("cam", second * 1000)),
            ]
        return told

    first, second = fuser(), fuser()
    first.set_queries([novelty(make, hours=1 / 60), apart(make)])
    heard(first, range(1, 118))
    second.resume(first.snapshot())
    rest = [heard(one, range(118, 260)) for one in (first, second)]
    matches = [[replace(one, seq=0) for one in told if isinstance(one, Match)] for told in rest]
    assert matches[0] == matches[1]
    assert {(one.query, one.phase) for one in matches[0]} >= {("dog", "begin"), ("dog", "end")}
