"""Pausing a replay: the space key in a terminal, or SIGUSR1."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

LOOK_S = 0.2


@contextmanager
def pausing(toggle: Callable[[], None]) -> Generator[None]:
    """`toggle` is called at each space key, if standard input is a terminal, and at each SIGUSR1."""
    before = signal.signal(signal.SIGUSR1, lambda *_: toggle())
    try:
        with space_key(toggle):
            yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@contextmanager
def space_key(pressed: Callable[[], None], descriptor: int | None = None) -> Generator[None]:
    """Calls `pressed` from a thread; the terminal is as it was afterwards. Ctrl-C stays Ctrl-C."""
    import termios
    import tty

    terminal = sys.__stdin__.fileno() if descriptor is None and sys.__stdin__ else descriptor
    if terminal is None or not os.isatty(terminal):
        yield
        return
    over = threading.Event()

    def listen() -> None:
        while not over.is_set():
            if select.select([terminal], [], [], LOOK_S)[0] and b" " in os.read(terminal, 64):
                pressed()

    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSANOW)
    thread = threading.Thread(target=listen, name="space key", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        termios.tcsetattr(terminal, termios.TCSANOW, before)
