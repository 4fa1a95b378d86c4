"""The drivers: what a config calls them, and what opens them. A new sensor is one file and one row here."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from .errors import SourceError
from .sample import Source

DRIVERS = {
    "simulated": ".simulated.robot:SimulatedRobot",
    "recording": ".recording:open_recording",
}
"""By name: `module:callable`, imported when first used; the callable's keyword arguments are the options."""


def open_source(driver: str, options: Mapping[str, Any]) -> Source:
    """Open a source: a driver of the table, or any `package.module:callable` that returns one.

    Raises SourceError for a driver that does not exist or a device that does not open.
    """
    place = DRIVERS.get(driver, driver)
    if ":" not in place:
        raise SourceError(f"there is no driver {driver!r}; there are {', '.join(sorted(DRIVERS))}")
    module, name = place.split(":")
    opener: Callable[..., Source] = getattr(import_module(module, __package__), name)
    return opener(**options)
