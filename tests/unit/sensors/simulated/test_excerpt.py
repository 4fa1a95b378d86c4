"""Excerpts: each shows what it was chosen for, equally often, the same each time, and nothing else."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from sixsense.sensors.errors import SourceError
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.alarm import beeping
from sixsense.sensors.simulated.excerpt import excerpts
from sixsense.sensors.simulated.kinds import ACTIVITIES, KINDS
from sixsense.sensors.simulated.script import MINUTE_NS, Script
from sixsense.sensors.simulated.senses import RATES, Senses

SECOND = (("imu",), NS)
TWO = (("microphone",), 2 * NS)
FRAME = (("thermal",), NS // 4)


@pytest.mark.parametrize(("streams", "length_ns"), [SECOND, TWO, FRAME])
def test_each_shows_what_it_was_chosen_for_and_says_so(streams: tuple[str, ...], length_ns: int) -> None:
    for one in islice(excerpts("train", streams, length_ns, seed=1), 32):
        names = {happening.name for happening in one.happenings}
        assert names == ({one.wanted} if one.wanted else set()), one.wanted
        assert one.end_ns - one.start_ns == length_ns
        assert all(shown.start_ns < one.end_ns and shown.end_ns > one.start_ns for shown in one.happenings)


def test_all_kinds_that_a_stream_senses_come_equally_often() -> None:
    found = Counter(one.wanted for one in islice(excerpts("train", ("imu",), NS), 250))
    assert set(found) == {None, *(name for name, kind in KINDS.items() if "imu" in kind.modalities)}
    assert min(found.values()) > 30


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_activities_can_be_wanted_too(activity: str) -> None:
    for one in islice(excerpts("validation", ("imu",), NS, wanted=(activity,)), 10):
        assert [doing.name for doing in one.activities] == [activity]
        assert not one.happenings


def test_streams_show_the_same_instant_in_their_shapes() -> None:
    streams = ("camera", "depth", "thermal", "microphone", "imu")
    one = next(excerpts("validation", streams, 2 * NS, wanted=("person",)))
    assert {name: (data.shape, data.dtype.name) for name, data in one.data.items()} == {
        "camera": ((240, 320, 3), "uint8"),
        "depth": ((120, 160), "float32"),
        "thermal": ((120, 160), "float32"),
        "microphone": ((32_000, 1), "int16"),
        "imu": ((400, 6), "float32"),
    }
    assert one.stamps is not None
    assert one.start_ns <= one.stamps[0] < one.stamps[-1] < one.end_ns + 5_000_000
    assert np.nanmax(one.data["thermal"]) > 300


def test_a_frame_is_of_the_middle() -> None:
    one = next(excerpts("test", ("thermal",), 4 * NS, wanted=("person",)))
    middle = RATES["thermal"].first_from(one.start_ns + 2 * NS)
    frame = Senses(Script(one.seed, "test")).sense("thermal", middle)[0]
    assert (one.data["thermal"] == frame).all()


def test_a_seen_alarm_shines() -> None:
    for one in islice(excerpts("train", ("camera",), NS // 4, wanted=("alarm",), per_world=4), 8):
        (alarm,) = one.happenings
        assert beeping(alarm, one.start_ns + NS // 8)


def test_a_long_excerpt_has_a_short_happening_from_its_beginning() -> None:
    for one in islice(excerpts("train", ("microphone",), 2 * NS, wanted=("glass", "door")), 24):
        (shown,) = one.happenings
        assert one.start_ns <= shown.start_ns or one.start_ns == 0


def test_the_same_arguments_give_the_same_excerpts() -> None:
    def drawn(seed: int) -> list[tuple[int, int, bytes]]:
        found = islice(excerpts("test", ("thermal",), NS // 4, seed=seed), 12)
        return [(one.seed, one.start_ns, one.data["thermal"].tobytes()) for one in found]

    assert drawn(0) == drawn(0)
    assert not {one[0] for one in drawn(0)} & {one[0] for one in drawn(1)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("exam", ("imu",), NS), "no split 'exam'"),
        (("test", ("sonar",), NS), "no stream 'sonar'"),
    ],
)
def test_what_does_not_exist_is_refused(arguments: tuple, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        next(excerpts(*arguments))
    with pytest.raises(SourceError, match="no happening 'flood'"):
        next(excerpts("test", ("imu",), NS, wanted=("flood",)))


def test_nothing_for_so_long_is_an_error_that_says_so() -> None:
    with pytest.raises(SourceError, match="make it shorter"):
        next(excerpts("test", ("imu",), MINUTE_NS - NS, wanted=(None,)))
