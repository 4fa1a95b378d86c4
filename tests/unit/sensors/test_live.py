"""A device in its thread: numbers, progress, states, unplugging. The clock is the test's, the thread real."""

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from queue import Empty, SimpleQueue

import numpy as np
import pytest
from sixsense.encoders.card import WindowSpec
from sixsense.encoders.windower import InputSpec, Windower
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.device import DeviceError, DeviceFailedError, Reading
from sixsense.sensors.drivers import Live
from sixsense.sensors.imu_serial import SerialImu
from sixsense.sensors.live import LiveSource
from sixsense.sensors.sample import NS, Progress, Sample, StreamInfo

MS = NS // 1000
START = 1_700_000_000 * NS
ROW = Live("", lateness_ms=5, idle_ms=200)
INFO = StreamInfo(
    stream="depth", modality="depth", encoding="16UC1", rate_hz=10, clock="host", width=4, height=3
)


class Scripted:
    """A depth camera that gives, or raises, what the test puts."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.streams = (INFO,)
        self.calls: list[str] = []
        self.script: SimpleQueue[Reading | Exception] = SimpleQueue()
        self.on_open: Callable[[], None] = lambda: None

    def open(self) -> None:
        self.calls.append("open")
        self.on_open()

    def reset(self) -> None:
        self.calls.append("reset")

    def read(self, timeout_s: float) -> list[Reading]:
        try:
            item = self.script.get(timeout=timeout_s)
        except Empty:
            return []
        if isinstance(item, Exception):
            raise item
        return [item]

    def close(self) -> None:
        self.calls.append("close")

    def counts(self) -> dict[str, dict[str, int]]:
        return {"depth": {"overrun": 2}}

    def show(self, value: int, stamp_ns: int | None = None, shape: tuple[int, int] = (3, 4)) -> None:
        stamp_ns = self.clock.now_ns() if stamp_ns is None else stamp_ns
        self.script.put(Reading("depth", stamp_ns, "16UC1", np.full(shape, value, np.uint16)))


class Bench:
    """A live source, everything it yielded and every state it came to."""

    def __init__(self, device, clock: ManualClock, delay_ns: int = 0) -> None:
        self.clock = clock
        self.source = LiveSource(device, clock, 7, ROW, delay_ns)
        self.events: list[Sample | Progress] = []
        self.changes: list[tuple[str, str]] = []
        self.source.start()

    def poll(self) -> None:
        self.events += self.source.poll(self.clock.now_ns())
        self.changes += [(c.state, c.reason) for c in self.source.changes()]

    def until(self, condition: Callable[[], bool]) -> None:
        """Poll, the clock standing still, until the device's thread has come so far."""
        deadline = time.monotonic() + 10
        self.poll()
        while not condition():
            assert time.monotonic() < deadline, (self.changes, self.events)
            time.sleep(0.002)
            self.poll()

    def until_state(self, *states: str) -> None:
        self.until(lambda: [state for state, _ in self.changes] == list(states))

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.05)):
            self.clock.advance(50 * MS)
            self.poll()

    def samples(self) -> list[Sample]:
        return [e for e in self.events if isinstance(e, Sample)]

    def progress(self) -> list[int]:
        return [e.t_ns for e in self.events if isinstance(e, Progress)]


@pytest.fixture
def bench():
    made: list[Bench] = []

    def make(device_of: Callable[[ManualClock], object], delay_ns: int = 0) -> Bench:
        clock = ManualClock(START)
        made.append(Bench(device_of(clock), clock, delay_ns))
        return made[-1]

    yield make
    for one in made:
        one.source.stop()


def scripted(bench, delay_ns: int = 0) -> tuple[Bench, Scripted]:
    devices: list[Scripted] = []

    def make(clock: ManualClock) -> Scripted:
        devices.append(Scripted(clock))
        return devices[0]

    return bench(make, delay_ns), devices[0]


def test_readings_become_numbered_samples_of_one_epoch(bench) -> None:
    one, camera = scripted(bench, delay_ns=20 * MS)
    for value in range(3):
        one.clock.advance(100 * MS)
        camera.show(value)
        one.until(lambda value=value: len(one.samples()) == value + 1)
    got = one.samples()
    assert [(s.epoch, s.seq, s.item, int(s.data[0, 0])) for s in got] == [(7, k, k, k) for k in range(3)]
    assert [s.stamp_ns for s in got] == [START + (k * 100 - 20) * MS for k in (1, 2, 3)]
    assert (got[0].units, got[0].modality, got[0].rate_hz) == ("m", "depth", 10)
    assert one.changes == [("STARTING", ""), ("RUNNING", "")]


def test_progress_follows_the_newest_stamp_and_without_any_the_clock(bench) -> None:
    one, camera = scripted(bench)
    one.poll()
    assert one.progress() == [START - 200 * MS]
    camera.show(1)
    one.until_state("STARTING", "RUNNING")
    assert one.progress()[-1] == START - 5 * MS
    told = len(one.progress())
    one.pass_time(1.0)
    later = one.progress()[told:]
    assert later[-1] == one.clock.now_ns() - 200 * MS
    assert max(np.diff([START, *later])) <= 100 * MS + 200 * MS
    assert max(np.diff(later)) <= 100 * MS
    assert one.progress() == sorted(set(one.progress()))


def test_a_sample_older_than_the_progress_is_late_and_counted(bench) -> None:
    one, camera = scripted(bench)
    camera.show(1)
    one.until_state("STARTING", "RUNNING")
    one.pass_time(0.3)
    camera.show(2, stamp_ns=START + 50 * MS)
    one.until(lambda: len(one.samples()) == 2)
    spec = InputSpec(name="depth", modality="depth", members=(INFO,))
    windower = Windower(spec, WindowSpec(length_ns=NS, hop_ns=NS))
    for event in one.events:
        windower.feed(event)
    ledger = windower.ledgers()["depth", 7]
    assert (ledger.received, ledger.late, ledger.pending) == (2, 1, 1)


def test_garbage_is_counted_and_nothing_else_makes_the_stream_stale(bench) -> None:
    one, camera = scripted(bench)
    camera.show(1)
    one.until_state("STARTING", "RUNNING")
    for _ in range(12):
        one.clock.advance(50 * MS)
        refused = one.source.counts()["depth"].get("garbage", 0)
        camera.show(1, shape=(4, 3))
        one.until(lambda refused=refused: one.source.counts()["depth"].get("garbage", 0) > refused)
    assert one.changes[2:] == [("STALE", "garbage: 3x4, not 4x3")]
    assert one.source.counts() == {"depth": {"garbage": 12, "overrun": 2}}
    assert len(one.samples()) == 1
    camera.show(2)
    one.until_state("STARTING", "RUNNING", "STALE", "RUNNING")


def test_what_the_device_itself_cannot_read_is_why_nothing_comes(bench) -> None:
    one, camera = scripted(bench)
    camera.show(1)
    one.until_state("STARTING", "RUNNING")
    asked: list[int] = []

    def counts() -> dict[str, dict[str, int]]:
        asked.append(1)
        return {"depth": {"corrupt": len(asked), "overrun": 2}}

    camera.counts = counts
    one.until(lambda: len(asked) > 2)
    one.pass_time(3.0)
    why = "nothing that can be used: corrupt"
    assert one.changes[2:] == [("STALE", why), ("RECONNECTING", why)]


def test_the_same_picture_for_ever_and_the_wrong_rate_are_said_once(bench) -> None:
    one, camera = scripted(bench)
    for _ in range(70):
        one.clock.advance(100 * MS)
        count = len(one.samples())
        camera.show(1)
        one.until(lambda count=count: len(one.samples()) > count)
    assert one.changes[2:] == [("RUNNING", "the same frame for more than 5 s")]
    status = one.source.status()["depth"]
    assert (status.rate_hz, status.rate_ok) == (pytest.approx(10, rel=0.05), True)
    for value in range(20):
        one.clock.advance(200 * MS)
        count = len(one.samples())
        camera.show(value)
        one.until(lambda count=count: len(one.samples()) > count)
    assert one.changes[3] == ("RUNNING", "")
    assert one.changes[-1][1].endswith("Hz, not 10")
    assert len(one.changes) <= 5
    assert not one.source.status()["depth"].rate_ok


def test_a_driver_that_breaks_is_opened_again_and_reset_when_that_does_not_help(bench, caplog) -> None:
    one, camera = scripted(bench)
    camera.script.put(ZeroDivisionError("a bug"))
    one.until_state("STARTING", "RECONNECTING")
    assert "a driver failed" in caplog.text
    for seconds in (1.1, 2.1, 4.1):
        camera.script.put(DeviceError("still away"))
        closed = camera.calls.count("close")
        one.pass_time(seconds)
        one.until(lambda closed=closed: camera.calls.count("close") > closed)
        one.until(lambda: one.source.status()["depth"].reason == "still away")
    assert camera.calls == [
        "open",
        "close",
        "open",
        "close",
        "reset",
        "open",
        "close",
        "reset",
        "open",
        "close",
    ]
    assert one.changes == [("STARTING", ""), ("RECONNECTING", "ZeroDivisionError: a bug")]


def test_what_cannot_be_helped_is_failed_and_holds_nobody_up(bench) -> None:
    one, camera = scripted(bench)

    def refuse() -> None:
        raise DeviceFailedError("install pyrealsense2")

    camera.on_open = refuse
    one.until_state("STARTING", "FAILED")
    one.pass_time(20)
    assert camera.calls == ["open", "close"]
    assert one.progress()[-1] == one.clock.now_ns() - 200 * MS


def test_what_the_device_knows_better_once_open_is_told_once(bench) -> None:
    one, camera = scripted(bench)
    refined = StreamInfo(**{f: getattr(INFO, f) for f in INFO.__struct_fields__} | {"fx": 600.0})
    camera.on_open = lambda: setattr(camera, "streams", (refined,))
    one.until(lambda: one.source.streams == (refined,))
    assert one.source.refined() == (refined,)
    assert one.source.refined() == ()


def test_who_stops_half_way_gets_the_rest_later(bench) -> None:
    one, camera = scripted(bench)
    camera.show(1)
    deadline = time.monotonic() + 10
    for event in iter(lambda: next(one.source.poll(START), None), 0):
        assert time.monotonic() < deadline
        if isinstance(event, Sample):
            break
    assert [e.t_ns for e in one.source.poll(START) if isinstance(e, Progress)] == [START - 5 * MS]


def test_a_hung_device_does_not_hold_up_the_end(bench) -> None:
    one, camera = scripted(bench)
    camera.show(1)
    one.until_state("STARTING", "RUNNING")
    camera.read = lambda _: time.sleep(1.0) or []  # type: ignore[method-assign]
    began = time.monotonic()
    one.source.stop(timeout_s=0.05)
    assert time.monotonic() - began < 0.9


def test_what_a_hung_session_still_gives_is_taken_and_is_no_sign_of_life(bench) -> None:
    one, camera = scripted(bench)
    camera.show(1)
    one.until_state("STARTING", "RUNNING")
    reading = Reading("depth", START + NS, "16UC1", np.zeros((3, 4), np.uint16))
    entered, freed = threading.Event(), threading.Event()

    def hang(_: float) -> list[Reading]:
        entered.set()
        return [reading] if freed.wait(10) else []

    camera.read = hang  # type: ignore[method-assign]
    entered.wait(10)
    one.pass_time(2.7)
    freed.set()
    one.until(lambda: len(one.samples()) == 2)
    assert [state for state, _ in one.changes] == ["STARTING", "RUNNING", "STALE", "RECONNECTING"]
    one.pass_time(1.1)
    one.until_state("STARTING", "RUNNING", "STALE", "RECONNECTING", "RUNNING")


def test_an_imu_is_unplugged_and_comes_back(bench, serial_port) -> None:
    pytest.importorskip("serial", reason="pyserial (sixsense[wearables]) is not installed")
    one = bench(lambda clock: SerialImu(clock=clock, id=str(serial_port.path)))

    def talk() -> bool:
        serial_port.send(b"1,2,3,4,5,6\n")
        return [state for state, _ in one.changes][-1:] == ["RUNNING"]

    one.until(talk)
    before = one.samples()[-1]
    serial_port.unplug()
    one.until_state("STARTING", "RUNNING", "RECONNECTING")
    one.pass_time(1.1)
    one.until(lambda: "is it plugged in" in one.source.status()["imu"].reason)
    serial_port.plug()
    one.pass_time(2.1)
    one.until(talk)
    assert [state for state, _ in one.changes] == ["STARTING", "RUNNING", "RECONNECTING", "RUNNING"]
    after = one.samples()[-1]
    assert after.epoch == before.epoch
    items = [(s.item, s.items) for s in one.samples()]
    assert all(a + n == b for (a, n), (b, _) in pairwise(items))
