"""The drivers: what a config calls them, and what opens them. A new sensor is one file and one row here."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from .clock import Clock
from .device import Device
from .errors import SourceError
from .sample import Source

DRIVERS = {
    "simulated": ".simulated.robot:SimulatedRobot",
    "recording": ".logs:open_log",
}
"""Sources that are pulled: `module:callable`, imported when first used; its keywords are the options."""


class Live(NamedTuple):
    """One row: where the class is, and how late its readings normally come.

    `lateness_ms` is how far readings of one stream may come out of order or be stamped early; `idle_ms` the
    longest normal time from a stamp to its delivery (a batch's length and its way here).
    """

    place: str
    lateness_ms: float = 5.0
    idle_ms: float = 250.0


DEVICES = {
    "camera": Live(".camera:Camera"),
    "microphone": Live(".microphone:Microphone", idle_ms=500.0),
    "depth": Live(".depth:Depth"),
    "thermal": Live(".thermal:Thermal", idle_ms=400.0),
    "imu_serial": Live(".imu_serial:SerialImu", idle_ms=150.0),
    "phone": Live(".phone:Phone", lateness_ms=40.0, idle_ms=2500.0),
}
"""Live devices: made with `clock` and the options of their `[[sensor]]` table."""

PLUGINS = "sixsense.sensors"
"""The entry point group through which another package brings a live device: `name = "module:Class"`."""


def open_source(driver: str, options: Mapping[str, Any]) -> Source:
    """Open a source: a driver of the table, or any `package.module:callable` that returns one.

    Raises SourceError for a driver that does not exist or a device that does not open.
    """
    place = DRIVERS.get(driver, driver)
    if ":" not in place:
        raise SourceError(f"there is no driver {driver!r}; there are {', '.join(sorted(DRIVERS))}")
    opener: Callable[..., Source] = _loaded(place)
    return opener(**options)


def live_row(driver: str) -> Live:
    """The row of a live device: of the table, of another package's entry point, or `package.module:Class`.

    Raises SourceError for one that does not exist.
    """
    if driver in DEVICES:
        return DEVICES[driver]
    brought = {point.name: point.value for point in entry_points(group=PLUGINS)}
    place = brought.get(driver, driver)
    if ":" not in place:
        known = ", ".join(sorted({*DEVICES, *brought}))
        raise SourceError(
            f"there is no device driver {driver!r}; there are {known}, or write package.module:Class"
        )
    return Live(place)


def make_device(driver: str, options: Mapping[str, Any], clock: Clock) -> Device:
    """A device, not yet open. Raises SourceError for a driver that does not exist or options at odds."""
    row = live_row(driver)
    try:
        return _loaded(row.place)(clock=clock, **options)
    except TypeError as error:
        raise SourceError(
            f"driver {driver!r} does not take these options ({error}): {dict(options)}"
        ) from error


def _loaded(place: str) -> Callable[..., Any]:
    """What `module:name` names; a module that begins with a dot is one of this folder."""
    module, name = place.split(":")
    try:
        return getattr(import_module(module, __package__), name)
    except (ImportError, AttributeError) as error:
        raise SourceError(
            f"cannot load {place}: {error}; install what brings it, or correct its name"
            " (PYTHONPATH=FOLDER finds a module that is not installed)"
        ) from error
