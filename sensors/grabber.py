"""Grabber: a thread that reads a device which makes its reader wait, and a slot for its newest reading."""

import threading
from collections.abc import Generator

from .device import DeviceError, Reading

STOP_S = 2.0
"""A driver that does not come back within this is left to itself: its thread ends when it does."""


class Grabber:
    """One device's readings, from each opening of it to the next. `name` is what errors call it.

    The generator owns the device: it is closed in its own thread when the grabber stops. `overwritten` counts
    the readings that a newer one replaced before anybody took them, over all openings.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._opened: _Opened | None = None
        self._before = 0

    @property
    def overwritten(self) -> int:
        return self._before + (self._opened.overwritten if self._opened else 0)

    def start(self, readings: Generator[Reading]) -> None:
        """Take readings from a generator as fast as it gives them, and no more from the one before."""
        self.stop()
        self._opened = _Opened(readings, self._name)

    def take(self, timeout_s: float) -> list[Reading]:
        """The newest reading that nobody took yet, or none after `timeout_s`.

        Raises DeviceError when the device is not open, and when it has ended or failed, once its last reading
        is taken.
        """
        if self._opened is None:
            raise DeviceError(f"{self._name} is not open; open it before reading")
        return self._opened.take(timeout_s)

    def stop(self) -> None:
        """Ask the thread to end and wait for it, but not for ever."""
        if self._opened is not None:
            self._opened.stop()
            self._before += self._opened.overwritten
        self._opened = None


class _Opened:
    """One opening of a device: its thread, and the slot."""

    def __init__(self, readings: Generator[Reading], name: str) -> None:
        self.overwritten = 0
        self._readings, self._name = readings, name
        self._change = threading.Condition()
        self._newest: Reading | None = None
        self._over: DeviceError | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"grab {name}", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> list[Reading]:
        with self._change:
            self._change.wait_for(lambda: self._newest is not None or self._over is not None, timeout_s)
            newest, self._newest = self._newest, None
            if newest is not None:
                return [newest]
            if self._over is not None:
                raise self._over
            return []

    def stop(self) -> None:
        self._stopping = True
        if self._thread is not threading.current_thread():
            self._thread.join(STOP_S)

    def _run(self) -> None:
        over = DeviceError(f"{self._name} gives nothing more; check that it is plugged in and switched on")
        try:
            for reading in self._readings:
                if self._stopping:
                    break
                self._put(reading)
        except DeviceError as error:
            over = error
        except Exception as error:
            # Whatever a driver raises must reach the reader, who would otherwise wait for nothing.
            over = DeviceError(f"{self._name} failed: {type(error).__name__}: {error}")
        finally:
            self._readings.close()
            with self._change:
                self._over = over
                self._change.notify_all()

    def _put(self, reading: Reading) -> None:
        with self._change:
            self.overwritten += self._newest is not None
            self._newest = reading
            self._change.notify_all()
