"""The space key and SIGUSR1, on a pseudo-terminal; what a terminal is not is left alone."""

import os
import pty
import signal
import termios
from threading import Event

from sixsense.launch.pausing import pausing, space_key


def test_the_space_key_and_no_other() -> None:
    master, terminal = pty.openpty()
    before, pressed = termios.tcgetattr(terminal), Event()
    with space_key(pressed.set, terminal):
        os.write(master, b"x")
        assert not pressed.wait(0.3)
        os.write(master, b" ")
        assert pressed.wait(5)
    assert termios.tcgetattr(terminal) == before
    os.close(master)
    os.close(terminal)


def test_a_signal() -> None:
    told = Event()
    before = signal.getsignal(signal.SIGUSR1)
    with pausing(told.set):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert told.wait(5)
    assert signal.getsignal(signal.SIGUSR1) == before


def test_what_is_no_terminal_is_left_alone() -> None:
    reading, writing = os.pipe()
    with space_key(lambda: None, reading):
        pass
    os.close(reading)
    os.close(writing)
