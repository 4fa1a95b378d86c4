"""Reading a configuration: found by path or name, checked, every mistake located."""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from ..sensors.errors import SixsenseError
from .mistakes import Mistake, located, mistakes, show, suggestion
from .schema import Config, Endpoints, RemoteSensor, Sensor, SimulatedSensor, StreamName, WatchConfig
from .toml_lines import Path as KeyPath
from .toml_lines import key_lines, line_of, syntax_line

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


class ConfigError(SixsenseError):
    """A configuration that cannot be used: file, line, key and what to write instead."""


def find_config(name: str) -> Path:
    """The file at this path, or the packaged one of this name (`demo`, `demo.toml`, `configs/demo.toml`).

    Raises ConfigError when there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    packaged = CONFIGS / f"{path.name.removesuffix('.toml')}.toml"
    if path.parent.name in ("", CONFIGS.name) and packaged.is_file():
        return packaged
    known = sorted(file.stem for file in CONFIGS.glob("*.toml"))
    raise ConfigError(
        f"there is no configuration file {name}; give the path of a TOML file, or a packaged one;"
        f" {suggestion(path.stem, known)}"
    )


def load_config(name: str) -> Config:
    """Read and check a configuration (a path or a packaged name); its relative paths become absolute.

    Raises ConfigError with one line for every mistake: `file:line: key is value: what to do`.
    """
    path = find_config(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}; a configuration is UTF-8 TOML") from error
    return _absolute(parse_config(text, str(path)), path.resolve().parent)


def parse_config(text: str, file: str) -> Config:
    """A configuration from its TOML text; `file` is for messages. Raises ConfigError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{file}:{syntax_line(error)}: not TOML: {error}; strings need quotes, tables are [name]"
        ) from error
    _refuse(list(mistakes(document, Config)), text, file)
    config = msgspec.convert(document, Config)
    _refuse(list(_rule_mistakes(config)), text, file)
    return config


def _refuse(found: list[Mistake], text: str, file: str) -> None:
    if found:
        lines = key_lines(text)
        raise ConfigError("\n".join(located(one, file, line_of(one.path, lines)) for one in found))


def _rule_mistakes(config: Config) -> Iterator[Mistake]:
    """What the types cannot say."""
    yield from _hop_mistakes(("fusion", "hop_s"), config.fusion.hop_s)
    for modality, window in config.windows.items():
        yield from _hop_mistakes(("windows", modality, "hop_s"), window.hop_s)
    yield from _endpoint_mistakes(config.endpoints)
    yield from _repeats(
        (("sensor", index), stream)
        for index, sensor in enumerate(config.sensor)
        for stream in _streams(sensor)
    )
    yield from _repeats((("watch", index, "name"), watch.name) for index, watch in enumerate(config.watch))
    yield from _repeats((("labels", index, "name"), one.name) for index, one in enumerate(config.labels))
    for index, watch in enumerate(config.watch):
        yield from _watch_mistakes(("watch", index), watch)


def _hop_mistakes(path: KeyPath, hop_s: float | None) -> Iterator[Mistake]:
    """Hops are multiples of 10 ms, so that overlapping windows can share their mel frames."""
    if hop_s is not None and (round(hop_s * 1e9) % 10_000_000 or hop_s < 0.01):
        nearest = max(round(hop_s, 2), 0.01)
        yield Mistake(path, f"is {show(hop_s)}: a hop is a multiple of 0.01 s; write for example {nearest}")


def _endpoint_mistakes(endpoints: Endpoints) -> Iterator[Mistake]:
    for name in ("results", "control", "ingest"):
        value: str = getattr(endpoints, name)
        if value and not value.startswith(("tcp://", "ipc://")):
            yield Mistake(
                ("endpoints", name),
                f"is {show(value)}: expected tcp://HOST:PORT or ipc://PATH;"
                ' write for example "tcp://127.0.0.1:5556"',
            )
    if endpoints.results == endpoints.control and endpoints.results:
        yield Mistake(("endpoints", "control"), "is the same as endpoints.results; give it a port of its own")
    if bool(endpoints.results) != bool(endpoints.control):
        missing = "control" if endpoints.results else "results"
        yield Mistake(("endpoints", missing), "is empty while the other is not; set both, or neither")


def _streams(sensor: Sensor) -> tuple[str, ...]:
    if isinstance(sensor, SimulatedSensor):
        return sensor.streams or get_args(StreamName)
    if isinstance(sensor, RemoteSensor):
        return tuple(stream.name for stream in sensor.streams)
    name = getattr(sensor, "name", "")
    return (name,) if name else ()


def _repeats(named: Iterable[tuple[KeyPath, str]]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for path, name in named:
        if name in seen:
            yield Mistake(path, f"is {show(name)}, which is there already; give each a name of its own")
        seen.add(name)


def _watch_mistakes(path: KeyPath, watch: WatchConfig) -> Iterator[Mistake]:
    given = [name for name in ("text", "file", "simulated") if getattr(watch, name) is not None]
    if len(given) != 1:
        what = " and ".join(given) or "nothing to watch for"
        yield Mistake(path, f"has {what}; write one of text, file, simulated")
    if watch.off > watch.on:
        yield Mistake(
            (*path, "off"),
            f"is {watch.off}, above on = {watch.on}: an event would end as it begins; write off below on",
        )


def _absolute(config: Config, folder: Path) -> Config:
    """Paths in a configuration are relative to its own folder, wherever the command runs."""
    sensors = [_absolute_field(sensor, "path", folder) for sensor in config.sensor]
    watches = [_absolute_field(watch, "file", folder) for watch in config.watch]
    model = str(folder / config.model) if _is_path(config.model) else config.model
    labels = tuple(
        one if "/" not in one.file and not one.file.endswith(".txt") else _absolute_field(one, "file", folder)
        for one in config.labels
    )
    return msgspec.structs.replace(
        config, model=model, sensor=tuple(sensors), watch=tuple(watches), labels=labels
    )


def _is_path(model: str) -> bool:
    return "/" in model or model.endswith((".pth", ".safetensors"))


def _absolute_field(table: Any, field: str, folder: Path) -> Any:
    value = getattr(table, field, None)
    return table if value is None else msgspec.structs.replace(table, **{field: str(folder / value)})
