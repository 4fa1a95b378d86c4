"""Accounts: what the nodes report, put together into what every stream, window and tick came to."""

from collections import Counter
from collections.abc import Iterable, Mapping

from ..encoders.track import Ledger
from ..sensors.modalities import MODALITIES
from ..sensors.sample import StreamInfo
from .control import Produced, Report
from .wire.status import StreamCounts, TickCounts, WindowCounts

OPEN_EPOCHS = 100
"""How many of a stream's epochs are kept apart; of those before only the sum is, however long a loop runs."""


class Accounts:
    """Remembers what each epoch of each stream produced and what was received of it, also when its source's
    process is gone, or its receiver speaks only of the newest epochs."""

    def __init__(self, infos: Iterable[StreamInfo]) -> None:
        self._streams = {info.stream: _Stream(info) for info in infos}
        self._receivers: set[str] = set()
        self._unplanned: dict[tuple[str, int], Produced] = {}

    def note(self, report: Report) -> None:
        """Take a source's own counts, or a receiver's."""
        for produced in report.produced:
            if stream := self._streams.get(produced.stream):
                stream.note(produced.epoch, produced)
            else:
                self._unplanned[produced.stream, produced.epoch] = produced
        for entry in report.ledgers:
            self._streams[entry.stream].note(entry.epoch, entry.ledger)
            self._streams[entry.stream].since_ns = report.since_ns
            self._receivers.add(report.name)

    def restart(self, names: Iterable[str]) -> None:
        """The receiver of these streams was started again: it counts from the first sample that it gets."""
        for name in names:
            self._streams[name].restart()

    def streams(self, reports: Iterable[Report]) -> dict[str, StreamCounts]:
        """Every stream's equation, summed over its epochs; `reports` say what rings let go unread.

        Items of an epoch whose source died are lost to the outage as far as they were never received.
        """
        dropped: Counter[str] = Counter()
        for report in reports:
            for consumer, counts in report.dropped.items():
                dropped.update(counts if consumer in self._receivers else {})
        return {name: stream.counts(dropped[name]) for name, stream in self._streams.items()}

    def unplanned(self) -> list[str]:
        """What sources said of streams that are not in the plan, such as a track that cannot be decoded."""
        return [
            f"{produced.stream}: " + ", ".join(f"{cause} {count}" for cause, count in produced.causes.items())
            for produced in self._unplanned.values()
            if produced.causes
        ]


class _Sum:
    """Counts of several epochs added up."""

    def __init__(self) -> None:
        self.items: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.unsent: Counter[str] = Counter()

    def add(self, ledger: Ledger, source: Produced | None, *, is_over: bool) -> None:
        """Add an epoch; once it `is_over`, what its source had produced and nobody received is lost."""
        made = max(ledger.known, source.items - ledger.base if source else 0)
        self.items.update(
            produced=made,
            received=ledger.received,
            lost=made - ledger.received if is_over else ledger.lost,
            windowed=ledger.windowed,
            late=ledger.late,
            pending=ledger.pending,
        )
        self.skipped.update(ledger.skipped)
        self.dropped.update(ledger.dropped)
        self.unread.update(source.causes if source else {})
        self.unsent.update(source.unsent if source else {})

    def plus(self, other: "_Sum") -> None:
        for name, counts in vars(self).items():
            counts.update(getattr(other, name))


class _Stream:
    """One stream: what its source and its receiver said of each epoch, and the sum of those long over."""

    def __init__(self, info: StreamInfo) -> None:
        self.info = info
        self.since_ns = 0
        self._produced: dict[int, Produced] = {}
        self._received: dict[int, Ledger] = {}
        self._settled, self._settled_to = _Sum(), -1

    def restart(self) -> None:
        """Forget all but what the newest epoch has produced."""
        self._settled_to = max(self._produced, default=0) - 1
        self._produced = {e: said for e, said in self._produced.items() if e > self._settled_to}
        self._received, self._settled = {}, _Sum()

    def note(self, epoch: int, said: Produced | Ledger) -> None:
        """Take what the source, or the receiver, says of an epoch; add up the oldest of too many."""
        if epoch <= self._settled_to:
            return
        if isinstance(said, Produced):
            self._produced[epoch] = said
        else:
            self._received[epoch] = said
        if len(epochs := {*self._produced, *self._received}) > OPEN_EPOCHS:
            oldest = self._settled_to = min(epochs)
            ledger, source = self._received.pop(oldest, Ledger()), self._produced.pop(oldest, None)
            self._settled.add(ledger, source, is_over=True)

    def counts(self, ring_dropped: int) -> StreamCounts:
        """The stream's equation."""
        total = _Sum()
        total.plus(self._settled)
        newest = max(self._produced, default=0)
        for epoch in {*self._produced, *self._received}:
            ledger, source = self._received.get(epoch, Ledger()), self._produced.get(epoch)
            total.add(ledger, source, is_over=epoch < newest)
        lost = _by_cause(total.items["lost"], {**total.unsent, "ring full": ring_dropped})
        return StreamCounts(
            modality=self.info.modality,
            unit=MODALITIES[self.info.modality].item,
            produced=total.items["produced"],
            received=total.items["received"],
            lost_in_transport={cause: count for cause, count in lost.items() if count},
            unread=dict(total.unread),
            windowed=total.items["windowed"],
            skipped=dict(total.skipped),
            late=total.items["late"],
            dropped=dict(total.dropped),
            pending=total.items["pending"],
            since_ns=self.since_ns,
        )


def windows(reports: Iterable[Report]) -> dict[str, WindowCounts]:
    """Every input's windows."""
    return {name: counts for report in reports for name, counts in report.windows.items()}


def ticks(reports: Iterable[Report]) -> TickCounts:
    """The fuse node's ticks."""
    return next((report.ticks for report in reports if report.ticks is not None), TickCounts())


def _by_cause(lost: int, known: Mapping[str, int]) -> dict[str, int]:
    """The items lost by the causes that are known, the rest by `outage`."""
    causes: dict[str, int] = {}
    for cause, count in known.items():
        causes[cause] = min(lost, count)
        lost -= causes[cause]
    return {**causes, "outage": lost}
