"""A recording of the phone app Sensor Logger: its zip, that unpacked, or its JSON.

Units, signs and file names are as its author documents them in github.com/tszheichoi/awesome-sensor-logger
(UNITS, COORDINATES, CROSSPLATFORM, MICROPHONE): `time` is Unix-epoch nanoseconds, acceleration m/s^2,
rotation rad/s. Accelerometer is without gravity on both platforms; unless "Standardise Units & Frames" was
on, iOS has all three axes of acceleration and gravity the other way round.
"""

import csv
import json
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .audio import open_audio
from .container import About, Losses, open_media, start_of
from .errors import SourceError
from .image_folder import list_pictures, nanoseconds, picture_track
from .recording import Recording, Track
from .rows import Row, RowTrack, rising, span
from .sample import NS, Sample, StreamInfo
from .topics import Ignored, Rules, check_known, stream_name
from .video import open_video

METADATA = "Metadata.csv"
STANDARD_GRAVITY = 9.80665
MEDIA = (".mp4", ".m4a", ".caf", ".3gp", ".wav", ".aac")

# What is unpacked from a zip must leave this much of the disk free.
SPARE_BYTES = 1 << 30

Records = Callable[[str, Losses], Iterator[Mapping[str, Any]]]
"""The records of a sensor, by the name of its file, as fields and texts; faults are counted."""


class Motion(NamedTuple):
    """How one stream is made: the sensors whose sum it is, whether iOS has them the other way round, and
    whether it has them in units of gravity."""

    sensors: tuple[str, ...]
    flips: bool = False
    in_g: bool = False


MOTIONS: dict[str, tuple[Motion, ...]] = {
    "accelerometer": (
        Motion(("TotalAcceleration",), flips=True),
        Motion(("Accelerometer", "Gravity"), flips=True),
        Motion(("AccelerometerUncalibrated",), flips=True, in_g=True),
    ),
    "gyroscope": (Motion(("Gyroscope",)), Motion(("GyroscopeUncalibrated",))),
}
"""By modality, the best first."""

READ = {sensor for motions in MOTIONS.values() for motion in motions for sensor in motion.sensors}


class Delayed:
    """A track of a media file that begins at `start_ns` of the recording's timeline."""

    def __init__(self, track: Track, name: str, start_ns: int) -> None:
        self.info = msgspec.structs.replace(track.info, stream=name, clock="estimated")
        self.losses, self._track, self._start_ns = track.losses, track, start_ns

    def samples(self, epoch: int, from_ns: int | None = None) -> Iterator[Sample]:
        """The media's samples; those before `from_ns` are left out."""
        since = None if from_ns is None else max(0, from_ns - self._start_ns)
        for sample in self._track.samples(epoch, since):
            yield msgspec.structs.replace(
                sample, stream=self.info.stream, stamp_ns=sample.stamp_ns + self._start_ns
            )


def looks_like_export(names: list[str]) -> bool:
    """Whether a folder or an archive with these names is one: it says what it is in Metadata.csv."""
    return any(name.rsplit("/", 1)[-1].lower() == METADATA.lower() for name in names)


def open_export(path: str, rules: Rules) -> Recording:
    """Open an unpacked export. Raises SourceError where nothing in it can be replayed."""
    tables = sorted(Path(path).glob("**/*.csv"))
    root = next((file.parent for file in tables if file.name.lower() == METADATA.lower()), None)
    if root is None:
        raise SourceError(f"{path} has no {METADATA}; give the folder that Sensor Logger's zip unpacks to")
    files = {file.stem: file for file in sorted(root.glob("*.csv"))}
    return _recording(path, partial(_csv_records, files), list(files), root, rules)


def open_zip(path: str, rules: Rules) -> Recording:
    """Open an export's zip: unpacked into the temporary directory for as long as the source lives."""
    folder = tempfile.mkdtemp(prefix="sixsense-")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size + SPARE_BYTES > shutil.disk_usage(folder).free:
                raise SourceError(
                    f"{path} unpacks to {size / 1e9:.1f} GB, for which {folder} has no room; unpack it"
                    " elsewhere and give the folder"
                )
            archive.extractall(folder)
        recording = open_export(folder, rules)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SourceError(f"{path} cannot be unpacked: {error}. Export it again.") from error
    except SourceError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(recording, shutil.rmtree, folder, ignore_errors=True)
    return recording


def open_json(path: str, rules: Rules) -> Recording:
    """Open an export in JSON: an array of records, each with its sensor's name. Raises SourceError."""
    names = list(
        dict.fromkeys(str(record.get("sensor", "")) for record in json_records(Path(path), Losses()))
    )
    return _recording(path, partial(_json_records, Path(path)), names, None, rules)


def json_records(path: Path, losses: Losses) -> Iterator[dict[str, Any]]:
    """The objects of an array, one at a time, however long it is; what follows a fault is `truncated`."""
    decoder, text = json.JSONDecoder(), ""
    with path.open(encoding="utf-8", errors="replace") as file:
        file.read(1)
        while True:
            text = text.lstrip(" \t\r\n,[")
            try:
                record, end = decoder.raw_decode(text)
            except ValueError:
                block = file.read(1 << 16)
                if not block or len(text) > 1 << 24:
                    losses["truncated"] += not text.startswith("]")
                    return
                text += block
                continue
            text = text[end:]
            if isinstance(record, dict):
                yield record


def _recording(path: str, records: Records, names: list[str], root: Path | None, rules: Rules) -> Recording:
    about = _about(records, names)
    flipped = str(about.get("platform", "")).lower() == "ios" and not _is_true(about.get("standardisation"))
    tracks: list[Track] = []
    ignored: list[Ignored] = []
    spans: list[tuple[int, int]] = []
    for modality, motions in MOTIONS.items():
        motion = next((one for one in motions if set(one.sensors) <= set(names)), None)
        rule = rules.get(modality)
        if rule is not None and rule.modality == "ignore":
            ignored.append(Ignored(modality, "the [topics] table says so"))
            continue
        if motion is None:
            if modality == "accelerometer" and "Accelerometer" in names:
                ignored.append(Ignored(modality, "it is without gravity; record Gravity with it"))
            continue
        rows = partial(_motion_rows, records, motion, flipped)
        first_ns, last_ns, rate_hz = span(rows(Losses()))
        if first_ns:
            tracks.append(RowTrack(_info(modality, rate_hz, str(about.get("device name", ""))), rows))
            spans.append((first_ns, last_ns))
    zero_ns = _zero(records, names, about)
    if root is not None:
        for track, begin_ns, end_ns in _media(root, zero_ns, rules, ignored):
            tracks.append(track)
            spans.append((begin_ns, end_ns))
    check_known(rules, [*MOTIONS, *(track.info.stream for track in tracks), *(one.topic for one in ignored)])
    unread = [name for name in names if name not in READ and name.lower() != "metadata"]
    ignored += [Ignored(name, "nothing that the models sense") for name in unread]
    if not tracks:
        raise SourceError(f"{path} has no motion, sound or pictures; it has {', '.join(names) or 'nothing'}")
    start_ns = min(first for first, _ in spans)
    duration_ns = max(last for _, last in spans) - start_ns
    return Recording(tracks, duration_ns, (), start_ns=start_ns, ignored=ignored)


def _about(records: Records, names: list[str]) -> dict[str, Any]:
    name = next((name for name in names if name.lower() == "metadata"), None)
    return dict(next(records(name, Losses()), {})) if name else {}


def _csv_records(files: Mapping[str, Path], sensor: str, _: Losses) -> Iterator[Mapping[str, Any]]:
    with files[sensor].open(encoding="utf-8", errors="replace", newline="") as file:
        yield from csv.DictReader(line.replace("\0", "") for line in file)


def _json_records(path: Path, sensor: str, losses: Losses) -> Iterator[Mapping[str, Any]]:
    return (record for record in json_records(path, losses) if record.get("sensor") == sensor)


def _motion_rows(records: Records, motion: Motion, flipped: bool, losses: Losses) -> Iterator[Row]:
    """The sum of a motion's sensors at the stamps of the first, in the units and signs of Android."""
    factor = (-1.0 if motion.flips else 1.0) * (STANDARD_GRAVITY if motion.in_g else 1.0) if flipped else 1.0
    first, *others = (rising(_rows(records(sensor, losses), losses), losses) for sensor in motion.sensors)
    rows = first
    for other in others:
        rows = added(rows, other)
    return ((stamp_ns, (x * factor, y * factor, z * factor)) for stamp_ns, (x, y, z) in rows)


def added(rows: Iterator[Row], others: Iterator[Row]) -> Iterator[Row]:
    """Rows plus the others, interpolated onto their stamps; beyond their ends the nearest."""
    before = after = next(others, None)
    if before is None or after is None:
        return
    for stamp_ns, columns in rows:
        while after[0] < stamp_ns and (following := next(others, None)) is not None:
            before, after = after, following
        length_ns = after[0] - before[0]
        share = min(1.0, max(0.0, (stamp_ns - before[0]) / length_ns)) if length_ns else 0.0
        between = (a + (b - a) * share for a, b in zip(before[1], after[1], strict=True))
        yield stamp_ns, tuple(x + y for x, y in zip(columns, between, strict=True))


def _rows(records: Iterator[Mapping[str, Any]], losses: Losses) -> Iterator[Row]:
    for record in records:
        try:
            columns = float(record["x"]), float(record["y"]), float(record["z"])
            if not np.isfinite(columns).all():
                raise ValueError(columns)
            row = int(record["time"]), columns
        except (KeyError, TypeError, ValueError):
            losses["malformed"] += 1
            continue
        yield row


def _zero(records: Records, names: list[str], about: Mapping[str, Any]) -> int:
    """When the recording began: a record's time less its `seconds_elapsed`, else what the metadata say."""
    for name in names:
        for record in records(name, Losses()):
            try:
                return int(record["time"]) - round(Fraction(str(record["seconds_elapsed"])) * NS)
            except (KeyError, TypeError, ValueError, ZeroDivisionError):
                break
    return nanoseconds(str(about.get("recording epoch time", "0")).strip() or "0") or 0


def _media(
    root: Path, zero_ns: int, rules: Rules, ignored: list[Ignored]
) -> Iterator[tuple[Track, int, int]]:
    """Tracks of sound, pictures and videos, each with when it begins and ends."""
    taken: list[str] = []
    for path in sorted(file for file in root.glob("**/*") if file.suffix.lower() in MEDIA):
        folder = path.relative_to(root).parts[0]
        is_sound = folder.lower().startswith("microphone")
        name = "microphone" if is_sound else "camera"
        if (rule := rules.get(name)) is not None and rule.modality == "ignore":
            ignored.append(Ignored(name, "the [topics] table says so"))
            continue
        stamp_ns = zero_ns if is_sound else nanoseconds(path.stem) if path.stem.isdigit() else None
        try:
            track, length_ns = _media_track(path, is_sound)
        except SourceError as error:
            ignored.append(Ignored(path.name, str(error)))
            continue
        if track is None or stamp_ns is None:
            ignored.append(Ignored(path.name, "its name is no time" if track else "no decoder reads it"))
            continue
        name = stream_name(name, taken)
        taken.append(name)
        yield Delayed(track, name, stamp_ns), stamp_ns, stamp_ns + length_ns
    for key, listed in list_pictures(root, rules).items():
        pictures = picture_track(key.lower(), listed, rules, ignored, taken, root.name)
        if pictures is not None:
            taken.append(pictures.info.stream)
            yield pictures, listed.pictures[0].stamp_ns, listed.pictures[-1].stamp_ns


def _media_track(path: Path, is_sound: bool) -> tuple[Track | None, int]:
    """A media file's track, and how long it is."""
    with open_media(path) as container:
        about = About(str(path), start_of(list(container.streams)), "")
        length_ns = max(0, container.duration or 0) * 1000
    return (open_audio if is_sound else open_video)(about), length_ns


def _info(modality: str, rate_hz: float, source: str) -> StreamInfo:
    return StreamInfo(
        stream=modality,
        modality=modality,
        encoding="f32",
        rate_hz=rate_hz,
        clock="driver",
        channels=3,
        frame_id="phone",
        source=source,
    )


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes", "on")
