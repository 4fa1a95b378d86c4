"""Grabber: a thread that reads a device which makes its reader wait, and a slot for its newest reading."""

import threading
from collections.abc import Generator

from .device import DeviceError, Reading

STOP_S = 2.0
"""A driver that does not come back within this is left to itself: its thread ends when it does."""


class Grabber:
    """Takes readings from a generator as fast as it gives them; who is late finds only the newest.

    The generator owns the device: it is closed in its own thread when the grabber stops. `overwritten`
    counts the readings that a newer one replaced before anybody took them.
    """

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
        """The newest reading that nobody took yet, or none after `timeout_s`.

        Raises DeviceError when the device has ended or failed, once its last reading is taken.
        """
        with self._change:
            self._change.wait_for(lambda: self._newest is not None or self._over is not None, timeout_s)
            newest, self._newest = self._newest, None
            if newest is not None:
                return [newest]
            if self._over is not None:
                raise self._over
            return []

    def stop(self) -> None:
        """Ask the thread to end and wait for it, but not for ever."""
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
