"""Whatever the delays, drift and steps, another machine's clock is known within the published uncertainty."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sixsense.sensors.clock_offset import BURST, EVERY_NS, ClockOffset, Probe, Slewed
from sixsense.sensors.sample import NS

MS = 1_000_000
milliseconds = st.floats(0, 200).map(lambda ms: round(ms * MS))


class Other:
    """A clock that is off, drifts and steps, as a function of the run's timeline."""

    def __init__(self, offset_ns: int, ppm: float, step_at_ns: int = 1 << 62, step_ns: int = 0) -> None:
        self._offset_ns, self._ppm, self._step_at_ns, self._step_ns = offset_ns, ppm, step_at_ns, step_ns

    def at(self, run_ns: int) -> int:
        step_ns = self._step_ns if run_ns >= self._step_at_ns else 0
        return run_ns - self._offset_ns + round(run_ns * self._ppm * 1e-6) + step_ns


def burst(other: Other, at_ns: int, delays: list[tuple[int, int]]) -> list[Probe]:
    """Probes one after the other, each answered 20 us after it came."""
    probes: list[Probe] = []
    for there_ns, back_ns in delays:
        came_ns = at_ns + there_ns
        done_ns = came_ns + 20_000 + back_ns
        probes.append(Probe(at_ns, other.at(came_ns), other.at(came_ns + 20_000), done_ns))
        at_ns = done_ns
    return probes


@example([[(0, 0)]], 0, 26.0, 0, 0, 0)
@settings(max_examples=100, deadline=None)
@given(
    bursts=st.lists(st.lists(st.tuples(milliseconds, milliseconds), min_size=1, max_size=BURST), max_size=40),
    offset_ns=st.integers(-(10**18), 10**18),
    ppm=st.floats(-190, 190),
    step_at_ns=st.integers(0, 80 * NS),
    step_ns=st.sampled_from([0, 0, 3 * MS, -40 * MS, NS, -(3600 * NS)]),
    later_ns=st.integers(0, 10 * NS),
)
def test_the_error_is_within_the_uncertainty(bursts, offset_ns, ppm, step_at_ns, step_ns, later_ns) -> None:
    other, clock, end_ns = Other(offset_ns, ppm, step_at_ns, step_ns), ClockOffset(), 0
    assert clock.at(0) is None
    for number, delays in enumerate(bursts):
        probes = burst(other, number * EVERY_NS, delays)
        clock.add(probes)
        end_ns = probes[-1].t3
        if number * EVERY_NS <= step_at_ns <= end_ns + later_ns and step_ns:
            # Nobody can know of a step in the middle of a burst, or after the newest.
            continue
        run_ns = end_ns + later_ns
        estimate = clock.at(other.at(run_ns))
        assert estimate is not None
        assert abs(run_ns - other.at(run_ns) - estimate.offset_ns) <= estimate.uncertainty_ns


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("ppm", [0.0, 50.0, -120.0])
def test_twenty_give_or_take_five_milliseconds_are_known_to_two(seed: int, ppm: float) -> None:
    rng, other, clock = random.Random(seed), Other(-(10**12), ppm), ClockOffset()
    errors = [simulated(rng, other, clock, number, 0) for number in range(40)]
    assert max(errors[20:]) <= 2 * MS


@pytest.mark.parametrize("seed", range(20))
def test_ways_that_differ_by_ten_milliseconds_stay_within_the_uncertainty(seed: int) -> None:
    rng, other, clock = random.Random(seed), Other(5 * NS, 30.0), ClockOffset()
    errors = [simulated(rng, other, clock, number, 10 * MS) for number in range(20)]
    assert 3 * MS < errors[-1] < 7 * MS


def simulated(rng: random.Random, other: Other, clock: ClockOffset, number: int, more_ns: int) -> int:
    """One burst over 20 ms +- 5 ms each way, `more_ns` longer there; the error a second later."""
    ways = [
        (round(rng.uniform(15, 25) * MS) + more_ns, round(rng.uniform(15, 25) * MS)) for _ in range(BURST)
    ]
    probes = burst(other, number * EVERY_NS, ways)
    clock.add(probes)
    run_ns = probes[-1].t3 + NS
    estimate = clock.at(other.at(run_ns))
    assert estimate is not None
    error_ns = abs(run_ns - other.at(run_ns) - estimate.offset_ns)
    assert error_ns <= estimate.uncertainty_ns
    return error_ns


def test_a_step_is_followed_with_the_next_burst() -> None:
    other, clock = Other(0, 20.0, step_at_ns=31 * NS, step_ns=-NS), ClockOffset()
    for number in range(17):
        clock.add(burst(other, number * EVERY_NS, [(MS, MS)] * BURST))
    run_ns = 33 * NS
    estimate = clock.at(other.at(run_ns))
    assert estimate is not None
    assert abs(run_ns - other.at(run_ns) - estimate.offset_ns) < MS


def test_drift_is_measured() -> None:
    other, clock = Other(0, 80.0), ClockOffset()
    for number in range(20):
        clock.add(burst(other, number * EVERY_NS, [(MS, MS)] * BURST))
    estimate = clock.at(other.at(40 * NS))
    assert estimate is not None
    assert estimate.drift_ppm == pytest.approx(-80, abs=1)


@given(steps=st.lists(st.tuples(st.integers(0, NS), st.integers(-10 * MS, 10 * MS)), min_size=1, max_size=50))
def test_stamps_keep_their_order_while_the_offset_is_followed(steps: list[tuple[int, int]]) -> None:
    slewed, at_ns, before_ns = Slewed(), 0, None
    for later_ns, wanted_ns in steps:
        at_ns += later_ns
        converted_ns = at_ns + slewed.offset_ns(at_ns, wanted_ns)
        assert before_ns is None or converted_ns >= before_ns
        before_ns = converted_ns


def test_a_small_correction_takes_time_and_a_step_none() -> None:
    slewed = Slewed()
    assert slewed.offset_ns(0, 1000 * MS) == 1000 * MS
    assert slewed.offset_ns(NS, 1010 * MS) == 1000 * MS + NS // 2000
    assert slewed.offset_ns(2 * NS, 2000 * MS) == 2000 * MS
