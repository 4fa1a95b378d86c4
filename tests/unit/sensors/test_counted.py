from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.counted import GAP_NS, Chunk, Counted
from sixsense.sensors.steadied import Steadied

RATE, FRAMES, CHUNK_NS = 16_000, 320, 20_000_000
START = 1_000_000_000_000


def stamps(chunks: list[Chunk]) -> tuple[list[int], Counted]:
    counted = Counted(RATE)
    return [one.stamp_ns for chunk in chunks for one in counted.add(chunk)], counted


def chunk(sensed_ns: int, delay_ns: int, *, adc: bool = True, broken: bool = False) -> Chunk:
    arrived = sensed_ns + CHUNK_NS + delay_ns
    return Chunk(np.zeros((FRAMES, 1), np.int16), arrived, arrived - sensed_ns if adc else 0, broken)


def delays(count: int, least_ns: int = 0) -> list[int]:
    return (least_ns + np.random.default_rng(3).exponential(8e6, count)).astype(int).tolist()


def test_with_adc_times_stamps_are_when_it_sounded():
    came, _ = stamps([chunk(START + k * CHUNK_NS, d) for k, d in enumerate(delays(500, 30_000_000))])
    assert len(came) == 500
    assert np.abs(np.array(came) - START - np.arange(500) * CHUNK_NS).max() < 100_000


def test_without_them_samples_are_counted_and_jitter_is_not_seen():
    counted = Counted(RATE)
    given = [chunk(START + k * CHUNK_NS, d, adc=False) for k, d in enumerate(delays(500))]
    came = [one for piece in given for one in counted.add(piece)]
    assert {one.clock for one in came} == {"host"}
    error = np.array([one.stamp_ns for one in came]) - START - np.arange(500) * CHUNK_NS
    assert error.min() > -1_000_000
    assert error.max() < 5_000_000
    assert np.abs(np.diff(error)).max() < 50_000


def test_adc_times_that_are_made_up_are_not_believed():
    wandering = [
        piece._replace(age_ns=CHUNK_NS + 10_000_000 * (k % 7))
        for k, piece in enumerate(chunk(START + k * CHUNK_NS, 0) for k in range(50))
    ]
    counted = Counted(RATE)
    assert {one.clock for piece in wandering for one in counted.add(piece)} == {"host"}


@pytest.mark.parametrize("ppm", [-200, 80, 250])
def test_a_clock_that_drifts_is_followed(ppm: int):
    true = START + (np.arange(3000) * CHUNK_NS * (1 + ppm * 1e-6)).astype(np.int64)
    came, counted = stamps([chunk(int(t), d, adc=False) for t, d in zip(true, delays(3000), strict=True)])
    error = np.array(came) - true
    assert np.abs(error[500:]).max() < 3_000_000
    assert counted.lost == {"overrun": 0, "gap": 0, "early": 0}


def test_an_overrun_is_a_gap_in_the_stamps_and_counted():
    times = [START + k * CHUNK_NS + (k >= 50) * 300_000_000 for k in range(100)]
    came, counted = stamps([chunk(t, 0, broken=k == 50) for k, t in enumerate(times)])
    assert np.abs(np.array(came) - times).max() < 1_000
    assert counted.lost == {"overrun": 300 * RATE // 1000, "gap": 0, "early": 0}


def test_samples_that_vanish_without_a_word_are_found_by_the_clock():
    times = [START + k * CHUNK_NS + (k >= 100) * 200_000_000 for k in range(300)]
    came, counted = stamps([chunk(t, 0) for t in times])
    assert counted.lost["gap"] == pytest.approx(200 * RATE / 1000, rel=0.02)
    assert abs(came[-1] - times[-1]) < 1_000_000
    assert max(np.diff(came)) > GAP_NS


def test_first_chunks_that_came_late_do_not_make_all_later_stamps_wrong():
    counted = Counted(RATE)
    given = [chunk(START + k * CHUNK_NS, max(0, 600_000_000 - k * CHUNK_NS), adc=False) for k in range(200)]
    came = [(one, piece.arrived_ns) for piece in given for one in counted.add(piece)]
    assert all(b.stamp_ns - a.stamp_ns >= CHUNK_NS * 0.998 - 1_000_000 for (a, _), (b, _) in pairwise(came))
    assert came[-1][0].stamp_ns == pytest.approx(START + 199 * CHUNK_NS, abs=1_000_000)
    assert sum(len(one.pcm) for one, _ in came) + counted.lost["early"] == 200 * FRAMES
    assert 0.3 * RATE < counted.lost["early"] < 0.7 * RATE


@given(
    st.lists(st.tuples(st.integers(0, 400_000_000), st.booleans(), st.booleans()), min_size=1, max_size=80)
)
def test_whatever_comes_stamps_rise_and_no_chunk_is_lost(given: list[tuple[int, bool, bool]]):
    counted, came = Counted(RATE), []
    for k, (delay, adc, broken) in enumerate(given):
        came += counted.add(chunk(START + k * CHUNK_NS, delay, adc=adc, broken=broken))
    came += counted.add(chunk(START + len(given) * CHUNK_NS, 0, broken=True))
    assert all(
        b.stamp_ns - a.stamp_ns >= len(a.pcm) * 1e9 / RATE - CHUNK_NS * 0.002 for a, b in pairwise(came)
    )
    told = sum(len(one.pcm) for one in came) + counted.lost["early"]
    assert told >= FRAMES * (len(given) - 10 * (not given[-1][2]))


def test_the_offset_is_the_promptest_readings():
    steadied, generator = Steadied(), np.random.default_rng(1)
    for k in range(600):
        steadied.learn(k * 33_000_000, START + k * 33_000_000 + int(generator.exponential(10e6)))
    assert steadied.host_ns(0) - START < 2_000_000
    assert abs(steadied.drift) < 50e-6
