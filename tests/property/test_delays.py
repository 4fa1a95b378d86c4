"""Delays between lists of events: recovered whatever is missing, added or noisy; refused where unclear."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.delays import MOST_DELAY_NS, TOLERANCE, UNIFORM, UnmatchedError, align, relative_delay
from sixsense.sensors.onsets import Onset

MS = 1e6
FRAME_NS = 1e9 / 30
SIGMA = {"audio": 1.5 * MS, "imu": 2 * MS, "vision": FRAME_NS / np.sqrt(12)}


def seen(true_ns: list[float], delay_ns: float, sigma_ns: float, chance) -> list[Onset]:
    """Events with errors as large as they are said to be, uniform as a frame's are."""
    width = sigma_ns * np.sqrt(12)
    return [Onset(t + delay_ns + width * (chance.random() - 0.5), sigma_ns) for t in true_ns]


# Uneven pauses, so that no other offset fits as well.
pauses = st.lists(st.integers(900, 3500), min_size=3, max_size=7, unique_by=lambda ms: ms // 120)
delays = st.floats(-0.9 * MOST_DELAY_NS, 0.9 * MOST_DELAY_NS)


@given(pauses, delays, st.integers(0, 2**32 - 1))
def test_the_delay_is_recovered(gaps: list[int], delay_ns: float, seed: int) -> None:
    chance, true_ns = np.random.default_rng(seed), list(np.cumsum(gaps) * MS)
    a = seen(true_ns, delay_ns, SIGMA["vision"], chance)
    found = relative_delay(a, seen(true_ns, 0, SIGMA["audio"], chance))
    assert found.events == len(gaps)
    assert (
        abs(found.ns - delay_ns) <= found.uncertainty_ns <= 2 * UNIFORM * (SIGMA["vision"] + SIGMA["audio"])
    )


@given(pauses, delays, st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(0, 4))
def test_missing_and_extra_events_do_no_harm_or_are_refused(
    gaps: list[int], delay_ns: float, seed: int, missing: int, extra: int
) -> None:
    chance, true_ns = np.random.default_rng(seed), list(np.cumsum(gaps) * MS)
    a = seen(true_ns[: max(3, len(gaps) - missing)], delay_ns, SIGMA["imu"], chance)
    b = seen(true_ns, 0, SIGMA["audio"], chance)
    b += [Onset(float(t), SIGMA["audio"]) for t in chance.uniform(0, true_ns[-1], extra)]
    try:
        found = relative_delay(a, sorted(b))
    except UnmatchedError:
        return
    assert abs(found.ns - delay_ns) <= TOLERANCE * np.hypot(SIGMA["imu"], SIGMA["audio"])


@given(st.integers(0, 2**32 - 1), delays)
def test_it_is_antisymmetric_and_moves_with_a_stream(seed: int, delay_ns: float) -> None:
    chance = np.random.default_rng(seed)
    true_ns = [1000 * MS, 2300 * MS, 4100 * MS]
    a, b = (seen(true_ns, d, SIGMA["audio"], chance) for d in (delay_ns, 0))
    one, other = relative_delay(a, b), relative_delay(b, a)
    assert (one.ns, one.uncertainty_ns, one.events) == (-other.ns, other.uncertainty_ns, other.events)
    later = relative_delay([Onset(o.t_ns + 5 * MS, o.sigma_ns) for o in a], b)
    assert later.ns == pytest.approx(one.ns + 5 * MS, abs=10)


@pytest.mark.parametrize("count", [3, 8])
def test_errors_that_are_not_bounded_are_covered_nearly_always(count: int) -> None:
    chance, inside = np.random.default_rng(count), 0
    for _ in range(200):
        true_ns = np.cumsum(chance.uniform(1, 3, count)) * 1e9
        wrong = [Onset(t + SIGMA["imu"] * chance.standard_normal(), SIGMA["imu"]) for t in true_ns]
        try:
            found = relative_delay(wrong, [Onset(t, 1.0) for t in true_ns])
        except UnmatchedError:
            inside += 1
            continue
        inside += abs(found.ns) <= found.uncertainty_ns
    assert inside >= 0.9 * 200


def test_what_keeps_step_with_the_frames_is_not_averaged_away() -> None:
    true_ns = [k * 500 * MS for k in range(8)]
    camera = [Onset(t + 0.4 * FRAME_NS, SIGMA["vision"]) for t in true_ns]
    found = relative_delay(camera, [Onset(t, SIGMA["audio"]) for t in true_ns])
    assert found.uncertainty_ns > 0.5 * FRAME_NS


def test_what_fits_two_ways_is_refused() -> None:
    regular = [Onset(k * 500 * MS, MS) for k in range(8)]
    with pytest.raises(UnmatchedError, match="fit 7 events alike"):
        relative_delay(regular[:7], regular)


@pytest.mark.parametrize(
    ("a_ms", "why"),
    [([], "0 and 3 events were noticed"), ([0, 1300], "2 and 3"), ([0, 700, 9000], "only [012] of 3 and 3")],
)
def test_too_few_in_common_is_refused(a_ms: list[int], why: str) -> None:
    b = [Onset(t * MS, MS) for t in (0, 1300, 3200)]
    with pytest.raises(UnmatchedError, match=why):
        relative_delay([Onset(t * MS, MS) for t in a_ms], b)


def test_a_delay_of_more_than_a_second_is_not_looked_for() -> None:
    b = [Onset(t * MS, MS) for t in (0, 3300, 7900)]
    with pytest.raises(UnmatchedError):
        relative_delay([Onset(one.t_ns + 1.1e9, MS) for one in b], b)


def test_streams_are_tied_over_the_most_certain_pairs() -> None:
    times = [0, 1300 * MS, 3200 * MS, 5000 * MS]
    found = {
        "camera": [Onset(t + 40 * MS, SIGMA["vision"]) for t in times],
        "imu": [Onset(t - 5 * MS, SIGMA["imu"]) for t in times],
        "microphone": [Onset(t, SIGMA["audio"]) for t in times],
    }
    kinds = {"camera": "vision", "imu": "imu", "microphone": "audio"}
    alignment = align(found, kinds)
    assert alignment.reference == "microphone"
    assert sorted(alignment.pairs) == [("camera", "imu"), ("camera", "microphone"), ("imu", "microphone")]
    assert {name: one.ns / MS for name, one in alignment.delays.items()} == pytest.approx(
        {"microphone": 0, "imu": -5, "camera": 40}
    )
    # A tap that the camera's microphone misses: it is tied over the inertial unit.
    deaf = {**found, "camera": [*found["camera"][:2], *(Onset(t, MS) for t in (7e9, 8.5e9, 9.1e9))]}
    deaf["imu"] = found["imu"] + [Onset(t.t_ns - 45 * MS, SIGMA["imu"]) for t in deaf["camera"][2:]]
    assert align(deaf, kinds).delays["camera"].ns / MS == pytest.approx(40, abs=1)


def test_a_stream_is_tied_over_one_that_comes_after_it() -> None:
    flashes, taps = [0, 1300 * MS, 3200 * MS], [6000 * MS, 7700 * MS, 10_200 * MS]
    found = {
        "microphone": [Onset(t, MS) for t in flashes],
        "imu": [Onset(t - 5 * MS, MS) for t in taps],
        "camera": [Onset(t + 40 * MS, MS) for t in (*flashes, *taps)],
    }
    alignment = align(found, {"camera": "vision", "imu": "imu", "microphone": "audio"})
    assert sorted(alignment.pairs) == [("camera", "imu"), ("camera", "microphone")]
    assert alignment.delays["imu"].ns / MS == pytest.approx(-5)
    assert alignment.delays["imu"].uncertainty_ns > alignment.delays["camera"].uncertainty_ns


def test_a_stream_that_shares_nothing_is_named() -> None:
    found = {"microphone": [Onset(k * k * 1e9, MS) for k in range(4)], "imu": []}
    with pytest.raises(UnmatchedError, match=r"imu cannot be compared with microphone: .*three times"):
        align(found, {"microphone": "audio", "imu": "imu"})
