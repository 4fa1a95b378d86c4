"""An inertial unit on a serial port: text lines or binary frames, with or without a stamp of its own.

`columns` names the numbers of a row in their order: t, ax ay az, gx gy gz, or _ for one that is not wanted.
Six are an `imu` stream, ax ay az alone an accelerometer, gx gy gz alone a gyroscope. A number times its scale
is in `acceleration` (m/s^2 or g) or `rotation` (rad/s or deg/s), t in `stamp`. Text unless `binary` gives the
layout of a frame's fields as in the module struct ("<6h"), after `sync` (hexadecimal).
`python -m sixsense.sensors.imu_serial PORT` prints one reading.
"""

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .clock import Clock
from .device import DeviceError, DeviceFailedError, Found, Reading
from .imu_frames import frames
from .modalities import MODALITIES
from .sample import NS, StreamInfo
from .steadied import Steadied

if TYPE_CHECKING:
    import serial

PORTS = Path("/dev/serial/by-id")
STANDARD_GRAVITY = 9.80665
"""m/s^2, by definition (CGPM 1901)."""
UNITS = {"m/s^2": 1.0, "g": STANDARD_GRAVITY, "rad/s": 1.0, "deg/s": math.pi / 180}
TICKS = {"s": NS, "ms": 1_000_000, "us": 1000, "ns": 1}
AXES = {"accelerometer": ("ax", "ay", "az"), "gyroscope": ("gx", "gy", "gz")}
LIMIT = 1e9
"""No acceleration or rotation is as large as this, in any unit."""
BACK_NS = NS
"""A stamp this far before the last is of a unit that began to count anew."""


class SerialImu:
    """One unit. Without a column t rows are stamped as they arrive, those of one read a period apart."""

    def __init__(
        self,
        *,
        clock: Clock,
        id: str,
        name: str = "imu",
        baud: int = 115_200,
        rate_hz: float = 100.0,
        columns: tuple[str, ...] = ("ax", "ay", "az", "gx", "gy", "gz"),
        separator: str = ",",
        binary: str = "",
        sync: str = "",
        checksum: str = "none",
        acceleration: str = "m/s^2",
        rotation: str = "rad/s",
        acceleration_scale: float = 1.0,
        rotation_scale: float = 1.0,
        stamp: str = "us",
    ) -> None:
        self._clock, self._port, self._baud = clock, id, baud
        self._columns, self._tick_ns = tuple(columns), TICKS[stamp]
        self._format = separator, binary, sync, checksum
        modality, axes = _modality(self._columns)
        self._at = [self._columns.index(axis) for axis in axes]
        factors = {"a": UNITS[acceleration] * acceleration_scale, "g": UNITS[rotation] * rotation_scale}
        self._factors = np.array([factors[axis[0]] for axis in axes])
        self._frames = frames(self._columns, *self._format)
        self._refused: Counter[str] = Counter()
        self._steadied, self._last_ns, self._last_tick = Steadied(), 0, 0
        self._serial: serial.Serial | None = None
        self._info = StreamInfo(
            stream=name,
            modality=modality,
            encoding="f32",
            rate_hz=rate_hz,
            clock="estimated" if "t" in self._columns else "host",
            channels=len(axes),
            frame_id=f"{name}_link",
            source=id,
        )

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return (self._info,)

    def open(self) -> None:
        """Open the port; what had come before is thrown away."""
        try:
            import serial
        except ImportError as error:
            raise DeviceFailedError(
                "serial ports need pyserial: pip install 'sixsense[wearables]'"
            ) from error
        self.close()
        try:
            self._serial = serial.Serial(self._port, self._baud, timeout=0, exclusive=True)
            self._serial.reset_input_buffer()
        except (OSError, ValueError) as error:
            raise DeviceError(
                f"cannot open {self._port}: {error}; is it plugged in, may you read it (group dialout),"
                " does another program use it? `sixsense find` lists what is there"
            ) from error
        self._refused += self._frames.refused
        self._frames = frames(self._columns, *self._format)
        self._steadied, self._last_tick = Steadied(), 0

    def read(self, timeout_s: float) -> list[Reading]:
        """The rows that came, as one batch. Raises DeviceError when the unit hung up."""
        port = self._serial
        if port is None:
            raise DeviceError(f"{self._port} is not open; open it before reading")
        try:
            port.timeout = timeout_s
            first = port.read(1)
            data = first + port.read(port.in_waiting) if first else b""
        except (OSError, TypeError) as error:
            raise DeviceError(f"{self._port} hung up: {error}") from error
        table = self._sane(self._frames.feed(data))
        return [self._reading(table, self._clock.now_ns())] if len(table) else []

    def close(self) -> None:
        port, self._serial = self._serial, None
        if port is not None:
            port.close()

    def counts(self) -> dict[str, dict[str, int]]:
        """`malformed` and `overlong` lines, frames whose `checksum` is wrong."""
        return {self._info.stream: dict(self._refused + self._frames.refused)}

    def _sane(self, rows: list[tuple[float, ...]]) -> np.ndarray:
        """The rows whose numbers can be motion and time, float64 (n, columns)."""
        table = np.array(rows, np.float64).reshape(len(rows), len(self._columns))
        limits = np.array([2**62 / self._tick_ns if c == "t" else LIMIT for c in self._columns])
        good = (np.abs(table) < limits).all(axis=1)
        self._refused["malformed"] += int((~good).sum())
        return table[good]

    def _reading(self, table: np.ndarray, now_ns: int) -> Reading:
        if "t" in self._columns:
            stamps = self._steady(table[:, self._columns.index("t")], now_ns)
        else:
            # Rows that came late and together share the time since the last one.
            period_ns = min(round(NS / self._info.rate_hz), (now_ns - self._last_ns) // len(table))
            stamps = now_ns - period_ns * np.arange(len(table) - 1, -1, -1, dtype=np.int64)
        stamps = np.maximum(stamps, self._last_ns)
        self._last_ns = int(stamps[-1])
        data = (table[:, self._at] * self._factors).astype(np.float32)
        name, clock = self._info.stream, self._info.clock
        return Reading(name, int(stamps[0]), "f32", data, np.maximum.accumulate(stamps), clock)

    def _steady(self, ticks: np.ndarray, now_ns: int) -> np.ndarray:
        """The unit's own stamps on our clock; one that was reset begins anew."""
        device_ns = (ticks * self._tick_ns).astype(np.int64)
        if int(device_ns[0]) < self._last_tick - BACK_NS:
            self._steadied = Steadied()
        self._last_tick = int(device_ns[-1])
        self._steadied.learn(self._last_tick, now_ns)
        return device_ns + (self._steadied.host_ns(self._last_tick) - self._last_tick)


def find() -> list[Found]:
    """The serial ports by their stable names. Which of them is an inertial unit cannot be told."""
    if not PORTS.is_dir():
        return []
    return [
        Found(driver="imu_serial", id=str(path), name=path.name, options={"id": str(path)})
        for path in sorted(PORTS.iterdir())
    ]


def _modality(columns: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """What a row of these columns is, and which of them in which order."""
    present = {m: axes for m, axes in AXES.items() if set(axes) <= set(columns)}
    axes = tuple(axis for each in present.values() for axis in each)
    known = {"t", "_", *axes}
    repeated = [c for c in columns if c != "_" and columns.count(c) > 1]
    if not present or repeated or not set(columns) <= known:
        raise DeviceFailedError(
            f"columns = {list(columns)}: name all of ax ay az, all of gx gy gz, or both, each once;"
            " t for the time and _ for what is not wanted"
        )
    modality = "imu" if len(present) == 2 else next(iter(present))
    assert modality in MODALITIES
    return modality, axes


if __name__ == "__main__":
    from .once import print_one

    print_one(SerialImu)
