import threading
from collections.abc import Generator

import numpy as np
import pytest
from sixsense.sensors.device import DeviceError, Reading
from sixsense.sensors.grabber import Grabber


def reading(stamp: int) -> Reading:
    return Reading("s", stamp, "mono8", np.zeros((1, 1), np.uint8))


def test_who_is_late_finds_the_newest_and_the_others_are_counted():
    come, done = threading.Semaphore(0), threading.Semaphore(0)

    def device() -> Generator[Reading]:
        for stamp in range(10):
            come.acquire()
            yield reading(stamp)
            done.release()

    grabber = Grabber("cam")
    grabber.start(device())
    for newest in (0, 4, 8):
        for _ in range(1 if newest == 0 else 4):
            come.release()
            done.acquire()
        assert [one.stamp_ns for one in grabber.take(1.0)] == [newest]
    assert grabber.take(0.0) == []
    assert grabber.overwritten == 6
    come.release()
    assert [one.stamp_ns for one in grabber.take(1.0)] == [9]
    with pytest.raises(DeviceError, match="cam gives nothing more"):
        grabber.take(1.0)
    grabber.stop()


def test_the_last_reading_comes_before_the_failure_and_the_device_is_let_go():
    let_go = threading.Event()

    def device() -> Generator[Reading]:
        try:
            yield reading(1)
            raise ValueError("bad cable")
        finally:
            let_go.set()

    grabber = Grabber("cam")
    grabber.start(device())
    assert [one.stamp_ns for one in grabber.take(1.0)] == [1]
    for _ in range(2):
        with pytest.raises(DeviceError, match="cam failed: ValueError: bad cable"):
            grabber.take(1.0)
    assert let_go.is_set()


def test_stopping_ends_the_thread_and_lets_go_of_the_device():
    let_go = threading.Event()

    def device() -> Generator[Reading]:
        try:
            while True:
                yield reading(1)
        finally:
            let_go.set()

    grabber = Grabber("cam")
    grabber.start(device())
    grabber.take(1.0)
    grabber.stop()
    assert let_go.is_set()


def test_a_device_is_opened_again_and_its_losses_go_on_being_counted():
    grabber, both = Grabber("cam"), threading.Semaphore(0)

    def device() -> Generator[Reading]:
        yield reading(1)
        yield reading(2)
        both.release()
        threading.Event().wait(0.01)

    with pytest.raises(DeviceError, match="cam is not open"):
        grabber.take(0.0)
    for openings in (1, 2):
        grabber.start(device())
        both.acquire()
        assert [one.stamp_ns for one in grabber.take(1.0)] == [2]
        assert grabber.overwritten == openings
    grabber.stop()
    assert grabber.overwritten == 2
    with pytest.raises(DeviceError, match="cam is not open"):
        grabber.take(0.0)
