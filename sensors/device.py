"""Device: what every live sensor looks like: find, open, read, close. One device kind a file."""

from typing import NamedTuple, Protocol, runtime_checkable

import msgspec
import numpy as np

from .errors import SourceError
from .sample import ClockKind, StreamInfo


class DeviceError(SourceError):
    """A device that is not there, went away, or does not do what it was opened for: tried again later."""


class DeviceFailedError(DeviceError):
    """A device that trying again cannot help: a missing package, a refused address, options at odds."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One device that `find` saw. `id` is stable: it survives a reboot and another USB port's index.

    `options` are those of its `[[sensor]]` table, so that a configuration can be written from it.
    """

    driver: str
    id: str
    name: str
    modes: tuple[str, ...] = ()
    options: dict[str, str | int | float | bool]


class Reading(NamedTuple):
    """One frame, chunk of PCM or batch of rows as the device gave it, in the units of its modality.

    `stamp_ns` and `stamps` (int64 (n,), rows only) are on the clock that the device was opened with.
    `data` is by `encoding`, as in `Sample`, and is not written to again.
    """

    stream: str
    stamp_ns: int
    encoding: str
    data: np.ndarray
    stamps: np.ndarray | None = None
    clock: ClockKind = "host"


class Device(Protocol):
    """A live sensor: `Class(*, clock, **options)`, the options being those of its `[[sensor]]` table.

    Making one touches no hardware and imports nothing heavy, so that a run can be planned without it.
    `name` is among the options and names its stream (or begins the names of several); `delay_ms` is not:
    whoever runs the device subtracts it. After it was made, one thread touches it, but for `counts`.
    """

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        """What it promises to give, known from the options before `open`, refined by it (intrinsics)."""
        ...

    def open(self) -> None:
        """Start it. Can be called again after `close`. Raises DeviceError with what to do."""
        ...

    def read(self, timeout_s: float) -> list[Reading]:
        """What came since the last call, waiting at most `timeout_s` for something; [] when nothing came.

        The stamps of a stream do not decrease. Raises DeviceError when the device is gone.
        """
        ...

    def close(self) -> None:
        """Stop it and let go of it. Never raises; can be called at any time."""
        ...

    def counts(self) -> dict[str, dict[str, int]]:
        """Losses the device itself noticed, by stream and cause (`{"microphone": {"overrun": 2}}`)."""
        ...


@runtime_checkable
class Resettable(Protocol):
    """A device that can be reset where closing and opening it again did not help."""

    def reset(self) -> None:
        """Reset it, while it is closed. Raises DeviceError."""
        ...
