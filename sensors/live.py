"""Live: a device in a thread of its own, its readings as Samples and Progress, its states as they change."""

import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from queue import SimpleQueue

from .clock import Clock
from .device import Device, DeviceFailedError, Reading, Resettable
from .drivers import Live
from .errors import SourceError
from .inbox import Arrived, Broke, Inbox, Note, Opened
from .liveness import Action, Change, Liveness, SensorStatus, stale_after_ns
from .modalities import MODALITIES
from .plausible import Rate, Stuck, fault
from .sample import NEVER_NS, Progress, Sample, StreamInfo

log = logging.getLogger(__name__)
READ_S = 0.1
"""How long a read may wait: also how soon a device's thread follows a command."""
REASON = 500
"""How many characters of an error are told on."""
PROGRESS_NS = 50_000_000
"""Half of what a source owes its receivers at the latest."""


class LiveSource:
    """Runs one device. `start` it, `poll` it without waiting, `stop` it, and `poll` once more.

    An unplugged device is a silence of its streams, not their end: numbers go on in the same epoch when it
    is back. Progress is `max(newest stamp - lateness, now - idle)`, so that it holds nobody up.
    """

    def __init__(self, device: Device, clock: Clock, epoch: int, row: Live, delay_ns: int = 0) -> None:
        self._device, self._clock = device, clock
        self.streams = device.streams
        self._lateness_ns, self.idle_ns = round(row.lateness_ms * 1e6), round(row.idle_ms * 1e6)
        self._epoch, self._delay_ns = epoch, delay_ns
        self._inbox = Inbox(self.streams, epoch, delay_ns)
        stale_after = {i.stream: stale_after_ns(i.rate_hz, self.idle_ns) for i in self.streams}
        self._liveness = Liveness(stale_after, clock.now_ns())
        self._rates = {info.stream: Rate(info.rate_hz, self.idle_ns) for info in self.streams}
        self._stuck = {info.stream: Stuck(info.modality) for info in self.streams}
        self.pending: deque[Note] = deque()
        self._fresh: set[str] = set()
        self._newest_ns: dict[str, int] = {}
        self._progress_ns = dict.fromkeys(self._rates, NEVER_NS)
        self._commands: SimpleQueue[tuple[int, Action] | None] = SimpleQueue()
        self._session = 0
        self._refined: tuple[StreamInfo, ...] = ()
        names = ", ".join(self._rates)
        self._thread = threading.Thread(target=self._work, name=f"device {names}", daemon=True)

    def start(self) -> None:
        """Start the device's thread; the first `poll` opens the device."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Close the device; what it has delivered can still be polled. A thread that hangs is left behind."""
        self._session += 1
        self._commands.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def poll(self, now_ns: int) -> Iterator[Sample | Progress]:
        """Yield what has arrived, then each stream's progress; see to the device.

        Who stops half-way gets the rest when polling again.
        """
        self.pending.extend(self._inbox.take())
        while self.pending:
            note = self.pending.popleft()
            self._take(note)
            if isinstance(note, Arrived):
                self._fresh.add(note.sample.stream)
                yield note.sample
        action = self._liveness.tick(now_ns, self._inbox.why)
        if action is not None:
            self._session += 1
            self._commands.put((self._session, action))
        yield from self._promised(now_ns)
        self._fresh.clear()

    def changes(self) -> list[Change]:
        """The transitions of the streams' states since the last call."""
        return self._liveness.changes()

    def refined(self) -> tuple[StreamInfo, ...]:
        """The streams of which the device knows more, since the last call, than was known before."""
        refined, self._refined = self._refined, ()
        return refined

    def status(self) -> dict[str, SensorStatus]:
        """Every stream's state now."""
        return {
            c.stream: SensorStatus(
                state=c.state,
                since_ns=c.at_ns,
                reason=c.reason,
                rate_hz=self._rates[c.stream].hz,
                rate_ok=self._rates[c.stream].ok,
            )
            for c in self._liveness.current()
        }

    def counts(self) -> dict[str, dict[str, int]]:
        """Items that never became samples, by stream and cause: refused here, or lost in the device."""
        device = self._device.counts()
        return {s: dict(+refused) | device.get(s, {}) for s, refused in self._inbox.refused.items()}

    def lost(self) -> dict[str, dict[str, int]]:
        """Items that became samples and were never polled, by stream and cause."""
        return {stream: dict(lost) for stream, lost in self._inbox.lost.items()}

    def _take(self, note: Note) -> None:
        """Tell the state machine; what an earlier session left says nothing of this one."""
        if note.session != self._session:
            return
        match note:
            case Opened():
                self._refined = tuple(info for info in note.streams if info not in self.streams)
                self.streams = note.streams
                self._liveness.opened(note.at_ns)
            case Broke():
                self._liveness.broke(note.at_ns, note.reason, fatal=note.fatal)
            case Arrived():
                self._arrived(note)

    def _arrived(self, note: Arrived) -> None:
        stream, sample = note.sample.stream, note.sample
        rate, stuck = self._rates[stream], self._stuck[stream]
        if self._liveness.delivered(stream, note.at_ns):
            rate.restart()
        rate.add(note.at_ns, sample.item + sample.items)
        stuck.add(note.at_ns, sample.data)
        self._liveness.troubled(stream, note.at_ns, stuck.fault or rate.fault)
        self._newest_ns[stream] = max(sample.end_ns, self._newest_ns.get(stream, sample.end_ns))

    def _promised(self, now_ns: int) -> Iterator[Progress]:
        now_ns -= self._delay_ns
        for stream, sent_ns in self._progress_ns.items():
            newest_ns = self._newest_ns.get(stream, NEVER_NS)
            t_ns = min(now_ns, max(newest_ns - self._lateness_ns, now_ns - self.idle_ns))
            if t_ns - sent_ns >= (1 if stream in self._fresh else PROGRESS_NS):
                self._progress_ns[stream] = t_ns
                yield Progress(stream=stream, epoch=self._epoch, t_ns=t_ns)

    def _work(self) -> None:
        """The device's thread: one session for each command to open, until told to end."""
        for session, action in iter(self._commands.get, None):
            if action == "close":
                continue
            try:
                self._run_session(session, action)
            except Exception as error:
                self._inbox.post(Broke(session, self._clock.now_ns(), *_told(error)))
            finally:
                self._device.close()

    def _run_session(self, session: int, action: Action) -> None:
        if action == "reset" and isinstance(self._device, Resettable):
            self._device.reset()
        self._device.open()
        infos = {info.stream: info for info in self._device.streams}
        self._inbox.post(Opened(session, self._clock.now_ns(), tuple(infos.values())))
        before: Mapping[str, Mapping[str, int]] | None = None
        while self._commands.empty():
            readings = self._device.read(READ_S)
            for reading in readings:
                self._judge(session, reading, infos)
            counts = None if readings else self._device.counts()
            if counts and before:
                self._inbox.explain(before, counts)
            before = counts

    def _judge(self, session: int, reading: Reading, infos: dict[str, StreamInfo]) -> None:
        """Number a good reading; count one that is not."""
        now_ns, info = self._clock.now_ns(), infos[reading.stream]
        reason = fault(reading, info, now_ns)
        if not reason:
            self._inbox.put(session, now_ns, reading)
            return
        items = 1 if MODALITIES[info.modality].item == "frame" else len(reading.data)
        self._inbox.refuse(reading.stream, "garbage", items, reason)


def _told(error: Exception) -> tuple[str, bool]:
    """What to say of an error, and whether it is final. What a driver raises unmeant is a bug to be found."""
    if not isinstance(error, SourceError):
        log.error("a driver failed", exc_info=error)
        return f"{type(error).__name__}: {error}"[:REASON], False
    return str(error)[:REASON], isinstance(error, DeviceFailedError)
