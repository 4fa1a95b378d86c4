"""The script: the same for a seed, different in every minute, nothing in the way of anything else."""

from collections import Counter
from itertools import pairwise
from typing import get_args

import pytest
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.kinds import KINDS, KindName
from sixsense.sensors.simulated.script import MINUTE_NS, Script


@pytest.mark.parametrize("seed", range(20))
def test_happenings_neither_meet_nor_leave_their_minute(seed: int) -> None:
    happenings = Script(seed).during(0, 30 * MINUTE_NS)
    for before, after in pairwise(happenings):
        assert before.end_ns + NS <= after.start_ns
    assert all(h.start_ns // MINUTE_NS == (h.end_ns - 1) // MINUTE_NS for h in happenings)


@pytest.mark.parametrize("seed", range(20))
def test_every_minute_has_what_it_always_has_and_four_others(seed: int) -> None:
    script = Script(seed)
    for minute in range(10):
        names = Counter(h.name for h in script.during(minute * MINUTE_NS, (minute + 1) * MINUTE_NS))
        assert {name: names.pop(name) for name, kind in KINDS.items() if kind.always} == {
            "alarm": 2,
            "person": 2,
            "bump": 2,
        }
        assert sorted(names.values()) == [1, 1, 1, 1]


def test_the_first_comes_soon_and_every_kind_has_its_turn() -> None:
    assert max(Script(seed).during(0, MINUTE_NS)[0].start_ns for seed in range(200)) < 8 * NS
    assert {h.name for h in Script(0).during(0, 30 * MINUTE_NS)} == set(KINDS) == set(get_args(KindName))


def test_every_minute_is_another_and_every_seed_too() -> None:
    first, second = (Script(1).during(m * MINUTE_NS, (m + 1) * MINUTE_NS) for m in (0, 1))
    assert [h.name for h in first] != [h.name for h in second]
    assert first != Script(2).during(0, MINUTE_NS)
    assert first == Script(1).during(0, MINUTE_NS)


def test_a_span_finds_what_overlaps_it() -> None:
    script = Script(0)
    alarm = script.during(0, MINUTE_NS, "alarm")[0]
    assert script.during(alarm.end_ns - 1, alarm.end_ns) == [alarm]
    assert script.during(alarm.end_ns, alarm.end_ns + 1) == []
    assert script.during(-5 * NS, script.during(0, MINUTE_NS)[0].start_ns) == []
    assert script.during(alarm.start_ns, alarm.end_ns, "person") == []


def test_the_first_of_a_kind_from_a_time_on() -> None:
    script = Script(0)
    first, second = script.during(0, MINUTE_NS, "alarm")
    assert script.first("alarm") == first
    assert script.first("alarm", first.start_ns) == first
    assert script.first("alarm", first.start_ns + 1) == second
    assert script.first("alarm", second.start_ns + 1).start_ns >= MINUTE_NS
