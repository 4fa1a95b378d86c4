"""Stopping cleanly, whoever asks: a person's Ctrl-C, or a service manager's SIGTERM."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def sigterm_as_ctrl_c() -> Generator[None]:
    """SIGTERM raises KeyboardInterrupt, wherever the program is: for what may be left half done."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def on_ctrl_c(call: Callable[[], None]) -> Generator[None]:
    """Ctrl-C and SIGTERM call `call`, and break nothing that is half read or written; a second one raises
    KeyboardInterrupt. A signal that this process was started to ignore stays ignored."""

    def first(*_: object) -> None:
        for one in before:
            signal.signal(one, signal.default_int_handler)
        call()

    asked = (signal.SIGINT, signal.SIGTERM)
    before = {one: old for one in asked if (old := signal.getsignal(one)) is not signal.SIG_IGN}
    for one in before:
        signal.signal(one, first)
    try:
        yield
    finally:
        for one, old in before.items():
            signal.signal(one, old)
