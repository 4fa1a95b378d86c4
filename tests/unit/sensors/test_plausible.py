"""What no device may deliver, the wrong rate, and the same picture for ever."""

import numpy as np
import pytest
from sixsense.sensors.device import Reading
from sixsense.sensors.plausible import Rate, Stuck, fault
from sixsense.sensors.sample import NS, StreamInfo

NOW = 1000 * NS
JPEG = np.frombuffer(b"\xff\xd8rest", np.uint8)
ROWS = np.ones((2, 6), np.float32)
STAMPS = np.array([NOW - 2, NOW - 1])


def info(modality: str, **fields: object) -> StreamInfo:
    base = {"stream": "s", "modality": modality, "encoding": "", "rate_hz": 30.0, "clock": "host"}
    return StreamInfo(**base | fields)  # type: ignore[arg-type]


CAMERA, IMU = info("vision"), info("imu", channels=6)
SIZED = info("thermal", width=160, height=120)
MICROPHONE = info("audio", channels=2)


def reading(
    encoding: str, data: np.ndarray, stamps: np.ndarray | None = None, stamp_ns: int = NOW
) -> Reading:
    return Reading("s", stamp_ns, encoding, data, stamps)


@pytest.mark.parametrize(
    ("what", "given"),
    [
        (CAMERA, reading("jpeg", JPEG)),
        (CAMERA, reading("rgb8", np.zeros((4, 5, 3), np.uint8))),
        (SIZED, reading("16UC1", np.zeros((120, 160), np.uint16))),
        (info("depth"), reading("32FC1", np.array([[np.nan, 1]], np.float32))),
        (MICROPHONE, reading("pcm_s16", np.zeros((320, 2), np.int16))),
        (IMU, reading("f32", ROWS, STAMPS)),
    ],
)
def test_what_a_stream_promises_passes(what: StreamInfo, given: Reading) -> None:
    assert fault(given, what, NOW) == ""


@pytest.mark.parametrize(
    ("what", "given", "said"),
    [
        (CAMERA, reading("pcm_s16", np.zeros((3, 1), np.int16)), "no encoding of vision"),
        (CAMERA, reading("jpeg", JPEG.astype(np.int16)), "int16 of 1 dimensions"),
        (CAMERA, reading("jpeg", JPEG[:0]), "empty"),
        (CAMERA, reading("jpeg", JPEG[2:]), "no JPEG"),
        (CAMERA, reading("rgb8", np.zeros((4, 5, 4), np.uint8)), "4 colours"),
        (SIZED, reading("16UC1", np.zeros((60, 80), np.uint16)), "80x60, not 160x120"),
        (info("depth"), reading("32FC1", np.full((2, 2), np.nan, np.float32)), "no finite value"),
        (MICROPHONE, reading("pcm_s16", np.zeros((320, 1), np.int16)), "1 channels, not 2"),
        (IMU, reading("f32", np.full((2, 6), np.nan, np.float32), STAMPS), "not finite"),
        (IMU, reading("f32", ROWS), "not one stamp a row"),
        (IMU, reading("f32", ROWS, STAMPS[:1]), "not one stamp a row"),
        (CAMERA, reading("jpeg", JPEG, stamp_ns=NOW + 2 * NS), "in the future"),
        (CAMERA, reading("jpeg", JPEG, stamp_ns=5), "too long ago"),
    ],
)
def test_garbage_is_named(what: StreamInfo, given: Reading, said: str) -> None:
    assert said in fault(given, what, NOW)


def deliver(rate: Rate, hz: float, seconds: float, batch: int = 1) -> Rate:
    for index in range(batch, round(hz * seconds), batch):
        rate.add(round(index * NS / hz), index)
    return rate


@pytest.mark.parametrize(
    ("hz", "said"),
    [(30.0, ""), (28.0, ""), (26.0, "26 Hz, not 30"), (36.0, "36 Hz, not 30"), (10.0, "10 Hz")],
)
def test_the_rate_is_measured_against_what_was_declared(hz: float, said: str) -> None:
    rate = deliver(Rate(30.0, NS // 4), hz, 10)
    assert rate.hz == pytest.approx(hz, rel=0.02)
    assert said in rate.fault
    assert rate.ok == (hz >= 27)


def test_a_rate_that_wavers_about_the_least_is_told_once_until_it_is_well() -> None:
    rate, said, item, now_ns = Rate(48_000.0, NS // 4), [], 0, 0
    for index in range(6000):
        hz = 48_000 * (0.88 + 0.05 * (index // 300 % 2)) if index < 4500 else 48_000
        now_ns, item = now_ns + NS // 100, item + round(hz / 100)
        rate.add(now_ns, item)
        said += [rate.fault] if not said or said[-1] != rate.fault else []
    assert [bool(fault) for fault in said] == [False, True, False]
    assert said[1].endswith("00 Hz, not 48000")
    assert "e+" not in said[1]


def test_a_rate_is_not_judged_before_it_was_measured_for_long_enough() -> None:
    assert deliver(Rate(30.0, NS // 4), 10.0, 2.0).hz is None
    rate = deliver(Rate(30.0, NS // 4), 10.0, 9)
    assert rate.fault
    rate.restart()
    assert (rate.hz, rate.fault, rate.ok) == (None, "", True)


def test_batches_of_a_second_are_no_wrong_rate() -> None:
    rate = deliver(Rate(100.0, 2500_000_000), 100.0, 60, batch=100)
    assert rate.hz == pytest.approx(100, rel=0.05)
    assert rate.fault == ""


def test_the_same_picture_for_ever_is_stuck_until_another_comes() -> None:
    stuck, picture = Stuck("vision"), np.arange(3000, dtype=np.uint8)
    for ms in range(0, 5000, 33):
        stuck.add(ms * NS // 1000, picture.copy())
        assert stuck.fault == ""
    stuck.add(5 * NS, picture.copy())
    assert stuck.fault == "the same frame for more than 5 s"
    picture[-1] += 1
    stuck.add(6 * NS, picture)
    assert stuck.fault == ""


def test_silence_may_be_digital() -> None:
    stuck = Stuck("audio")
    for second in range(100):
        stuck.add(second * NS, np.zeros((320, 1), np.int16))
    assert stuck.fault == ""
