"""How far a replay is: told at each tenth of the way, with the time that the rest will take."""

import pytest
from sixsense.fusion.fused import Fused, Match
from sixsense.launch.remaining import Remaining, clock
from sixsense.sensors.sample import NS


def at(seconds: float, kind: type = Fused) -> Fused:
    values = dict.fromkeys(kind.__struct_fields__) | {"stamp_ns": round(seconds * NS)}
    return kind(**values)


def test_a_line_at_each_tenth_of_the_way() -> None:
    remaining = Remaining(100 * NS, 200 * NS)
    told = [remaining.line(at(100 + k), now_s=1000 + k / 2) for k in range(201)]
    lines = [line for line in told if line]
    assert lines == [f"{10 * tenth} % of 3:20, {clock(100 - 10 * tenth)} left" for tenth in range(1, 10)]
    assert told[20] == "10 % of 3:20, 1:30 left"


def test_nothing_is_said_of_later_rounds_or_other_messages() -> None:
    remaining = Remaining(0, 10 * NS)
    assert remaining.line(at(70), 1.0) == ""
    assert Remaining(0, 0).line(at(1), 1.0) == ""
    assert remaining.line(at(5, Match), 1.0) == ""


@pytest.mark.parametrize(("seconds", "shown"), [(5, "0:05"), (65, "1:05"), (7265, "2:01:05")])
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
