import io
import json
import signal
from functools import partial

import pytest
from rich.console import Console
from sixsense.launch.present import JsonPresenter, LinesPresenter, LivePresenter
from sixsense.launch.running import follow
from sixsense.launch.signals import on_ctrl_c, sigterm_as_ctrl_c


class Script:
    """A service that gives its steps one after the other: a message, an error to raise, or a call."""

    def __init__(self, *steps: object) -> None:
        self._steps = list(steps)
        self.stopped = 0

    def outputs(self, timeout_s):
        assert timeout_s is not None
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, partial):
                step()
                continue
            yield step

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture(autouse=True)
def _ctrl_c():
    """Ctrl-C is not ignored, as it is in what a shell runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_run_ends_with_its_final_status(made):
    final = made.status(2, final=True)
    service = Script(made.fused(1, "camera"), TimeoutError(), made.status(1), final)
    shown, idle = [], []
    assert follow(service, shown.append, lambda: idle.append(1)) is final
    assert [type(message).__name__ for message in shown] == ["Fused", "Status", "Status"]
    assert len(idle) == 1
    assert service.stopped == 0


def test_ctrl_c_lets_what_is_under_way_come_through(made):
    end, final = made.match("end", 20), made.status(2, final=True)
    ctrl_c = partial(signal.raise_signal, signal.SIGINT)
    service = Script(made.fused(1, "camera"), ctrl_c, TimeoutError(), end, final)
    shown = []
    with on_ctrl_c(service.stop):
        assert follow(service, shown.append, lambda: None) is final
    assert shown[1:] == [end, final]
    assert service.stopped == 1


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_only_a_second_signal_breaks_what_is_being_done(asked):
    before, called = signal.getsignal(asked), []
    with on_ctrl_c(lambda: called.append(1)):
        signal.raise_signal(asked)
        assert called == [1]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(asked)
    assert called == [1]
    assert signal.getsignal(asked) is before


def test_a_signal_that_was_ignored_from_the_start_stays_ignored():
    before, called = signal.signal(signal.SIGINT, signal.SIG_IGN), []
    try:
        with on_ctrl_c(lambda: called.append(1)):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert called == []


def test_sigterm_is_a_ctrl_c_and_only_inside():
    before = signal.getsignal(signal.SIGTERM)
    with sigterm_as_ctrl_c(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_json_goes_to_programs_and_words_to_people(short_run):
    out, people = io.StringIO(), io.StringIO()
    with JsonPresenter(out, people) as presenter:
        presenter.say("starting")
        for _, message in short_run():
            presenter.show(message)
    presenter.finish(message)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {line["kind"] for line in lines} == {"fused", "match", "status"}
    assert sum(line["kind"] == "fused" for line in lines) == 40
    assert lines[-1]["final"] is True
    assert people.getvalue().startswith("starting\n")
    assert "fused 4: ticks" in people.getvalue()


def test_a_pipe_gets_lines(short_run):
    out, now = io.StringIO(), [0.0]
    with LinesPresenter(out, clock=lambda: now[0]) as presenter:
        for now[0], message in short_run():
            presenter.show(message)
    presenter.finish(message)
    assert "00:00:02.00 alarm begins" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_a_terminal_is_repainted_at_most_ten_times_a_second(short_run):
    out, now = io.StringIO(), [0.0]
    console = Console(file=out, width=100, height=40, force_terminal=True, force_interactive=True)
    with LivePresenter("r", console, clock=lambda: now[0]) as presenter:
        presenter.say("starting")
        before = out.getvalue().count("fused vector")
        for now[0], message in short_run():
            presenter.show(message)
        for _ in range(100):
            presenter.idle()
        paintings = out.getvalue().count("fused vector") - before
    assert 30 <= paintings <= 100
    presenter.finish(message)
    assert "fused 4: ticks" in out.getvalue()
