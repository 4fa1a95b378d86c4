"""What a command was given as data: folders, tables, logs, the simulated robot; judged by their content."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from ...sensors.drivers import open_source
from ...sensors.sample import NS, Source
from ..architecture import TRUNKS
from ..card import DEFAULT_IMU, ImuInput, WindowSpec
from ..errors import InputError
from .folders import class_items, files_below, files_of, is_class_folder, stem_items
from .item import Item
from .logs import choose_inputs, log_items
from .tables import is_motion_table, motion_items, pair_items

SIMULATED = "simulated"
SIMULATED_S = 120.0
Kind = Literal["real", "simulated"]


class Wanted(NamedTuple):
    """What is read of the data: one modality, or two that belong together.

    `folds`: files' sources begin with the leading number of their names. `streams` says which of a log's are
    meant where several are of one modality; its windows are at least `every_ns` apart. `imu` is how the model
    takes rows.
    """

    modalities: tuple[str, ...]
    windows: Mapping[str, WindowSpec]
    folds: bool = False
    streams: tuple[str, ...] = ()
    every_ns: int = NS // 2
    imu: ImuInput = DEFAULT_IMU


class Data:
    """The items of all arguments, and what of them was left out, by cause.

    An argument is `[MODALITY:]FOLDER` of `<class>/<file>`, of files paired by stem, or of labelled motion;
    a CSV of pairs; a log; or `simulated:SEED[:SECONDS[:SPLIT]]`. Nothing is read but logs' headers. Raises
    InputError for an argument that is none of these, and for real data together with simulated.
    """

    def __init__(self, arguments: Sequence[str], wanted: Wanted) -> None:
        if not arguments:
            raise InputError("no data; give a folder of classes, a CSV of pairs, a log or simulated:SEED")
        self.left_out: Counter[str] = Counter()
        self._parts = [_part(argument, wanted, self.left_out) for argument in arguments]
        kinds: set[Kind] = {part.kind for part in self._parts}
        if len(kinds) > 1:
            listed = ", ".join(f"{part.name} is {part.kind}" for part in self._parts)
            raise InputError(f"{listed}: figures of the two mean different things; give them apart")
        self.kind: Kind = kinds.pop()

    def items(self) -> Iterator[Item]:
        """Every item, streamed. Raises SixsenseError for what cannot be read at all."""
        for part in self._parts:
            yield from part.read()

    def digest(self) -> str:
        """SHA-256 of the names and contents of everything that was given."""
        digest = hashlib.sha256()
        for part in self._parts:
            digest.update(f"{part.digested}\n".encode())
            for path in part.files():
                digest.update(f"{path.name} ".encode())
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


class _Part(NamedTuple):
    name: str
    kind: Kind
    digested: str
    files: Callable[[], list[Path]]
    read: Callable[[], Iterator[Item]]


def located(argument: str) -> tuple[str | None, Path]:
    """What modality an argument names, and where its data is."""
    prefix, _, rest = argument.partition(":")
    named = prefix in TRUNKS and bool(rest) and not Path(argument).exists()
    return (prefix, Path(rest)) if named else (None, Path(argument))


def _part(argument: str, wanted: Wanted, left_out: Counter[str]) -> _Part:
    if argument.partition(":")[0] == SIMULATED and not Path(argument).exists():
        return _log(argument, _simulated(argument), wanted, left_out, [])
    named, path = located(argument)
    modality = named or wanted.modalities[0]
    if modality not in wanted.modalities:
        asked = " and ".join(wanted.modalities)
        raise InputError(f"{argument}: asked for is {asked}; for this give --modality {modality}")
    if not path.exists():
        raise InputError(f"{argument}: neither a folder nor a file, nor {SIMULATED}:SEED")
    if path.is_dir():
        read = _folder(path, modality, wanted, left_out)
        return _Part(argument, "real", modality, lambda: files_below(path), read)
    if path.suffix == ".csv":
        return _Part(argument, "real", "pairs", lambda: [path], lambda: _asked(pair_items(path), wanted))
    return _log(argument, open_source("recording", {"path": str(path)}), wanted, left_out, [path])


def _folder(
    path: Path, modality: str, wanted: Wanted, left_out: Counter[str]
) -> Callable[[], Iterator[Item]]:
    if modality == "imu" and any(map(is_motion_table, files_below(path))):
        return lambda: motion_items(path, wanted.windows["imu"], left_out)
    if is_class_folder(path):
        if loose := len(files_of(path)):
            left_out["files beside the folders of classes"] += loose
        return lambda: class_items(modality, path, folds=wanted.folds)
    return lambda: stem_items(modality, path)


def _log(argument: str, source: Source, wanted: Wanted, left_out: Counter[str], files: list[Path]) -> _Part:
    sensed = [modality for modality in wanted.modalities if modality != "text"]
    if len(sensed) < len(wanted.modalities):
        raise InputError(f"{argument}: a log has no labels to compare with text; give FOLDER/<class>/<file>")
    inputs = choose_inputs(argument, source.streams, sensed, wanted.streams)
    made = any(info.source.startswith(SIMULATED) for spec in inputs for info in spec.members)
    digested = f"{'' if files else argument} {[spec.name for spec in inputs]} {wanted.every_ns}"
    return _Part(
        argument,
        "simulated" if made else "real",
        digested,
        lambda: files,
        lambda: log_items(argument, source, inputs, wanted.windows, wanted.every_ns, left_out, wanted.imu),
    )


def _simulated(argument: str) -> Source:
    _, seed, *rest = argument.split(":")
    try:
        seconds = float(rest[0]) if rest else SIMULATED_S
        options = {"seed": int(seed), "start_ns": 0, "seconds": seconds}
    except ValueError as error:
        raise InputError(f"{argument}: write simulated:SEED:SECONDS, for example simulated:7:60") from error
    return open_source("simulated", options | ({"split": rest[1]} if len(rest) > 1 else {}))


def _asked(items: Iterator[Item], wanted: Wanted) -> Iterator[Item]:
    return (item for item in items if item.modality in wanted.modalities)
