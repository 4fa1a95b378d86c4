"""Head: what a log says first of itself, and the topics that its streams are under."""

from pathlib import Path

import msgspec

from ..sample import End, Event, Progress, Sample, StreamInfo
from .cdr import CdrError, decode
from .samples import camera_info, to_messages
from .scan import Scan
from .writer import LogWriter

HEAD = "/sixsense/log"
OWN = "/sixsense/"
INFO = f"{OWN}info/"
KINDS = {"sample": Sample, "progress": Progress, "end": End}
"""What is told of a stream: `/sixsense/<kind>/<stream>`, a sample as its envelope. Its data is under
`/<stream>`, right behind the envelope."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The run that was recorded. `run` is the same in every part of one recording, `part` counts them;
    `offset_ns` is the recording machine's monotonic clock to the timeline, `plan` JSON for a person and for
    `replay --as-recorded`."""

    run: int
    part: int
    robot: str
    offset_ns: int
    streams: tuple[StreamInfo, ...]
    plan: str = "{}"


def put_head(log: LogWriter, head: Head, stamp_ns: int) -> None:
    """Begin a file."""
    log.put(HEAD, stamp_ns, head)
    for info in head.streams:
        if info.fx:
            log.put(f"/{info.stream}/camera_info", stamp_ns, camera_info(info, max(0, stamp_ns)))


def put_info(log: LogWriter, info: StreamInfo) -> None:
    """Say what a device that was opened knew more of a stream than the head."""
    log.put(f"{INFO}{info.stream}", log.newest_ns, info)
    if info.fx:
        log.put(f"/{info.stream}/camera_info", log.newest_ns, camera_info(info, log.newest_ns))


def put_event(log: LogWriter, event: Event) -> None:
    """Add what a source told."""
    match event:
        case Sample():
            envelope, messages = to_messages(event)
            log.put(f"{OWN}sample/{event.stream}", event.stamp_ns, envelope)
            for stamp_ns, message in messages:
                log.put(f"/{event.stream}", stamp_ns, message)
        case Progress():
            log.put(f"{OWN}progress/{event.stream}", event.t_ns, event)
        case End():
            log.put(f"{OWN}end/{event.stream}", log.newest_ns, event)


def read_head(path: Path) -> Head:
    """The head of a log of ours. Raises SourceError."""
    for raw in Scan(path).messages([HEAD]):
        return decode(Head, raw.data)
    raise CdrError(f"{path} was cut off before its first second was written: there is nothing in it")


def parts_of(path: Path) -> list[Path]:
    """The file and those that follow it: `drive.mcap`, `drive.1.mcap`, `drive.2.mcap` of the same run.

    Raises SourceError where the first cannot be read; a part of another run ends the list.
    """
    head, parts = read_head(path), [path]
    while (following := part_path(path, head.part, head.part + len(parts))).is_file():
        try:
            same = read_head(following).run == head.run
        except CdrError:
            break
        if not same:
            break
        parts.append(following)
    return parts


def part_path(path: Path, part: int, wanted: int) -> Path:
    """The path of another part, given the path of one."""
    stem = path.stem.removesuffix(f".{part}") if part else path.stem
    return path.with_name(f"{stem}.{wanted}{path.suffix}" if wanted else f"{stem}{path.suffix}")
