"""The script: the same for a seed, different in every minute, its rows never in each other's way."""

from itertools import pairwise

import pytest
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.script import CUES, MINUTE_NS, Script


@pytest.mark.parametrize("seed", range(20))
def test_happenings_neither_meet_nor_leave_their_minute(seed: int) -> None:
    happenings = Script(seed).during(0, 30 * MINUTE_NS)
    assert len(happenings) == 30 * len(CUES)
    for before, after in pairwise(happenings):
        assert before.end_ns < after.start_ns
    assert all(h.start_ns // MINUTE_NS == (h.end_ns - 1) // MINUTE_NS for h in happenings)


def test_every_minute_is_another_and_every_seed_too() -> None:
    first, second = (Script(1).during(m * MINUTE_NS, (m + 1) * MINUTE_NS) for m in (0, 1))
    assert first != second
    assert [h.name for h in first] == [h.name for h in second]
    assert first != Script(2).during(0, MINUTE_NS)
    assert first == Script(1).during(0, MINUTE_NS)


def test_a_span_finds_what_overlaps_it() -> None:
    script = Script(0)
    alarm = script.during(0, MINUTE_NS, "alarm")[0]
    assert script.during(alarm.end_ns - 1, alarm.end_ns) == [alarm]
    assert script.during(alarm.end_ns, alarm.end_ns + 1) == []
    assert script.during(-5 * NS, alarm.start_ns) == []
    assert script.during(alarm.start_ns, alarm.end_ns, "person") == []
