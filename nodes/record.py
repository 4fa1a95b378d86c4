"""Record: everything that the rings of ingest, encode and fuse carry, into a log. Never slows a sensor.

It is a consumer of its own: where the disk falls behind, the rings drop what it has not read and count that
for it. A disk that is almost full, or gone, ends the recording, not the run.
"""

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from ..encoders.embedding import Embedding, Missing
from ..fusion.fused import Fused, Labels, Match
from ..fusion.snapshot import Snapshot
from ..sensors.clock import Clock, ManualClock
from ..sensors.errors import SixsenseError
from ..sensors.mcap.head import OWN, Head, part_path, put_event, put_head, put_info
from ..sensors.mcap.writer import LogWriter
from ..sensors.sample import NS, End, Event, Progress, Sample, StreamInfo
from .control import Failed, RunState, Wish
from .link import GATHER_S
from .node import Base, Message, Yield
from .spec import InletSpec, RecordSpec
from .wire.status import Status

log = logging.getLogger(__name__)
FLUSH_NS = NS - 2 * round(GATHER_S * NS)
"""How often all is brought to the disk: with what gathers at the sender and waits for this node's turn,
nothing older than a second is at risk."""
RESULTS: dict[type[msgspec.Struct], tuple[str, str, str]] = {
    Embedding: ("embedding", "input", "end_ns"),
    Missing: ("none", "input", "end_ns"),
    Progress: ("closed", "stream", "t_ns"),
    End: ("ended", "stream", ""),
    Fused: ("fused", "", "stamp_ns"),
    Labels: ("labels", "name", "stamp_ns"),
    Match: ("match", "", "stamp_ns"),
    Snapshot: ("fusion", "", ""),
    Status: ("status", "", "stamp_ns"),
}
"""How results are recorded: topic, the field that is its last part, the field that is the message's time."""


class RecordError(SixsenseError):
    """A recording that had to end."""


class Recorder:
    """Writes one run into a file, or into several of limited size or length. Raises SixsenseError.

    Whatever was put is readable after a power cut once `flush` has returned.
    """

    def __init__(
        self,
        spec: RecordSpec,
        head: Head,
        *,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._spec, self._head, self._free_bytes = spec, head, free_bytes
        self._streams = {info.stream for info in head.streams}
        self._opened_ns = 0
        self._log: LogWriter | None = None

    @property
    def path(self) -> Path:
        """Where this part is written."""
        return part_path(Path(self._spec.path), 0, self._head.part)

    def open(self, now_ns: int) -> None:
        """Begin this part."""
        self._check_room()
        self._log = LogWriter(self.path)
        self._opened_ns = now_ns
        put_head(self._log, self._head, now_ns)

    def put_event(self, event: Event) -> None:
        """Add what a source told; streams that were not asked for are passed over."""
        if self._log is not None and event.stream in self._streams:
            put_event(self._log, event)

    def put_infos(self, infos: Iterable[StreamInfo]) -> None:
        """Add what devices know of their streams now that they are open, where it is news."""
        streams = {info.stream: info for info in self._head.streams}
        news = [info for info in infos if streams.get(info.stream, info) != info]
        if self._log is not None and news:
            for info in news:
                put_info(self._log, info)
                streams[info.stream] = info
            self._head = msgspec.structs.replace(self._head, streams=tuple(streams.values()))

    def put_result(self, message: msgspec.Struct) -> None:
        """Add what encode, fuse or the supervisor told: one of RESULTS."""
        if self._log is not None:
            kind, field, stamp = RESULTS[type(message)]
            topic = f"{OWN}{kind}/{getattr(message, field)}" if field else f"{OWN}{kind}"
            self._log.put(topic, getattr(message, stamp) if stamp else self._log.newest_ns, message)

    def flush(self, now_ns: int) -> None:
        """Bring everything to the disk; go on in the next file where this one is large or long enough."""
        if self._log is None:
            return
        self._log.flush()
        self._check_room()
        spec = self._spec
        if (spec.split_bytes and self._log.total_bytes >= spec.split_bytes) or (
            spec.split_s and now_ns - self._opened_ns >= spec.split_s * NS
        ):
            self.close()
            self._head = msgspec.structs.replace(self._head, part=self._head.part + 1)
            self.open(now_ns)

    def close(self) -> None:
        """End the file so that every reader opens it."""
        if self._log is not None:
            ended, self._log = self._log, None
            ended.close()

    def _check_room(self) -> None:
        free = self._free_bytes(self.path.parent)
        if free < self._spec.keep_free_bytes:
            raise RecordError(
                f"recording {self.path} ended: {free / 1e6:.0f} MB are left on that disk, and "
                f"{self._spec.keep_free_bytes / 1e6:.0f} MB are kept free (--keep-free); make room or record "
                "elsewhere"
            )


def head_of(spec: RecordSpec, robot: str, run: int, offset_ns: int) -> Head:
    """What the files of a recording say of the run."""
    return Head(run=run, part=0, robot=robot, offset_ns=offset_ns, streams=spec.streams, plan=spec.plan)


def awaited(spec: RecordSpec) -> set[tuple[bool, str]]:
    """Whose End is waited for: whether it is a result's, and of what. Fusion may end before the last bundle
    of an encode node comes; an input is often called like its only stream."""
    return {(False, info.stream) for info in spec.streams} | {
        (True, name) for name in (*spec.inputs, "fused")
    }


class Record(Base):
    """Owns the Recorder. It is done once sources, inputs and fusion have ended, and the file is closed."""

    unhurried = True

    def __init__(self, name: str, robot: str, spec: RecordSpec, epoch: int) -> None:
        self._name, self._robot, self._spec, self._epoch = name, robot, spec, epoch
        self._clock: Clock = ManualClock()
        self._recorder: Recorder | None = None
        self._flushed_ns = 0
        self._waits_for = awaited(spec)
        self._dropped: Counter[str] = Counter()
        self._error = ""
        self._told = False

    def begin(self, state: RunState, clock: Clock) -> None:
        """Open the file; a recorder that was started again goes on in the next part."""
        self._clock = clock
        head = head_of(self._spec, self._robot, state.start_ns, state.offset_ns)
        part = 0
        if state.restarts.get(self._name, 0):
            while part_path(Path(self._spec.path), 0, part).exists():
                part += 1
        self._flushed_ns = clock.now_ns()
        self._recorder = Recorder(self._spec, msgspec.structs.replace(head, part=part))
        self._try(lambda recorder: recorder.open(self._flushed_ns))

    def receive_from(self, inlet: InletSpec, message: Message) -> Yield:
        """Record one message, of a source or of an encode or fuse node."""
        if self._error:
            stream = getattr(message, "stream", "") or getattr(message, "input", "fused")
            self._dropped[stream] += message.items if isinstance(message, Sample) else 0
        elif inlet.traffic == "results":
            self._try(lambda recorder: recorder.put_result(message))
        elif isinstance(message, (Sample, Progress, End)):
            self._try(lambda recorder: recorder.put_event(message))
        if isinstance(message, End) and self._waits_for:
            self._waits_for.discard((inlet.traffic == "results", message.stream))
            if not self._waits_for:
                self._try(Recorder.close)
        return self._failed()

    def obey(self, wish: Wish) -> Yield:
        """Record the status, and what opened devices say of their streams."""
        if isinstance(wish, Status) and not self._error:
            self._try(lambda recorder: recorder.put_result(wish))
        if isinstance(wish, RunState) and wish.infos and not self._error:
            self._try(lambda recorder: recorder.put_infos(wish.infos))
        return self._failed()

    def wake(self) -> Yield:
        """Bring to the disk what came within a second."""
        now_ns = self._clock.now_ns()
        if now_ns - self._flushed_ns >= FLUSH_NS and not self._error:
            self._flushed_ns = now_ns
            self._try(lambda recorder: recorder.flush(now_ns))
        return self._failed()

    def next_wake_ns(self) -> int | None:
        return None if self._error or not self._waits_for else self._flushed_ns + FLUSH_NS

    def close(self) -> None:
        """End the file, whatever is still to come."""
        if not self._error:
            self._try(Recorder.close)

    @property
    def done(self) -> bool:
        return bool(self._error) or not self._waits_for

    def report(self) -> dict[str, Any]:
        """What came after the recording had to end."""
        return {"dropped": {self._name: dict(self._dropped)}} if self._dropped else {}

    def _try(self, do: Callable[[Recorder], None]) -> None:
        """Do something with the file; what goes wrong ends the recording."""
        try:
            if self._recorder is not None:
                do(self._recorder)
        except (SixsenseError, OSError) as error:
            self._error = str(error)
            if self._recorder is not None and do is not Recorder.close:
                self._close_what_is_left(self._recorder)

    def _close_what_is_left(self, recorder: Recorder) -> None:
        try:
            recorder.close()
        except (SixsenseError, OSError) as error:
            log.warning("%s is not closed (%s); `sixsense info --repair` does it", recorder.path, error)

    def _failed(self) -> Yield:
        if self._error and not self._told:
            self._told = True
            yield Failed(name=self._name, epoch=self._epoch, message=self._error, fatal=False)
