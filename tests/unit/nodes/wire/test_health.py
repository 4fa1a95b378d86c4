"""Losses, rhythm and age, from made-up times."""

import pytest
from sixsense.encoders.embedding import Missing
from sixsense.nodes.wire.health import (
    Ledger,
    Pulse,
    ServiceTime,
    age_when_published_ns,
    alive_limit_ns,
    published_ns,
)
from sixsense.nodes.wire.hello import Hello
from sixsense.sensors.sample import NS, Sample

MS = 1_000_000


def sample(stamp_ns: int, trace: dict[str, int]) -> Sample:
    values = {"stream": "a", "modality": "vision", "epoch": 1, "seq": 0, "item": 0, "encoding": "jpeg"}
    return Sample(data=None, stamp_ns=stamp_ns, trace=trace, **values)


@pytest.mark.parametrize(("rate_hz", "limit_s"), [(1, 3.0), (4, 0.75), (10, 0.4), (30, 1 / 3), (200, 0.05)])
def test_the_limit_is_three_periods_or_ten_up_to_0_4_s(rate_hz: float, limit_s: float) -> None:
    assert alive_limit_ns(rate_hz) == pytest.approx(limit_s * NS)


def test_gaps_are_counted_per_topic_and_epoch() -> None:
    ledger = Ledger()
    for topic, epoch, seq in [("a", 1, 5), ("a", 1, 6), ("b", 1, 0), ("a", 1, 9), ("b", 1, 2)]:
        assert ledger.accept(topic, epoch, seq)
    assert ledger.lost == {"a": 2, "b": 1}


def test_a_new_epoch_is_not_a_gap_and_a_repeat_is_not_new() -> None:
    ledger = Ledger()
    assert ledger.accept("a", 1, 5)
    assert not ledger.accept("a", 1, 5)
    assert not ledger.accept("a", 1, 4)
    assert ledger.accept("a", 2, 3)
    assert ledger.lost == {}


def test_a_pulse_lives_by_the_table_until_it_has_learnt() -> None:
    pulse = Pulse(rate_hz=1.0)
    assert not pulse.alive(0)
    pulse.beat(0)
    assert pulse.alive(int(2.9 * NS))
    assert not pulse.alive(int(3.1 * NS))
    for i in range(1, 30):
        pulse.beat(i * 50 * MS)
    newest = 29 * 50 * MS
    assert pulse.rate_hz(newest) == pytest.approx(20.0)
    assert pulse.alive(newest + 399 * MS)
    assert not pulse.alive(newest + 401 * MS)
    assert pulse.rate_hz(newest + 401 * MS) == 0.0


def test_a_pulse_forgets_what_is_older_than_ten_seconds() -> None:
    pulse = Pulse(rate_hz=1.0)
    pulse.beat(-3600 * NS)
    for i in range(10):
        pulse.beat(i * 100 * MS)
    assert pulse.rate_hz(900 * MS) == pytest.approx(10.0)


def test_messages_read_late_have_arrived_when_they_were_sent() -> None:
    clock = ServiceTime()
    assert clock.arrived_ns(10_000, 500) == 500
    assert clock.arrived_ns(10_100, 900) == 600
    assert clock.arrived_ns(None, 1000) == 1000
    assert clock.arrived_ns(10_400, 890) == 890
    clock.restart()
    assert clock.arrived_ns(77, 1200) == 1200


def test_age_runs_from_the_stamp_to_the_last_stage() -> None:
    assert age_when_published_ns(sample(NS, {"ingest": NS + 3, "publish": NS + 40})) == 40
    assert age_when_published_ns(sample(NS, {})) == 0
    assert published_ns(sample(NS, {"ingest": NS + 3, "publish": NS + 40})) == NS + 40
    assert published_ns(sample(NS, {})) is None
    assert published_ns(Hello(control="", epoch=1, now_ns=7)) == 7


def test_age_of_a_recording_runs_from_the_first_stage() -> None:
    assert age_when_published_ns(sample(5, {"ingest": 10**18, "publish": 10**18 + 40})) == 40


def test_a_message_without_a_trace_has_no_age() -> None:
    none = Missing(input="a", modality="imu", epoch=1, seq=1, index=1, start_ns=0, end_ns=1, cause="tail")
    assert (published_ns(none), age_when_published_ns(none)) == (None, 0)
