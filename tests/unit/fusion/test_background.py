"""What a learner keeps of a background: declustered peaks without events, the same after any restart."""

import numpy as np
import pytest
from msgspec.structs import replace
from sixsense.fusion.background import ENOUGH_H, Learner
from sixsense.fusion.errors import QueryError
from sixsense.fusion.learnt import Learnt, decode_learnt, encode_learnt
from sixsense.sensors.sample import NS

TICK_NS = NS // 4
NAMES = ("dog", "rain", "alarm")
OPEN = np.full(3, np.inf)


def scores(seed: int, hours: float, count: int = 3) -> np.ndarray:
    """Correlated standard normal scores (ticks, count), like those of overlapping windows."""
    noise = np.random.default_rng(seed).standard_normal((round(hours * 3600 * 4) + 8, count))
    return sum(noise[i : len(noise) - 8 + i] for i in range(8)) / np.sqrt(8)


def feed(learner: Learner, rows: np.ndarray, first: int = 0, bound: np.ndarray = OPEN) -> Learner:
    for k, row in enumerate(rows, first):
        learner.observe(k * TICK_NS, row, bound, row < bound)
    return learner


def peaks(learner: Learner, name: str) -> np.ndarray:
    return np.frombuffer(learner.saved()[name].peaks, "<f4")


def test_peaks_are_five_seconds_apart_and_highest_there() -> None:
    row = np.array([0, 3, 1, 2, *[0] * 18, 5, 1, *[0] * 40], float)
    learner = Learner(["q"])
    for k, score in enumerate(row):
        learner.observe(k * TICK_NS, np.array([score]), np.array([np.inf]), np.array([True]))
    assert peaks(learner, "q")[:2].tolist() == [3.0, 5.0]


def test_what_is_inside_an_event_is_neither_peak_nor_time() -> None:
    calm, learner = scores(1, 0.05, 1), Learner(["q"])
    for k, score in enumerate(calm):
        inside = 200 <= k < 400
        learner.observe(k * TICK_NS, score + 50 * inside, np.array([10.0]), np.array([not inside]))
    kept = peaks(learner, "q")
    assert kept.max() < 10
    assert learner.hours[0] * 3600 == pytest.approx((len(calm) - 200) / 4, abs=6)
    assert np.frombuffer(learner.saved()["q"].bounds, "<f4").tolist() == [10.0] * len(kept)


def test_ticks_without_a_score_count_for_nothing() -> None:
    learner = feed(Learner(NAMES), np.full((2000, 3), -np.inf))
    assert learner.hours.tolist() == [0, 0, 0]
    assert learner.saved() == {}


def test_a_tail_comes_after_enough_background_and_holds() -> None:
    rows = scores(2, ENOUGH_H + 0.5)
    learner = feed(Learner(NAMES), rows[: round(2.9 * 3600 * 4)])
    assert learner.tails == [None] * 3
    feed(learner, rows[round(2.9 * 3600 * 4) :], first=round(2.9 * 3600 * 4))
    later = feed(Learner(NAMES), scores(3, 2.0))
    for name, tail in zip(NAMES, learner.tails, strict=True):
        assert tail is not None
        assert 0.4 < np.sum(peaks(later, name) >= tail.level(30)) / 60 < 2.5


def test_a_query_is_learnt_alike_whoever_stands_beside_it() -> None:
    rows = scores(4, 3.5)
    together = feed(Learner(NAMES), rows)
    alone = Learner(NAMES[1:2])
    for k, row in enumerate(rows):
        alone.observe(k * TICK_NS, row[1:2], OPEN[:1], np.array([True]))
    assert alone.saved()["rain"] == together.saved()["rain"]
    assert alone.tails[0] == together.tails[1] is not None


def test_a_restart_or_other_queries_lose_nothing() -> None:
    rows = scores(5, 3.4)
    half = len(rows) // 2
    whole = feed(Learner(NAMES), rows)
    first = feed(Learner(NAMES), rows[:half])
    second = Learner(["alarm", "new", "dog"])
    second.restore(decode_learnt(encode_learnt(Learnt(pairs={"audio": first.saved()}))).pairs["audio"])
    second = feed(second, rows[half:][:, [2, 1, 0]], first=half)
    for name in ("dog", "alarm"):
        assert second.saved()[name] == whole.saved()[name]
    changed = Learner(["alarm", "new", "dog"])
    changed.take(first)
    changed = feed(changed, rows[half:][:, [2, 1, 0]], first=half)
    assert changed.saved()["dog"] == whole.saved()["dog"]
    assert changed.hours[1] == pytest.approx((len(rows) - half) / 4 / 3600, abs=0.003)


def test_it_remembers_some_hours_and_no_more() -> None:
    learner = feed(Learner(["q"]), scores(6, 8.0, 1), bound=OPEN[:1])
    assert len(peaks(learner, "q")) == 2048
    assert 3.5 < learner.hours[0] < 7


def test_what_was_never_saved_is_refused() -> None:
    with pytest.raises(QueryError, match="cannot be read"):
        decode_learnt(b"\x93nothing")
    learner = feed(Learner(["q"]), scores(7, 0.1, 1), bound=OPEN[:1])
    pair = learner.saved()["q"]
    pair = replace(pair, peaks=pair.peaks[:-4])
    with pytest.raises(QueryError, match="does not fit"):
        Learner(["q"]).restore({"q": pair})


def test_a_clock_that_was_set_back_leaves_no_peak_waiting() -> None:
    learner = Learner(["q"])
    loud, calm, everybody = np.array([9.0]), np.array([0.0]), np.array([True])
    learner.observe(1000 * NS, loud, OPEN[:1], everybody)
    for k in range(60):
        learner.observe(10 * NS + k * TICK_NS, calm, OPEN[:1], everybody)
    assert peaks(learner, "q").tolist() == [0.0, 0.0]
    assert learner.hours[0] == pytest.approx(10 / 3600, abs=0.0003)
