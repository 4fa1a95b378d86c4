"""A folder of timestamped pictures: named by their stamps, or listed beside as in EuRoC (csv) or TUM (txt).

Subfolders, and what stands in a name beside its number (`frame-000012.depth.png`), tell streams apart. A
name's number is nanoseconds, microseconds, milliseconds or seconds since the Unix epoch by its size; a small
one counts frames, at the rate that `[topics]` says, else 30 a second.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .container import Losses
from .errors import SourceError
from .modalities import MODALITIES
from .recording import Recording, Track
from .ros import Content, MessageError, decode_picture, read_picture
from .rows import Row, RowTrack, span
from .sample import NS, Sample, StreamInfo
from .topic_stream import smaller
from .topics import Ignored, Rules, TopicRule, check_known, stream_name

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
FRAME_RATE = 30.0

# vision.in.tum.de/data/datasets/rgbd-dataset/file_formats: 5000 in a depth picture is one metre.
TUM_SCALE = 5000.0

# Powers of ten that separate seconds, milliseconds, microseconds and nanoseconds since 1973 and before 5138.
UNITS = ((10**17, 1), (10**14, 10**3), (10**11, 10**6), (10**8, NS))

NAME = re.compile(r"(?P<before>.*?)(?P<number>\d+(?:\.\d+)?)(?P<after>\D*)")

# asl.ethz.ch EuRoC: stamp, then gyroscope xyz (rad/s), then accelerometer xyz (m/s^2).
EUROC_IMU = "#timestamp [ns],w_RS_S_x [rad s^-1]"


class Picture(NamedTuple):
    """A picture and its stamp."""

    stamp_ns: int
    path: Path


class Listed(NamedTuple):
    """The pictures of one stream, by stamp, and by what depth in them is to be divided to be metres (0:
    millimetres)."""

    pictures: list[Picture]
    estimated: bool = False
    scale: float = 0.0


class PictureTrack:
    """One stream of pictures, each read when its turn comes; only their names are kept."""

    def __init__(self, info: StreamInfo, listed: Listed) -> None:
        self.info, self.losses, self._listed = info, Losses(), listed

    def samples(self, epoch: int, from_ns: int | None = None) -> Iterator[Sample]:
        """Pictures in order; those that cannot be read are `corrupt`."""
        self.losses.clear()
        seq = 0
        for stamp_ns, path in self._listed.pictures:
            if stamp_ns < (from_ns or 0):
                continue
            content = self._content(path)
            if content is None:
                continue
            yield Sample(
                stream=self.info.stream,
                modality=self.info.modality,
                epoch=epoch,
                seq=seq,
                item=seq,
                stamp_ns=stamp_ns,
                encoding=content.encoding,
                data=content.data,
                rate_hz=self.info.rate_hz,
                clock=self.info.clock,
                units=MODALITIES[self.info.modality].units,
                frame_id=self.info.frame_id,
            )
            seq += 1

    def _content(self, path: Path) -> Content | None:
        try:
            return content_of(path, self.info.modality, self._listed.scale)
        except (MessageError, OSError):
            self.losses["corrupt"] += 1
            return None


def open_image_folder(path: str, rules: Rules) -> Recording:
    """Open a folder of pictures. Raises SourceError where it has none that can be read."""
    root = Path(path)
    found = list_pictures(root, rules)
    inertial = [file for file in sorted(root.glob("**/*.csv")) if _starts(file, EUROC_IMU)]
    check_known(rules, [*found, *(_key(root, file.parent) for file in inertial)])
    tracks: list[Track] = []
    ignored: list[Ignored] = []
    spans: list[tuple[int, int]] = []
    for key, listed in found.items():
        track = picture_track(key, listed, rules, ignored, [t.info.stream for t in tracks], root.name)
        if track is not None:
            tracks.append(track)
            spans.append((listed.pictures[0].stamp_ns, listed.pictures[-1].stamp_ns))
    for file in inertial:
        key = _key(root, file.parent)
        start_ns, end_ns, rate_hz = span(_euroc_rows(file, Losses()))
        if start_ns and rules.get(key, TopicRule(modality="imu")).modality != "ignore":
            tracks.append(_imu_track(key, file, rate_hz, [t.info.stream for t in tracks]))
            spans.append((start_ns, end_ns))
    if not tracks:
        reasons = (
            "; ".join(f"{name}: {why}" for name, why in ignored) or "no picture with a number in its name"
        )
        raise SourceError(f"{path} has no pictures that can be replayed ({reasons})")
    start_ns = min(first for first, _ in spans)
    return Recording(
        tracks, max(last for _, last in spans) - start_ns, (), start_ns=start_ns, ignored=ignored
    )


def picture_track(
    key: str, listed: Listed, rules: Rules, ignored: list[Ignored], taken: Iterable[str], source: str
) -> PictureTrack | None:
    """The track of one stream's pictures, or None, with the reason in `ignored`."""
    rule = rules.get(key)
    if rule is not None and rule.modality == "ignore":
        ignored.append(Ignored(key, "the [topics] table says so"))
        return None
    try:
        modality, content = _first_content(listed, rule)
    except (MessageError, OSError) as error:
        ignored.append(Ignored(key, str(error)))
        return None
    stamps = [picture.stamp_ns for picture in listed.pictures]
    is_jpeg = content.encoding == "jpeg"
    image = decode_picture(content.data.tobytes(), "jpeg") if is_jpeg else content.data
    info = StreamInfo(
        stream=(rule.stream if rule else "") or stream_name(key, tuple(taken)),
        modality=modality,
        encoding=content.encoding,
        rate_hz=(len(stamps) - 1) * NS / (stamps[-1] - stamps[0]) if stamps[-1] > stamps[0] else 0.0,
        clock="estimated" if listed.estimated else "driver",
        channels=3 if content.encoding in ("jpeg", "rgb8") else 1,
        width=image.shape[1],
        height=image.shape[0],
        frame_id=key,
        source=source,
    )
    return PictureTrack(info, listed)


def content_of(path: Path, modality: str, scale: float) -> Content:
    """A picture file as a Sample has it. Raises MessageError, OSError."""
    content = read_picture(path.read_bytes(), path.name, modality)
    if content.encoding == "rgb8":
        return content._replace(data=smaller(content.data))
    if content.encoding == "16UC1" and modality == "depth" and scale:
        metres = content.data.astype(np.float32) / scale
        return Content("32FC1", np.where(content.data > 0, metres, np.float32(np.nan)))
    return content


def list_pictures(root: Path, rules: Mapping[str, TopicRule]) -> dict[str, Listed]:
    """Streams by key (subfolder, or what stands in the names), each with its pictures by stamp."""
    indexed = {
        key: listed for file in sorted(root.glob("**/*.[ct][sx][vt]")) for key, listed in _index(root, file)
    }
    folders = {_key(root, picture.path.parent) for one in indexed.values() for picture in one.pictures}
    named: dict[str, dict[str, Path]] = {}
    for path in sorted(path for path in root.glob("**/*") if path.suffix.lower() in PICTURES):
        match = NAME.fullmatch(path.stem)
        folder = _key(root, path.parent)
        if match is None or folder in folders:
            continue
        words = (
            re.sub(r"[^A-Za-z]+", " ", match["after"]).split()
            or re.sub(r"[^A-Za-z]+", " ", match["before"]).split()
        )
        key = "/".join([*([folder] if folder != "." else []), *words]) or "camera"
        named.setdefault(key, {})[match["number"]] = path
    return indexed | {key: _stamped(files, rules.get(key)) for key, files in named.items()}


def nanoseconds(number: str) -> int | None:
    """A name's number as nanoseconds since the Unix epoch, or None where it is too small to be a date."""
    value = Fraction(number)
    return next((int(value * factor) for least, factor in UNITS if value >= least), None)


def _stamped(files: Mapping[str, Path], rule: TopicRule | None) -> Listed:
    """Pictures by the numbers of their names: all are dates, or all count frames."""
    stamps = {number: nanoseconds(number) for number in files}
    counted = None in stamps.values()
    rate_hz = Fraction((rule.rate_hz if rule else 0) or FRAME_RATE)
    pictures = {
        int(Fraction(number) * NS / rate_hz) if counted else stamp or 0: files[number]
        for number, stamp in stamps.items()
    }
    return Listed([Picture(*entry) for entry in sorted(pictures.items())], estimated=counted)


def _index(root: Path, file: Path) -> Iterator[tuple[str, Listed]]:
    """The pictures that an index names: `stamp,name` (EuRoC, names in data/) or `stamp name` (TUM)."""
    pictures: dict[int, Path] = {}
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            fields = re.split(r"[,\s]+", line.strip())
            if line.startswith("#") or len(fields) != 2 or not fields[1].lower().endswith(PICTURES):
                continue
            stamp_ns = nanoseconds(fields[0]) if re.fullmatch(r"\d+(\.\d+)?", fields[0]) else None
            inside = next(
                (p for p in (file.parent / "data" / fields[1], file.parent / fields[1]) if p.is_file()), None
            )
            if stamp_ns is not None and inside is not None:
                pictures[stamp_ns] = inside
    if pictures:
        is_tum = file.suffix == ".txt"
        key = _key(root, file.with_suffix("") if is_tum else file.parent)
        listed = [Picture(*entry) for entry in sorted(pictures.items())]
        yield key, Listed(listed, scale=TUM_SCALE if is_tum else 0.0)


def _first_content(listed: Listed, rule: TopicRule | None) -> tuple[str, Content]:
    """A stream's modality and its first readable picture: 16 bits are depth unless it is said."""
    error: Exception = MessageError("it has no picture")
    for picture in listed.pictures[:3]:
        try:
            pixels = decode_picture(picture.path.read_bytes(), picture.path.name)
            modality = rule.modality if rule else "depth" if pixels.dtype == np.uint16 else "vision"
            if modality not in ("vision", "depth", "thermal"):
                raise MessageError(f"pictures cannot be {modality}")
            return modality, content_of(picture.path, modality, listed.scale)
        except (MessageError, OSError) as failed:
            error = failed
    raise error


def _imu_track(key: str, file: Path, rate_hz: float, taken: list[str]) -> RowTrack:
    info = StreamInfo(
        stream=stream_name(key, taken),
        modality="imu",
        encoding="f32",
        rate_hz=rate_hz,
        clock="driver",
        channels=6,
        frame_id=key,
        source=file.name,
    )
    return RowTrack(info, lambda losses: _euroc_rows(file, losses))


def _euroc_rows(file: Path, losses: Losses) -> Iterator[Row]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            try:
                stamp, *values = line.split(",")
                rates, accelerations = values[:3], values[3:6]
                columns = tuple(float(value) for value in (*accelerations, *rates))
                if len(columns) != 6 or not np.isfinite(columns).all():
                    raise ValueError(columns)
                row = int(stamp), columns
            except ValueError:
                losses["malformed"] += 1
                continue
            yield row


def _starts(file: Path, text: str) -> bool:
    with file.open(encoding="utf-8", errors="replace") as lines:
        return next(lines, "").startswith(text)


def _key(root: Path, folder: Path) -> str:
    return folder.relative_to(root).as_posix()
