"""`sixsense check`: every mistake of a configuration at once, and what it names that is not there."""

import os
from collections.abc import Iterable, Iterator

import typer

from ..sensors import drivers
from ..sensors.errors import SixsenseError
from .config import load_config
from .find import Search, search
from .plan import plan_run
from .schema import Config, Sensor

UNSEEN = ("://", "gst:")
"""Parts of an id that says how to reach a device, which looking around does not show."""


def main(name: str) -> bool:
    """Print what is wrong and what is missing; whether it can be run. Raises ConfigError for its text."""
    config = load_config(name)
    mistakes = list(wrong(config))
    for text in mistakes:
        typer.echo(f"mistake: {text}", err=True)
    for text in missing(config, search(_kinds(config))):
        typer.echo(f"warning: {text}", err=True)
    if not mistakes:
        kinds = ", ".join(_tag(sensor) for sensor in config.sensor)
        typer.echo(f"{name} can be run: model {config.model}; sensors {kinds}; watches {len(config.watch)}")
    return not mistakes


def wrong(config: Config) -> Iterator[str]:
    """What the file's own text does not show: files that are not there, what the model has no window for."""
    for watch in config.watch:
        if watch.file is not None and not os.path.isfile(watch.file):
            yield f"watch {watch.name!r}: there is no file {watch.file}; correct the path"
    try:
        plan_run(config)
    except SixsenseError as error:
        yield str(error)


def missing(config: Config, searches: Iterable[Search]) -> Iterator[str]:
    """A line for each live device that is not there now."""
    seen = {one.driver: one for one in searches}
    for sensor in config.sensor:
        driver, wanted = _tag(sensor), getattr(sensor, "id", "")
        if driver not in seen or any(part in wanted for part in UNSEEN) or wanted == "default":
            continue
        one, ids = seen[driver], {found.id for found in seen[driver].found}
        is_there = os.path.exists(wanted) if wanted.startswith("/") else wanted in ids or (not wanted and ids)
        if not is_there:
            why = one.problem or f"there: {', '.join(sorted(ids)) or 'none'}"
            yield f"{driver} {wanted or '(any)'} is not there now ({why}); it may be plugged in later"


def _kinds(config: Config) -> set[str]:
    return {_tag(sensor) for sensor in config.sensor} & drivers.DEVICES.keys()


def _tag(sensor: Sensor) -> str:
    return str(sensor.__struct_config__.tag)
