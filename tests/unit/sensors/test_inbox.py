"""The newest picture, every chunk of sound and row, numbered without holes that nobody counted."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.device import Reading
from sixsense.sensors.inbox import QUEUE, Arrived, Broke, Inbox
from sixsense.sensors.sample import StreamInfo

INFOS = (
    StreamInfo(stream="camera", modality="vision", encoding="jpeg", rate_hz=30, clock="host"),
    StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=100, clock="host", channels=6),
    StreamInfo(stream="microphone", modality="audio", encoding="pcm_s16", rate_hz=16000, clock="host"),
)


def inbox(delay_ns: int = 0) -> Inbox:
    return Inbox(INFOS, 7, delay_ns)


def picture(stamp_ns: int) -> Reading:
    return Reading("camera", stamp_ns, "jpeg", np.full(4, stamp_ns % 256, np.uint8))


def rows(*stamps: int) -> Reading:
    data = np.repeat(np.array(stamps, np.float32)[:, None], 6, axis=1)
    return Reading("imu", stamps[0], "f32", data, np.array(stamps, np.int64))


def samples(box: Inbox) -> list:
    return [note.sample for note in box.take() if isinstance(note, Arrived)]


def test_a_picture_takes_the_place_of_the_one_that_nobody_took() -> None:
    box = inbox()
    for stamp in (10, 20, 30):
        box.put(1, stamp, picture(stamp))
    box.put(1, 31, rows(5, 6))
    newest, batch = samples(box)
    assert (newest.stamp_ns, newest.seq, newest.item, newest.epoch) == (30, 2, 2, 7)
    assert (batch.seq, batch.item, batch.items) == (0, 0, 2)
    assert box.lost["camera"] == {"slot": 2}
    assert not box.lost["imu"]


def test_a_full_queue_lets_go_of_its_oldest_and_counts_its_rows() -> None:
    box = inbox()
    for index in range(QUEUE + 3):
        box.put(1, index, rows(2 * index, 2 * index + 1))
    kept = samples(box)
    assert len(kept) == QUEUE
    assert kept[0].item == 6
    assert box.lost["imu"] == {"queue": 6}


def test_the_delay_is_subtracted_from_every_stamp() -> None:
    box = inbox(delay_ns=3)
    box.put(1, 99, picture(10))
    box.put(1, 99, rows(20, 21))
    one, batch = samples(box)
    assert (one.stamp_ns, one.recv_ns, batch.stamp_ns, batch.stamps.tolist()) == (7, 99, 17, [17, 18])


def test_what_became_of_the_device_comes_in_its_place() -> None:
    box = inbox()
    box.put(1, 1, rows(1))
    box.post(Broke(1, 2, "hung up", False))
    box.put(2, 3, rows(3))
    assert [type(note) for note in box.take()] == [Arrived, Broke, Arrived]
    assert box.take() == []


def test_why_the_newest_was_refused_is_known_until_a_good_one_comes() -> None:
    box = inbox()
    box.refuse("camera", "garbage", 1, "no JPEG")
    assert box.why == {"camera": "garbage: no JPEG"}
    box.put(1, 1, picture(1))
    assert box.why == {}
    assert box.refused["camera"] == {"garbage": 1}


def test_what_a_device_counts_while_nothing_comes_is_why() -> None:
    box = inbox()
    box.explain({"imu": {"malformed": 3, "overlong": 1}}, {"imu": {"malformed": 5, "overlong": 1}})
    assert box.why == {"imu": "nothing that can be used: malformed"}
    box.put(1, 1, rows(1))
    box.explain({"imu": {"malformed": 5}}, {"imu": {"malformed": 5}, "camera": {}})
    assert box.why == {}


@given(st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=5), max_size=20))
def test_rows_come_out_in_order_and_every_one_is_delivered_or_counted(batches: list[list[int]]) -> None:
    box = inbox()
    for batch in batches:
        box.put(1, 0, rows(*batch))
    got = samples(box)
    stamps = [int(t) for sample in got for t in sample.stamps]
    assert all(a < b for a, b in pairwise(stamps))
    given = [int(one) for sample in got for one in sample.data[:, 0]]
    assert given == sorted(given)
    assert all(0 <= stamp - one < len(stamps) for stamp, one in zip(stamps, given, strict=True))
    assert [s.item for s in got] == [sum(g.items for g in got[:i]) for i in range(len(got))]
    assert len(stamps) + box.refused["imu"]["out of order"] == sum(map(len, batches))


@given(st.lists(st.integers(0, 50), max_size=20))
def test_stamps_of_pictures_never_decrease(stamps: list[int]) -> None:
    box, got = inbox(), []
    for stamp in stamps:
        box.put(1, 0, picture(stamp))
        got += [s.stamp_ns for s in samples(box)]
    assert got == sorted(got)
    assert len(got) + box.refused["camera"]["out of order"] == len(stamps)
