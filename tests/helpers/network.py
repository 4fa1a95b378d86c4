"""Two machines' networks on one: namespaces joined by TAP devices and a forwarder that is as bad as asked."""

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Callable

import pytest

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
TUN = "/dev/net/tun"
FRAME = 65536


def why_not() -> str:
    """Why two networks cannot be made here, or nothing."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    if not os.path.exists(TUN):
        return f"there is no {TUN}"
    return ""


class Machine:
    """A network namespace with one TAP device; `run` runs a function in it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._ready = threading.Event()
        self._over = threading.Event()
        self._error: OSError | subprocess.CalledProcessError | None = None
        self._jobs: list[threading.Thread] = []
        self._wanted: list[tuple[Callable[[], None], threading.Event]] = []
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        self._ready.wait(10)
        if self._error:
            pytest.skip(f"no network namespace here: {self._error}")

    def start(self, work: Callable[[], None]) -> threading.Thread:
        """A thread of this machine: it, and the sockets that it makes, are in its network."""
        started = threading.Event()
        with self._wake:
            self._wanted.append((work, started))
            self._wake.notify()
        started.wait(10)
        return self._jobs[-1]

    def close(self) -> None:
        with self._wake:
            self._over.set()
            self._wake.notify()
        self._thread.join(10)
        os.close(self.tap)

    def _live(self) -> None:
        """The thread from which the others of this machine are started: they inherit its network."""
        try:
            self._make()
        except (OSError, subprocess.CalledProcessError) as error:
            self._error = error
            return
        finally:
            self._ready.set()
        with self._wake:
            while not self._over.is_set():
                while self._wanted:
                    work, started = self._wanted.pop(0)
                    self._jobs.append(threading.Thread(target=work, daemon=True))
                    self._jobs[-1].start()
                    started.set()
                self._wake.wait()

    def _make(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        self.tap = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", b"six0", IFF_TAP | IFF_NO_PI))
        for command in (
            f"addr add {self.address}/24 dev six0",
            "link set six0 up txqueuelen 1000",
            "link set lo up",
        ):
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)


class Wire(threading.Thread):
    """Carries frames between two machines: `delay_s` give or take `jitter_s` (which reorders), `loss` of them
    never, and none while it is cut."""

    def __init__(self, one: Machine, other: Machine, *, delay_s: float, jitter_s: float, loss: float) -> None:
        super().__init__(daemon=True)
        self._to = {one.tap: other.tap, other.tap: one.tap}
        self._delay_s, self._jitter_s, self._loss = delay_s, jitter_s, loss
        self._random, self._due = random.Random(1), list[tuple[float, int, int, bytes]]()
        self.over, self.cut = threading.Event(), threading.Event()
        self.carried = self.lost = 0

    def run(self) -> None:
        while not self.over.is_set():
            wait_s = max(0.0, self._due[0][0] - time.monotonic()) if self._due else 0.05
            for tap in select.select([*self._to], [], [], min(wait_s, 0.05))[0]:
                self._read(tap)
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, tap, frame = heapq.heappop(self._due)
                os.write(tap, frame)

    def _read(self, tap: int) -> None:
        while True:
            try:
                frame = os.read(tap, FRAME)
            except BlockingIOError:
                return
            if self.cut.is_set() or self._random.random() < self._loss:
                self.lost += 1
                continue
            self.carried += 1
            delay_s = self._delay_s + self._random.uniform(-self._jitter_s, self._jitter_s)
            due = (time.monotonic() + delay_s, self.carried, self._to[tap], frame)
            heapq.heappush(self._due, due)
