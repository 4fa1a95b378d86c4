"""Windows of two streams are paired by time; what has no partner is counted; streams are chosen clearly."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.encoders.card import WindowSpec
from sixsense.encoders.data.logs import choose_inputs, log_items
from sixsense.encoders.errors import InputError
from sixsense.sensors.recording import merged
from sixsense.sensors.sample import NS, Event, Sample, StreamInfo

MS = 1_000_000
WINDOWS = {
    "vision": WindowSpec(length_ns=200 * MS, hop_ns=200 * MS),
    "thermal": WindowSpec(length_ns=200 * MS, hop_ns=200 * MS),
}


def info(stream: str, modality: str) -> StreamInfo:
    encoding = "rgb8" if modality == "vision" else "mono8"
    return StreamInfo(stream=stream, modality=modality, encoding=encoding, rate_hz=10, clock="host")


class Frames:
    """A log of pictures whose grey is their time in tenths of a second."""

    def __init__(self, **stamps: list[int]) -> None:
        self._stamps = stamps
        self.streams = tuple(info(name, _modality(name)) for name in stamps)

    def counts(self) -> dict[str, dict[str, int]]:
        return {}

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        samples = [
            iter([self._sample(n, s, k, epoch) for k, s in enumerate(at)]) for n, at in self._stamps.items()
        ]
        return merged(list(self._stamps), samples, epoch, from_ns or 0)

    def _sample(self, name: str, stamp: int, index: int, epoch: int) -> Sample:
        shape = (8, 8, 3) if _modality(name) == "vision" else (8, 8)
        return Sample(
            stream=name,
            modality=_modality(name),
            epoch=epoch,
            seq=index,
            item=index,
            stamp_ns=stamp,
            encoding="rgb8" if len(shape) == 3 else "mono8",
            data=np.full(shape, stamp // (100 * MS) % 250, np.uint8),
        )


def _modality(name: str) -> str:
    return "thermal" if name.startswith("warm") else "vision"


def paired(log: Frames, every_ms: int, left_out: Counter[str]) -> list[tuple[int, float]]:
    """The middle of each pair in ms, and how far apart in tenths of a second its two pictures were."""
    inputs = choose_inputs("log", log.streams, ["thermal", "vision"], ())
    items = list(log_items("log", log, inputs, WINDOWS, every_ms * MS, left_out))
    pairs = list(zip(items[::2], items[1::2], strict=True))
    assert all((warm.modality, seen.modality) == ("thermal", "vision") for warm, seen in pairs)
    assert all(warm.key == seen.key and warm.stamp_ns == seen.stamp_ns for warm, seen in pairs)
    return [(warm.stamp_ns // MS, _tenths(warm.content, seen.content)) for warm, seen in pairs]


def _tenths(warm, seen) -> float:
    grey = seen[0].mean() * 0.26862954 + 0.48145466
    return float(abs(warm.mean() - grey) * 255)


def every(ms: int, first: int, last: int) -> list[int]:
    return [at * MS for at in range(first, last, ms)]


def test_what_was_sensed_together_is_paired():
    log = Frames(warm=every(100, 0, 3000), seen=every(100, 0, 3000))
    left_out = Counter[str]()
    found = paired(log, 400, left_out)
    assert [middle for middle, _ in found] == [100, 500, 900, 1300, 1700, 2100, 2500]
    assert all(apart < 0.1 for _, apart in found)
    assert not left_out


def test_a_window_that_nothing_else_sensed_is_counted():
    log = Frames(warm=every(100, 0, 3000), seen=every(100, 2000, 3000))
    left_out = Counter[str]()
    found = paired(log, 200, left_out)
    assert all(middle >= 1900 for middle, _ in found)
    assert left_out == {"windows of warm that nothing else sensed": 9}


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 60), min_size=1, unique=True),
    st.lists(st.integers(0, 60), min_size=1, unique=True),
)
def test_no_pair_is_further_apart_than_a_window_and_a_hop(warm, seen):
    log = Frames(warm=[at * 50 * MS for at in sorted(warm)], seen=[at * 50 * MS for at in sorted(seen)])
    left_out = Counter[str]()
    found = paired(log, 1, left_out)
    assert all(apart <= 6 for _, apart in found)
    windows = {at // 4 for at in warm if 4 * (at // 4 + 1) < max(warm)}
    assert len(windows) <= len(found) + sum(left_out.values()) <= len(windows) + 1


def test_one_modality_alone_needs_no_partner():
    log = Frames(warm=every(100, 0, 1000))
    inputs = choose_inputs("log", log.streams, ["thermal"], ())
    items = list(log_items("log", log, inputs, WINDOWS, NS // 5, Counter()))
    assert [item.stamp_ns // MS for item in items] == [100, 300, 500, 700]


def test_two_streams_of_a_modality_are_asked_about():
    infos = [info("left", "vision"), info("right", "vision")]
    with pytest.raises(
        InputError, match=r"log: 2 streams of vision \(left, right\); say which with --streams"
    ):
        choose_inputs("log", infos, ["vision"], ())
    (spec,) = choose_inputs("log", infos, ["vision"], ("right",))
    assert spec.name == "right"


def test_a_stream_that_is_not_there_lists_what_is():
    with pytest.raises(InputError, match=r"log: no stream of audio; it has left \(vision\)"):
        choose_inputs("log", [info("left", "vision")], ["audio"], ())


def test_accelerometer_and_gyroscope_are_one_input():
    infos = [info("acc", "accelerometer"), info("gyro", "gyroscope")]
    (spec,) = choose_inputs("log", infos, ["imu"], ())
    assert [member.stream for member in spec.members] == ["acc", "gyro"]
    with pytest.raises(InputError, match="no stream of imu"):
        choose_inputs("log", infos[:1], ["imu"], ())
