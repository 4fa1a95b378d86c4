"""`sixsense check`: every mistake of a configuration at once, and what it names that is not there."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import typer

from ..encoders.card import read_card
from ..nodes.wire.endpoints import keys_for
from ..nodes.wire.keys import Grant, grants, keys_folder
from ..sensors import drivers
from ..sensors.errors import SixsenseError
from .config import load_config
from .find import Search, search
from .plan import plan_run, plan_sensor
from .schema import Config, RemoteSensor, Sensor

UNSEEN = ("://", "gst:")
"""Parts of an id that says how to reach a device, which looking around does not show."""


def main(name: str) -> bool:
    """Print what is wrong and what is missing; whether it can be run. Raises ConfigError for its text."""
    config = load_config(name)
    # Planning the run stumbles over the first of them again.
    mistakes = list(dict.fromkeys(wrong(config)))
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
    yield from without_keys(config)
    for sensor in config.sensor:
        yield from _said(partial(plan_sensor, sensor, config))
    yield from _said(partial(read_card, config.model))
    yield from _said(partial(plan_run, config))


def without_keys(config: Config) -> Iterator[str]:
    """The endpoints that need keys which this machine has not, and the sensors whose keys are not allowed."""
    remote = [sensor for sensor in config.sensor if isinstance(sensor, RemoteSensor)]
    keyed = any(sensor.key for sensor in remote)
    ends = config.endpoints
    for name, endpoint in (("results", ends.results), ("control", ends.control), ("ingest", ends.ingest)):
        if endpoint and (name != "ingest" or remote):
            asked = name == "ingest" and keyed
            yield from _said(partial(keys_for, name, endpoint, asked=asked))
    try:
        known = grants(keys_folder())
    except SixsenseError as error:
        yield str(error)
        return
    yield from not_allowed(remote, known)


def not_allowed(remote: Iterable[RemoteSensor], known: Mapping[str, Grant]) -> Iterator[str]:
    """The sensors on other machines whose keys may not publish all their streams, and the command for it."""
    for sensor in remote:
        grant = known.get(sensor.key)
        streams = [stream.name for stream in sensor.streams]
        refused = [name for name in streams if grant is None or not grant.may_publish(name)]
        if sensor.key and refused:
            key = f"'{grant.key}'" if grant else "PUBLIC-KEY"
            names = ",".join(streams)
            yield (
                f"remote sensor {sensor.name!r}: its key {sensor.key!r} is not allowed to publish "
                f"{', '.join(refused)}; `sixsense keys list` there prints the public key, then here: "
                f"`sixsense keys allow {sensor.key} {key} --streams {names}`"
            )


def _said(attempt: Callable[[], object]) -> Iterator[str]:
    try:
        attempt()
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
