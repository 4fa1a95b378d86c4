"""Recordings of ROS 2, in SQLite and MCAP: what becomes a stream, which parts, and what is counted."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from ros_logs import IMAGE, MS, SOUND, T0, TONE, Ros, bag, check_contract, drive, of
from sixsense.sensors.errors import SourceError
from sixsense.sensors.logs import open_log
from sixsense.sensors.sample import NS, Sample


@pytest.fixture(scope="module", params=["SQLITE3", "MCAP"])
def recorded(request: pytest.FixtureRequest, ros: Ros, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "drive"
    with bag(ros, path, request.param) as put:
        drive(ros, put)
    return path


def test_a_ros_2_recording(recorded: Path) -> None:
    log = open_log(recorded)
    infos = {info.stream: info for info in log.streams}
    assert {name: info.modality for name, info in infos.items()} == {
        "front.image_raw": "vision",
        "depth.image": "depth",
        "imu": "imu",
        "mic.audio": "audio",
    }
    assert (infos["depth.image"].fx, infos["depth.image"].baseline) == (40, 0.1)
    assert (infos["mic.audio"].rate_hz, infos["mic.audio"].channels) == (16_000, 1)
    assert infos["imu"].rate_hz == pytest.approx(100, rel=0.01)
    events = list(log.events(7))
    check_contract(events, list(infos))
    assert log.counts() == {name: {} for name in infos}
    assert [sample.stamp_ns for sample in of(events, "front.image_raw")] == [
        T0 + k * 100 * MS for k in range(20)
    ]
    assert [int(s.data[0, 0, 0]) for s in of(events, "front.image_raw")] == list(range(20))
    assert [int(s.data[0, 0]) for s in of(events, "depth.image")] == [1000 + k for k in range(20)]
    rows = of(events, "imu")
    assert np.concatenate([s.stamps for s in rows]).tolist() == [T0 + k * 10 * MS for k in range(200)]
    assert np.concatenate([s.data for s in rows])[:, 5].tolist() == list(range(200))
    sound = of(events, "mic.audio")
    assert np.array_equal(np.concatenate([s.data for s in sound])[:, 0], TONE)
    assert sound[0].stamp_ns == T0
    assert all(a.end_ns == b.stamp_ns for a, b in itertools.pairwise(sound))


def test_what_is_ignored_is_said(recorded: Path) -> None:
    ignored = dict(open_log(recorded).ignored)
    assert set(ignored) == {
        "/battery",
        "/depth/camera_info",
        "/front/image_raw/compressed",
        "/ir/image",
        "/mic/audio_info",
    }
    assert '"/ir/image" = "depth"' in ignored["/ir/image"]
    assert "std_msgs/msg/String" in ignored["/battery"]
    assert "/front/image_raw" in ignored["/front/image_raw/compressed"]


def test_the_table_says_what_a_topic_is(recorded: Path) -> None:
    topics = {
        "/ir/image": {"modality": "thermal", "stream": "thermal"},
        "/front/image_raw": "ignore",
        "/imu": "gyroscope",
    }
    log = open_log(recorded, topics=topics)
    found = {info.stream: info.modality for info in log.streams}
    assert found == {
        "thermal": "thermal",
        "depth.image": "depth",
        "imu": "gyroscope",
        "mic.audio": "audio",
        "front.image_raw.compressed": "vision",
    }
    assert of(list(log.events(1)), "imu")[0].data.shape == (2, 3)


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        ({"/nowhere": "vision"}, "no '/nowhere'"),
        ({"/imu": "smell"}, "topics"),
        ({"/imu": {"modality": "imu", "stream": "a b"}}, "topics"),
        (
            {"/ir/image": {"modality": "depth", "stream": "x"}, "/imu": {"modality": "imu", "stream": "x"}},
            "'x'",
        ),
    ],
)
def test_a_table_that_is_wrong_is_refused(recorded: Path, topics: dict, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        open_log(recorded, topics=topics)


def test_reading_from_a_time_gives_the_rest(recorded: Path) -> None:
    log = open_log(recorded)
    events = list(log.events(2, T0 + NS))
    check_contract(events, [info.stream for info in log.streams])
    whole = {info.stream: of(list(log.events(1)), info.stream) for info in log.streams}
    for stream, samples in whole.items():
        rest = [sample.stamp_ns for sample in samples if sample.stamp_ns >= T0 + NS]
        assert [sample.stamp_ns for sample in of(events, stream)] == rest


def test_a_part_of_a_log_again_and_again(recorded: Path) -> None:
    log = open_log(recorded, start=0.5, end=1.0, loop=True)
    assert log.start_ns - T0 == pytest.approx(500 * MS, abs=2 * MS)
    events = itertools.takewhile(lambda event: event.epoch < 5 + 120 * NS, log.events(5))
    rounds = itertools.groupby(events, key=lambda event: event.epoch)
    first, second = ((epoch, list(round_)) for epoch, round_ in rounds)
    assert (first[0], second[0]) == (5, 5 + 60 * NS)
    for _, events_ in (first, second):
        check_contract(events_, [info.stream for info in log.streams])
    for a, b in zip(first[1], second[1], strict=True):
        assert type(a) is type(b)
        if isinstance(a, Sample) and isinstance(b, Sample):
            assert b.stamp_ns - a.stamp_ns == 60 * NS
            assert b.data.tobytes() == a.data.tobytes()
            assert log.start_ns <= a.stamp_ns
            assert a.end_ns <= T0 + 1000 * MS + 2 * MS
    assert len(of(first[1], "front.image_raw")) == 5
    joined = log.events(5, T0 + 800 * MS)
    pictures = [e for e in itertools.islice(joined, 200) if isinstance(e, Sample) and e.modality == "vision"]
    assert [(e.stamp_ns - T0) // MS for e in pictures[:3]] == [800, 900, 60_500]
    with pytest.raises(SourceError, match="long"):
        open_log(recorded, start=60.0)


def test_faults_of_messages_are_counted_by_cause(ros: Ros, tmp_path: Path) -> None:
    with bag(ros, tmp_path / "faulty", "MCAP") as put:
        kind = IMAGE
        picture = np.zeros((4, 6, 3), np.uint8)
        for k, (own, logged) in enumerate(
            [(0, 10), (100, 110), (100, 120), (5000, 210), (300, 310), (3000, 3000), (1900, 3001)]
        ):
            put("/a", kind, T0 + logged * MS, ros.image(T0 + own * MS, picture + k, "rgb8"))
        for logged, encoding in ((4000, "purple"), (5000, "rgb8")):
            put("/a", kind, T0 + logged * MS, ros.image(T0 + logged * MS, picture, encoding))
    log = open_log(tmp_path / "faulty")
    stamps = [(s.stamp_ns - T0) // MS for s in of(list(log.events(1)), "a")]
    assert stamps == [0, 100, 210, 300, 3000, 3001, 5000]
    assert log.counts()["a"] == {"malformed": 1, "duplicate": 1, "clock": 2}


def test_sound_with_a_hole_says_how_much_is_missing(tmp_path: Path, ros: Ros) -> None:
    with bag(ros, tmp_path / "hole", "SQLITE3") as put:
        make = ros.types[SOUND]
        for k in (0, 1, 2, 13, 14):
            part = np.frombuffer(TONE[:1600].tobytes(), np.uint8)
            put("/mic", SOUND, T0 + k * 100 * MS, make(part))
    with pytest.raises(SourceError, match="rate_hz = 16000"):
        open_log(tmp_path / "hole")
    table = {"/mic": {"modality": "audio", "rate_hz": 16_000, "channels": 1}}
    log = open_log(tmp_path / "hole", topics=table)
    assert sum(s.items for s in of(list(log.events(1)), "mic")) == 8000
    assert log.counts()["mic"] == {"gap": 16_000}
