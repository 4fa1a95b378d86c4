"""One reading of a device, for a person who wonders whether it works: what a driver's `__main__` does."""

import sys
from collections.abc import Callable
from typing import Any

from .clock import Clock, Timeline
from .device import Device
from .errors import SourceError

WAIT_S = 5.0


def print_one(make: Callable[..., Device], **defaults: Any) -> None:
    """Open the device made of `KEY=VALUE` arguments (a lone argument is `id`) and print its first reading."""
    given = [text if "=" in text else f"id={text}" for text in sys.argv[1:]]
    options = {key: _value(text) for key, text in (pair.split("=", 1) for pair in given)}
    clock = Timeline(0)
    try:
        device = make(clock=clock, **{**defaults, **options})
        device.open()
        try:
            print(_first(device, clock))
        finally:
            device.close()
    except (SourceError, TypeError) as error:
        sys.exit(str(error))


def _first(device: Device, clock: Clock) -> str:
    """The first reading as a line, or that there was none."""
    end_ns = clock.now_ns() + round(WAIT_S * 1e9)
    while clock.now_ns() < end_ns:
        for reading in device.read(0.1):
            age_ms = (clock.now_ns() - reading.stamp_ns) / 1e6
            shape = "x".join(map(str, reading.data.shape))
            head = reading.data.reshape(-1)[:6].tolist()
            return f"{reading.stream}: {reading.encoding} {shape}, {age_ms:.1f} ms ago: {head}"
    names = ", ".join(info.stream for info in device.streams)
    return f"{names}: open, and gives nothing for {WAIT_S:g} s"


def _value(text: str) -> Any:
    """A number where it is one, a tuple where there are commas between names, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return tuple(text.split(",")) if "," in text.strip(",") else text
