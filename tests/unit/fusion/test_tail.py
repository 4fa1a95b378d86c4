"""Tails: from some hours of peaks to the score that is reached so often an hour."""

import numpy as np
import pytest
from sixsense.encoders.tail import Tail
from sixsense.fusion.tail import FEWEST, fit_tail

NOBODY = np.inf


def drawn(shape: float, hours: float, seed: int, per_h: float = 250.0) -> np.ndarray:
    """Peaks of a background whose tail is generalised Pareto with scale 0.5 above 1."""
    survival = np.random.default_rng(seed).uniform(size=round(hours * per_h))
    excess = -np.log(survival) if shape == 0 else (survival**-shape - 1) / shape
    return 1 + 0.5 * excess


def fitted(peaks: np.ndarray, hours: float, bound: float = NOBODY) -> Tail:
    kept = peaks[peaks < bound]
    tail = fit_tail(kept, np.full(len(kept), bound), hours)
    assert tail is not None
    return tail


@pytest.mark.parametrize("shape", [-0.25, 0.0, 0.2])
@pytest.mark.parametrize("per_h", [60.0, 6.0])
def test_three_hours_tell_the_score_that_is_reached_so_often(shape: float, per_h: float) -> None:
    later = drawn(shape, 400, seed=99)
    rates = [np.sum(later >= fitted(drawn(shape, 3, seed=seed), 3).level(per_h)) / 400 for seed in range(20)]
    assert per_h / 1.5 < np.mean(rates) < per_h * 1.5


def test_peaks_that_were_left_out_as_events_do_not_shorten_the_tail() -> None:
    peaks = drawn(0.0, 6, seed=3)
    bound = fitted(peaks, 6).level(30)
    told, naive = (
        fitted(peaks, 6, bound),
        fit_tail(peaks[peaks < bound], np.full(10**6, NOBODY)[: np.sum(peaks < bound)], 6),
    )
    assert naive is not None
    assert told.rate(bound) == pytest.approx(30, rel=0.25)
    assert naive.rate(bound) < 20


def test_rate_and_level_are_each_others_inverse() -> None:
    for shape in (-0.2, 0.0, 0.3):
        tail = Tail(threshold=1.0, per_h=100.0, shape=shape, scale=0.5)
        for per_h in (90.0, 6.0, 0.1):
            assert tail.rate(tail.level(per_h)) == pytest.approx(per_h)
        assert tail.level(100.0) == tail.level(500.0) == 1.0
        assert tail.rate(0.5) == tail.rate(1.0) == 100.0
    assert Tail(threshold=1.0, per_h=100.0, shape=-0.5, scale=0.5).rate(2.5) == 0.0


def test_too_few_or_equal_peaks_give_no_tail() -> None:
    few = drawn(0.0, 1, seed=1)[: FEWEST * 2]
    assert fit_tail(few[: FEWEST - 1], np.full(FEWEST - 1, NOBODY), 1) is None
    assert fit_tail(few, np.full(len(few), NOBODY), 1) is None
    assert fit_tail(np.ones(500), np.full(500, NOBODY), 1) is None
    assert fit_tail(drawn(0.0, 3, seed=1), np.full(750, NOBODY), 0.0) is None
