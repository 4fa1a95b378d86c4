"""Accounts: what the nodes report, put together into what every stream, window and tick came to."""

from collections import Counter
from collections.abc import Iterable, Mapping

from ..encoders.track import Ledger
from ..sensors.modalities import MODALITIES
from ..sensors.sample import StreamInfo
from .control import Produced, Report
from .wire.status import StreamCounts, TickCounts, WindowCounts


class Accounts:
    """Remembers what each epoch of each stream produced, also when its source's process is gone."""

    def __init__(self, infos: Iterable[StreamInfo]) -> None:
        self._infos = {info.stream: info for info in infos}
        self._produced: dict[tuple[str, int], Produced] = {}
        self._newest: dict[str, int] = {}

    def note(self, report: Report) -> None:
        """Take a source's own counts."""
        for produced in report.produced:
            self._produced[produced.stream, produced.epoch] = produced
            self._newest[produced.stream] = max(produced.epoch, self._newest.get(produced.stream, 0))

    def streams(self, reports: Iterable[Report]) -> dict[str, StreamCounts]:
        """Every stream's equation, summed over its epochs, from the receivers' reports.

        Items of an epoch whose source died are lost to the outage as far as they were never received.
        """
        ledgers: dict[str, dict[int, Ledger]] = {}
        since: dict[str, int] = {}
        dropped: Counter[str] = Counter()
        reports = list(reports)
        receivers = {report.name for report in reports if report.ledgers}
        for report in reports:
            for entry in report.ledgers:
                ledgers.setdefault(entry.stream, {})[entry.epoch] = entry.ledger
                since[entry.stream] = report.since_ns
            for consumer, counts in report.dropped.items():
                dropped.update(counts if consumer in receivers else {})
        return {
            stream: self._stream(info, ledgers.get(stream, {}), since.get(stream, 0), dropped[stream])
            for stream, info in self._infos.items()
        }

    def unplanned(self) -> list[str]:
        """What sources said of streams that are not in the plan, such as a track that cannot be decoded."""
        return [
            f"{produced.stream}: " + ", ".join(f"{cause} {count}" for cause, count in produced.causes.items())
            for produced in self._produced.values()
            if produced.stream not in self._infos and produced.causes
        ]

    def _stream(
        self, info: StreamInfo, ledgers: Mapping[int, Ledger], since_ns: int, ring_dropped: int
    ) -> StreamCounts:
        totals, produced, skipped, refused = Counter[str](), 0, Counter[str](), Counter[str]()
        reading, unsent = Counter[str](), Counter[str]()
        epochs = {*ledgers, *(e for stream, e in self._produced if stream == info.stream)}
        for epoch in sorted(epochs):
            ledger, source = ledgers.get(epoch, Ledger()), self._produced.get((info.stream, epoch))
            made = max(ledger.known, source.items - ledger.base if source else 0)
            produced += made
            lost = made - ledger.received if self._is_over(info.stream, epoch) else ledger.lost
            totals.update(
                received=ledger.received,
                lost=lost,
                windowed=ledger.windowed,
                late=ledger.late,
                pending=ledger.pending,
            )
            skipped.update(ledger.skipped)
            refused.update(ledger.dropped)
            reading.update(source.causes if source else {})
            unsent.update(source.unsent if source else {})
        lost = _by_cause(totals["lost"], {**unsent, "ring full": ring_dropped})
        return StreamCounts(
            modality=info.modality,
            unit=MODALITIES[info.modality].item,
            produced=produced,
            received=totals["received"],
            lost_in_transport={cause: count for cause, count in lost.items() if count},
            unread=dict(reading),
            windowed=totals["windowed"],
            skipped=dict(skipped),
            late=totals["late"],
            dropped=dict(refused),
            pending=totals["pending"],
            since_ns=since_ns,
        )

    def _is_over(self, stream: str, epoch: int) -> bool:
        return epoch < self._newest.get(stream, 0)


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
