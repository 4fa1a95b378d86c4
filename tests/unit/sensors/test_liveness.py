"""The states of a live device, step by step on a clock that the test moves."""

import pytest
from sixsense.sensors.liveness import Liveness, stale_after_ns
from sixsense.sensors.sample import NS

MS = NS // 1000


class Bench:
    """One device and its clock. `run` lets time pass as ingest does, in steps of 5 ms."""

    def __init__(self, **stale_ms: int) -> None:
        self.now_ns = 0
        self.device = Liveness({name: ms * MS for name, ms in stale_ms.items()}, 0)
        self.actions: list[tuple[float, str]] = []
        self.seen: list[tuple[float, str, str, str]] = []

    def run(
        self, seconds: float, *streams: str, hz: float = 100.0, why: dict[str, str] | None = None
    ) -> None:
        end_ns, period_ns = self.now_ns + round(seconds * NS), round(NS / hz)
        while self.now_ns < end_ns:
            if self.now_ns % period_ns == 0:
                for stream in streams:
                    self.device.delivered(stream, self.now_ns)
            action = self.device.tick(self.now_ns, why)
            if action is not None:
                self.actions.append((self.now_ns / NS, action))
            self.note()
            self.now_ns += 5 * MS

    def note(self) -> None:
        self.seen += [(c.at_ns / NS, c.stream, c.state, c.reason) for c in self.device.changes()]

    def states(self) -> list[tuple[str, str]]:
        return [(stream, state) for _, stream, state, _ in self.seen]


def running(**stale_ms: int) -> Bench:
    bench = Bench(**stale_ms)
    bench.run(0.005)
    bench.device.opened(bench.now_ns)
    bench.run(1.0, *stale_ms)
    bench.seen.clear()
    bench.actions.clear()
    return bench


@pytest.mark.parametrize(
    ("rate_hz", "idle_ms", "expected_ms"),
    [(100, 250, 400), (8, 250, 400), (7.9, 250, 506), (1, 250, 4000), (100, 2500, 2500), (0, 100, 400)],
)
def test_how_long_nothing_may_come(rate_hz: float, idle_ms: int, expected_ms: int) -> None:
    assert stale_after_ns(rate_hz, idle_ms * MS) // MS == expected_ms


def test_it_starts_opens_and_runs_each_told_once() -> None:
    bench = Bench(imu=400)
    bench.run(0.005)
    bench.device.opened(bench.now_ns)
    bench.run(3.0, "imu")
    assert bench.actions == [(0.0, "open")]
    assert [(state, reason) for _, _, state, reason in bench.seen] == [("STARTING", ""), ("RUNNING", "")]


def test_a_silent_stream_is_stale_within_half_a_second_and_runs_again() -> None:
    bench = running(camera=400, imu=400)
    silent_s = bench.now_ns / NS
    bench.run(1.0, "imu")
    bench.run(1.0, "camera", "imu")
    assert bench.states() == [("camera", "STALE"), ("camera", "RUNNING")]
    assert 0.35 < bench.seen[0][0] - silent_s <= 0.5
    assert bench.seen[0][3].startswith("nothing for 0.4")
    assert bench.actions == []


def test_a_device_that_is_silent_altogether_is_opened_again() -> None:
    bench = running(camera=400, imu=400)
    bench.run(4.0)
    assert bench.states() == [(s, state) for state in ("STALE", "RECONNECTING") for s in ("camera", "imu")]
    (closed_s, close), (opened_s, opened) = bench.actions
    assert (close, opened) == ("close", "open")
    assert opened_s - closed_s == pytest.approx(1.0, abs=0.01)


def test_one_silent_stream_among_others_does_not_restart_the_device() -> None:
    bench = running(camera=400, imu=400)
    bench.run(20.0, "imu")
    assert bench.states() == [("camera", "STALE")]
    assert bench.actions == []


def test_an_unplugged_device_is_tried_after_1_2_4_4_seconds_and_reset_from_the_third_on() -> None:
    bench = running(imu=400)
    bench.device.broke(bench.now_ns, "hung up")
    for _ in range(5):
        before = len(bench.actions)
        while len(bench.actions) == before:
            bench.run(0.005)
        bench.device.broke(bench.now_ns, "not there")
    times = [s for s, _ in bench.actions]
    waits = [b - a for a, b in zip([1.005, *times], times, strict=False)]
    assert waits == pytest.approx([1, 2, 4, 4, 4], abs=0.02)
    assert [action for _, action in bench.actions] == ["open", "reset", "reset", "reset", "reset"]
    assert bench.states() == [("imu", "RECONNECTING")]
    assert bench.device.current()[0].reason == "not there"


def test_it_runs_again_after_replugging_and_the_back_off_begins_anew() -> None:
    bench = running(imu=400)
    bench.device.broke(bench.now_ns, "hung up")
    bench.run(1.1)
    bench.device.opened(bench.now_ns)
    bench.run(1.0, "imu")
    assert bench.states() == [("imu", "RECONNECTING"), ("imu", "RUNNING")]
    bench.device.broke(bench.now_ns, "hung up")
    broke_s = bench.now_ns / NS
    bench.run(1.5)
    assert bench.actions[-1][0] - broke_s == pytest.approx(1.0, abs=0.01)


def test_one_that_is_open_and_gives_nothing_is_opened_again() -> None:
    bench = Bench(imu=400)
    bench.run(0.005)
    bench.device.opened(bench.now_ns)
    bench.run(7.0, why={"imu": "garbage: no JPEG"})
    assert [action for _, action in bench.actions] == ["open", "close", "open"]
    assert bench.seen[-1][2:] == ("RECONNECTING", "garbage: no JPEG")


def test_what_trying_again_cannot_help_is_failed_and_left_alone() -> None:
    bench = Bench(imu=400)
    bench.run(0.005)
    bench.device.broke(bench.now_ns, "no pyserial", fatal=True)
    bench.run(60.0)
    assert bench.actions == [(0.0, "open")]
    assert bench.states() == [("imu", "STARTING"), ("imu", "FAILED")]


def test_a_fault_of_a_running_stream_is_told_once_and_its_end_too() -> None:
    bench = running(camera=400)
    for reason in ("the same frame", "the same frame", "", ""):
        bench.device.troubled("camera", bench.now_ns, reason)
        bench.note()
    assert [(state, reason) for _, _, state, reason in bench.seen] == [
        ("RUNNING", "the same frame"),
        ("RUNNING", ""),
    ]
