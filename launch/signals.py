"""Stopping cleanly, whoever asks."""

import signal
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def sigterm_as_ctrl_c() -> Generator[None]:
    """A service manager's stop is as clean as a person's: SIGTERM raises KeyboardInterrupt."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
