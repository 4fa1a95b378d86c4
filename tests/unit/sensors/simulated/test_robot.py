"""The simulated robot as a source: deterministic, restartable, complete, in order, honest about progress."""

from itertools import islice

import msgspec
import numpy as np
import pytest
from sixsense.sensors.errors import SourceError
from sixsense.sensors.sample import NS, End, Event, Progress, Sample
from sixsense.sensors.simulated.kinds import KINDS
from sixsense.sensors.simulated.robot import STREAMS, SimulatedRobot, render_example
from sixsense.sensors.simulated.split import SPLITS, Split

MINUTE = 60 * NS
START = 29_000_000 * MINUTE
ITEMS_HZ = {"camera": 30, "depth": 30, "thermal": 9, "microphone": 16_000, "imu": 200}
MESSAGES_HZ = {"camera": 30, "depth": 30, "thermal": 9, "microphone": 50, "imu": 100}


def robot(seed: int = 3, seconds: float | None = 2.0, streams: tuple[str, ...] = STREAMS) -> SimulatedRobot:
    return SimulatedRobot(seed, start_ns=START, seconds=seconds, streams=streams)


def samples(events: list[Event]) -> list[Sample]:
    return [event for event in events if isinstance(event, Sample)]


def content(sample: Sample) -> tuple[str, int, bytes, bytes]:
    stamps = b"" if sample.stamps is None else sample.stamps.tobytes()
    return sample.stream, sample.stamp_ns, sample.data.tobytes(), stamps


@pytest.fixture(scope="module")
def two_seconds() -> list[Event]:
    return list(robot().events(epoch=7))


def test_the_same_seed_gives_the_same_bytes(two_seconds: list[Event]) -> None:
    again = list(robot().events(epoch=7))
    assert [content(s) for s in samples(again)] == [content(s) for s in samples(two_seconds)]


def test_another_seed_gives_other_bytes_in_every_stream(two_seconds: list[Event]) -> None:
    other = {s.stream: s.data.tobytes() for s in samples(list(robot(seed=4).events(epoch=7)))}
    for sample in samples(two_seconds):
        assert sample.data.tobytes() != other[sample.stream]


def test_a_stream_does_not_depend_on_the_others(two_seconds: list[Event]) -> None:
    for stream in STREAMS:
        alone = samples(list(robot(seconds=0.5, streams=(stream,)).events(epoch=7)))
        together = [s for s in samples(two_seconds) if s.stream == stream][: len(alone)]
        assert [content(s) for s in alone] == [content(s) for s in together]


@pytest.mark.parametrize("offset_ns", [0, 1, 333_333_333, 1_000_000_000, 1_234_567_890])
def test_opened_later_it_goes_on_where_it_was(two_seconds: list[Event], offset_ns: int) -> None:
    since = START + offset_ns
    tail = [content(s) for s in samples(two_seconds) if s.stamp_ns >= since]
    resumed = samples(list(robot().events(epoch=8, from_ns=since)))
    assert sorted(content(s) for s in resumed) == sorted(tail)
    for stream in STREAMS:
        mine = [s for s in resumed if s.stream == stream]
        assert [s.seq for s in mine] == list(range(len(mine)))
        assert mine[0].item == 0
        assert mine[0].epoch == 8


def test_any_time_is_reached_at_once() -> None:
    late = START + 365 * 24 * 60 * MINUTE
    first = next(e for e in robot(seconds=None).events(1, late) if isinstance(e, Sample))
    assert late <= first.stamp_ns < late + NS // 10


@pytest.mark.parametrize("seconds", [1, 2])
def test_each_stream_has_exactly_its_rate(seconds: int) -> None:
    events = list(robot(seconds=seconds).events(epoch=1))
    for stream in STREAMS:
        mine = [s for s in samples(events) if s.stream == stream]
        assert len(mine) == MESSAGES_HZ[stream] * seconds
        assert sum(s.items for s in mine) == ITEMS_HZ[stream] * seconds
        assert [s.item for s in mine] == np.cumsum([0, *(s.items for s in mine)])[:-1].tolist()
    ends = {e.stream: e.items for e in events if isinstance(e, End)}
    assert ends == {stream: hz * seconds for stream, hz in ITEMS_HZ.items()}


def test_stamps_do_not_drift() -> None:
    late = START + 24 * 60 * MINUTE
    for stream in STREAMS:
        firsts = islice(robot(seconds=None, streams=(stream,)).events(1, late), 10)
        assert next(s for s in firsts if isinstance(s, Sample)).stamp_ns == late


def test_samples_are_in_the_order_they_become_available(two_seconds: list[Event]) -> None:
    ends = [s.end_ns for s in samples(two_seconds)]
    assert ends == sorted(ends)


def test_samples_look_as_their_stream_says(two_seconds: list[Event]) -> None:
    infos = {info.stream: info for info in robot().streams}
    for sample in samples(two_seconds):
        info = infos[sample.stream]
        assert (sample.modality, sample.encoding, sample.clock) == (info.modality, info.encoding, "hardware")
        if sample.encoding == "32FC1":
            assert sample.data.shape == (info.height, info.width)
            assert sample.data.dtype == np.float32
    by_stream = {s.stream: s for s in samples(two_seconds)}
    assert by_stream["camera"].data[:2].tobytes() == b"\xff\xd8"
    assert (by_stream["microphone"].data.dtype, by_stream["microphone"].data.shape) == (np.int16, (320, 1))
    assert (by_stream["imu"].data.dtype, by_stream["imu"].data.shape) == (np.float32, (2, 6))
    assert by_stream["imu"].stamps is not None
    assert np.diff(by_stream["imu"].stamps).tolist() == [5_000_000]


def test_the_ground_truth_is_on_the_timeline_and_ends_with_the_run() -> None:
    whole = robot(seconds=None).happenings(START, START + 2 * MINUTE)
    assert [sum(one.name == name for one in whole) for name in ("alarm", "person", "bump")] == [4, 4, 4]
    assert whole[0].start_ns < START + 8 * NS
    assert [h.start_ns for h in whole] == sorted(h.start_ns for h in whole)
    one = whole[1]
    assert robot(seconds=None).happenings(one.start_ns, one.start_ns + 1) == [one]
    assert robot(seconds=None).happenings(one.end_ns, one.end_ns + 1) == []
    ended = (whole[1].start_ns - START) / NS
    assert robot(seconds=ended).happenings(START, START + 2 * MINUTE) == whole[:1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"start_ns": START + 1}, "whole minute"),
        ({"start_ns": START, "seconds": -1.0}, "seconds=-1.0"),
        ({"start_ns": START, "seconds": float("nan")}, "seconds=nan"),
        ({"start_ns": START, "seconds": float("inf")}, "seconds=inf"),
        ({"start_ns": START, "split": "exam"}, "no split 'exam'"),
        ({"start_ns": START, "streams": ("camera", "sonar")}, "'sonar'"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        SimulatedRobot(0, **options)  # type: ignore[arg-type]


def test_opened_after_its_end_it_only_ends() -> None:
    events = list(robot(seconds=1.0).events(1, START + MINUTE))
    assert samples(events) == []
    assert {e.stream: e.items for e in events if isinstance(e, End)} == dict.fromkeys(STREAMS, 0)


def test_progress_comes_before_the_first_sample(two_seconds: list[Event]) -> None:
    assert all(isinstance(event, Progress) for event in two_seconds[: len(STREAMS)])


@pytest.mark.parametrize(
    ("happening", "modality", "shape", "dtype"),
    [
        ("alarm", "audio", (32_000, 1), np.int16),
        ("alarm", "vision", (240, 320, 3), np.uint8),
        ("person", "vision", (240, 320, 3), np.uint8),
        ("person", "depth", (120, 160), np.float32),
        ("person", "thermal", (120, 160), np.float32),
        ("bump", "audio", (32_000, 1), np.int16),
        ("bump", "imu", (400, 6), np.float32),
    ],
)
def test_examples(happening: str, modality: str, shape: tuple[int, ...], dtype: type) -> None:
    example = render_example(happening, modality, seed=11)
    assert (example.modality, example.data.shape, example.data.dtype) == (modality, shape, dtype)
    assert (example.stamps is not None) == (modality == "imu")
    again = render_example(happening, modality, seed=11)
    assert msgspec.structs.replace(again, data=None, stamps=None) == msgspec.structs.replace(
        example, data=None, stamps=None
    )
    assert again.data.tobytes() == example.data.tobytes()
    assert render_example(happening, modality, seed=12).data.tobytes() != example.data.tobytes()


@pytest.mark.parametrize(
    ("happening", "modality"), [(name, sense) for name, kind in KINDS.items() for sense in kind.modalities]
)
def test_every_happening_has_an_example_in_every_split(happening: str, modality: str) -> None:
    shown = [render_example(happening, modality, 1, split).data.tobytes() for split in SPLITS]
    assert len(set(shown)) == len(SPLITS)


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_is_a_world_of_its_own(split: Split) -> None:
    one = SimulatedRobot(3, start_ns=START, seconds=0.2, split=split)
    assert all(split in info.source for info in one.streams)
    again = SimulatedRobot(3, start_ns=START, seconds=0.2, split=split)
    assert [content(s) for s in samples(list(one.events(1)))] == [
        content(s) for s in samples(list(again.events(1)))
    ]


def test_activities_are_on_the_timeline_and_end_with_the_run() -> None:
    done = robot(seconds=None).activities(START, START + MINUTE)
    assert START <= done[0].start_ns < done[-1].start_ns < START + MINUTE
    assert robot(seconds=(done[1].start_ns - START) / NS).activities(START, START + MINUTE) == done[:1]


@pytest.mark.parametrize(("happening", "modality"), [("flood", "audio"), ("alarm", "thermal")])
def test_an_example_that_cannot_be(happening: str, modality: str) -> None:
    with pytest.raises(SourceError, match=f"'{happening}'"):
        render_example(happening, modality, seed=0)
