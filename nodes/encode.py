"""Encode: samples to windows to embeddings, in the order of event time; in replay one window a call."""

import logging
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from ..encoders.batcher import Batcher
from ..encoders.embedding import Embedding, Missing
from ..encoders.errors import InputError
from ..encoders.recent import Recent
from ..encoders.window import Window
from ..encoders.windower import Windower
from ..fusion.compose import Part, compose
from ..fusion.errors import QueryError
from ..fusion.query import Term
from ..sensors.clock import Clock, ManualClock
from ..sensors.errors import SixsenseError
from ..sensors.sample import NS, End, Progress, Sample
from .control import MAX_REASON, Embed, Embedded, Produced, RunState, StreamLedger, Wish
from .node import Base, Message, Yield
from .spec import EncodeSpec
from .wire.status import WindowCounts

if TYPE_CHECKING:
    from ..encoders.encode import Encoded, Encoder

log = logging.getLogger(__name__)
LONG_NS, READING_NS, NEXT_MESSAGE_NS, OLD_NS = NS // 50, NS // 10, NS // 200, NS // 10
"""After a batch that took longer than LONG_NS, what came meanwhile is read before the next one is chosen: as
long as messages older than OLD_NS follow each other within NEXT_MESSAGE_NS, and for READING_NS at most."""


class Encode(Base):
    """Owns the model and one windower an input. Its results have an epoch of their own kind: the later of
    the source's and this process's, so that either's restart is one."""

    def __init__(self, name: str, spec: EncodeSpec, epoch: int) -> None:
        self._name = name
        self._spec = spec
        self._epoch = epoch
        self._encoder: Encoder | None = None
        self._clock: Clock = ManualClock()
        self._start_ns = 0
        self._recent = Recent()
        self._windowers: dict[str, Windower] = {}
        self._input_of: dict[str, str] = {
            i.stream: spec_.name for spec_ in spec.inputs for i in spec_.members
        }
        self._embedded: Counter[str] = Counter()
        self._reused: Counter[str] = Counter()
        self._none: dict[str, Counter[str]] = {spec_.name: Counter() for spec_ in spec.inputs}
        self._invalid: dict[str, str] = {}
        self._next_seq: dict[tuple[str, str], tuple[int, int]] = {}
        self._progress: dict[str, tuple[int, int]] = {}
        self._ended: set[str] = set()
        self._line: Batcher | None = None
        self._late, self._reading, self._reading_ns = False, False, 0

    def load(self) -> None:
        """Import torch, read the weights."""
        import cv2
        import torch

        from ..encoders.encode import Encoder
        from ..encoders.model import load_model

        cv2.setNumThreads(self._spec.threads)
        torch.set_num_threads(self._spec.threads)
        model = load_model(self._spec.model, precision=self._spec.precision, imu=self._spec.imu)
        self._encoder = Encoder(model, self._spec.unchanged)

    def begin(self, state: RunState, clock: Clock) -> None:
        """Window from here on; one that joins a running stream counts from the first sample it gets."""
        self._clock = clock
        self._start_ns = state.start_ns if self._spec.shed_s is not None else 0
        late = state.restarts.get(self._name, 0) > 0
        self._windowers = {
            spec.name: Windower(spec, self._spec.windows[spec.modality], joined_late=late)
            for spec in self._spec.inputs
        }
        if self._spec.shed_s is not None:
            self._line = Batcher(
                {spec.name: spec.modality for spec in self._spec.inputs},
                wait_ns=round(self._spec.wait_s * NS),
                shed_ns=round(self._spec.shed_s * NS),
                most=self._spec.batch,
            )

    def obey(self, wish: Wish) -> Yield:
        """Give queries their vectors; learn what opened devices say of their streams."""
        if isinstance(wish, Embed):
            yield self._embed(wish)
        for info in wish.infos if isinstance(wish, RunState) else ():
            if info.stream in self._input_of:
                self._windowers[self._input_of[info.stream]].refine(info)

    def receive(self, message: Message) -> Yield:
        """Take one event of a stream; yield embeddings, missing windows, then the input's progress.

        Live, all of them stand in line for `wake`, but for what has nothing before it that must be encoded.
        """
        if not isinstance(message, (Sample, Progress, End)):
            raise TypeError(f"encode takes samples, and got {type(message).__name__}")
        name, now_ns = self._input_of[message.stream], self._clock.now_ns()
        for item in self._closed(name, message):
            if self._line is not None:
                self._line.add(name, item, now_ns)
            else:
                yield from self._encoded([item]) if isinstance(item, Window) else [self._passed(item)]
        if self._line is not None:
            self._late = _sensed_ns(message) < now_ns - OLD_NS
            yield from map(self._passed, self._line.passing(now_ns))

    def wake(self) -> Yield:
        """Encode what is due of the windows in line, one batch of them."""
        now_ns = self._clock.now_ns()
        if self._line is None or self._reads_on(now_ns):
            return
        yield from map(self._passed, self._line.passing(now_ns))
        if batch := self._line.batch(now_ns):
            yield from self._encoded(batch)
            after_ns = self._clock.now_ns()
            self._line.took(batch[0].modality, len(batch), after_ns - now_ns)
            self._reading_ns = after_ns + READING_NS if after_ns - now_ns > LONG_NS else 0
        yield from map(self._passed, self._line.passing(self._clock.now_ns()))

    def next_wake_ns(self) -> int | None:
        due_ns = self._line.next_ns(self._clock.now_ns()) if self._line is not None else None
        return due_ns if due_ns is None or not self._reading else due_ns + NEXT_MESSAGE_NS

    def _reads_on(self, now_ns: int) -> bool:
        """Whether messages that came during a long batch are still coming in."""
        self._reading = self._late and now_ns < self._reading_ns
        self._late = False
        return self._reading

    def _closed(
        self, name: str, message: Sample | Progress | End
    ) -> Iterator[Window | Missing | Progress | End]:
        """What an event closes of its input, then how far the input is."""
        windower, now_ns = self._windowers[name], self._clock.now_ns()
        for item in windower.feed(message):
            if isinstance(item, Window):
                yield msgspec.structs.replace(item, trace=item.trace | {"window": now_ns})
            else:
                yield item
        epoch = max(windower.epoch or 0, self._epoch)
        if self._progress.get(name) != (epoch, windower.progress_ns):
            self._progress[name] = epoch, windower.progress_ns
            yield Progress(stream=name, epoch=epoch, t_ns=windower.progress_ns)
        if windower.ended and name not in self._ended:
            self._ended.add(name)
            yield End(stream=name, epoch=epoch, items=windower.closed)
        elif not windower.ended:
            self._ended.discard(name)

    @property
    def done(self) -> bool:
        return len(self._ended) == len(self._spec.inputs) and (self._line is None or self._line.empty)

    def report(self) -> dict[str, Any]:
        ledgers = [
            StreamLedger(stream=stream, epoch=epoch, ledger=ledger)
            for windower in self._windowers.values()
            for (stream, epoch), ledger in windower.ledgers().items()
        ]
        windows = {
            name: WindowCounts(
                modality=windower.spec.modality,
                closed=windower.closed,
                embedded=self._embedded[name],
                reused=self._reused[name],
                none=dict(self._none[name]),
                pending=self._line.pending(name) if self._line is not None else 0,
            )
            for name, windower in self._windowers.items()
        }
        # Counts of no stream, which become notes: why windows were invalid, by the first of each input.
        invalid = [
            Produced(
                stream=f"invalid windows of {name}",
                epoch=self._epoch,
                items=0,
                causes={reason: self._none[name]["invalid"]},
            )
            for name, reason in self._invalid.items()
        ]
        return {"ledgers": tuple(ledgers), "windows": windows, "produced": tuple(invalid)}

    def _embed(self, request: Embed) -> Embedded:
        """A query's vector in this model's space, or why there is none."""
        query, encoder = request.query, self._loaded()
        try:
            parts = [self._part(term, encoder) for term in query.terms]
            bare = msgspec.structs.replace(query, terms=())
            standing = compose(bare, parts, encoder.model.card)
            moments = [part for term, part in zip(query.terms, parts, strict=True) if term.moment is not None]
            space_id = standing.space_id
            resolved = tuple(
                Term(weight=w, vector=vector, modality=m, space_id=space_id) for w, m, vector in moments
            )
            return Embedded(id=request.id, standing=standing, resolved=resolved)
        except QueryError as error:
            return Embedded(id=request.id, standing=None, error=str(error)[:MAX_REASON])
        except (SixsenseError, ValueError) as error:
            return Embedded(id=request.id, standing=None, error=f"query {query.name!r}: {error}"[:MAX_REASON])

    def _part(self, term: Term, encoder: "Encoder") -> Part:
        """A term with its vector. Raises SixsenseError or ValueError."""
        given = [one for one in (term.text, term.example, term.moment, term.vector) if one is not None]
        if len(given) != 1:
            count = len(given) or "none"
            raise InputError(
                f"a term is a text, an example, a moment or a vector, and this one is {count} of them"
            )
        if term.text is not None:
            return Part(term.weight, "text", encoder.embed_query("text", term.text))
        if (e := term.example) is not None:
            vector = encoder.embed_query(
                e.modality, e.data, stamps=e.stamps, rate_hz=e.rate_hz, fx=e.fx, baseline=e.baseline
            )
            return Part(term.weight, e.modality, vector)
        if term.moment is not None:
            origin_ns = 0 if term.moment.absolute else self._start_ns
            embedding = self._recent.at(term.moment.input, term.moment.at_ns, origin_ns)
            return Part(term.weight, embedding.modality, embedding.vector)
        assert term.vector is not None, "one of the four is given"
        if term.space_id != encoder.model.space_id:
            raise InputError(
                f"a vector of the space {term.space_id!r}; this service has {encoder.model.space_id!r}: "
                "embed it with that model"
            )
        return Part(term.weight, term.modality, term.vector)

    def _encoded(self, windows: list[Window]) -> Iterator[Embedding | Missing]:
        """Windows of one modality, encoded together."""
        for window, encoded in zip(windows, self._loaded().embed_all(windows), strict=True):
            if isinstance(encoded, SixsenseError):
                if window.input not in self._invalid:
                    self._invalid[window.input] = str(encoded)[:MAX_REASON]
                    log.error("%s (later ones are only counted)", encoded)
                yield self._missing(window, "invalid")
            else:
                yield self._embedding(window, encoded)

    def _embedding(self, window: Window, encoded: "Encoded") -> Embedding:
        (self._embedded if encoded.reused < 0 else self._reused)[window.input] += 1
        epoch = max(window.epoch, self._epoch)
        embedding = Embedding(
            input=window.input,
            modality=window.modality,
            epoch=epoch,
            seq=self._count("embedding", window.input, epoch),
            index=window.index,
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            ranges=window.ranges,
            quality=encoded.quality,
            space_id=self._loaded().model.space_id,
            vector=encoded.vector,
            reused=encoded.reused,
            trace=window.trace | {"encode": self._clock.now_ns()},
        )
        self._recent.add(embedding)
        return embedding

    def _passed(self, item: Window | Missing | Progress | End) -> Missing | Progress | End:
        """What is told without encoding: a window that was given up, or none; how far an input is."""
        if isinstance(item, Window):
            return self._missing(item, "shed")
        return self._missing(item, item.cause) if isinstance(item, Missing) else item

    def _missing(self, window: Window | Missing, cause: str) -> Missing:
        self._none[window.input][cause] += 1
        epoch = max(window.epoch, self._epoch)
        return msgspec.convert(
            {
                "input": window.input,
                "modality": window.modality,
                "epoch": epoch,
                "seq": self._count("none", window.input, epoch),
                "index": window.index,
                "start_ns": window.start_ns,
                "end_ns": window.end_ns,
                "cause": cause,
            },
            Missing,
        )

    def _count(self, kind: str, name: str, epoch: int) -> int:
        known, seq = self._next_seq.get((kind, name), (epoch, 0))
        seq = seq if known == epoch else 0
        self._next_seq[kind, name] = epoch, seq + 1
        return seq

    def _loaded(self) -> "Encoder":
        if self._encoder is None:
            raise RuntimeError(f"node {self._name} was asked to encode before it loaded its model")
        return self._encoder


def _sensed_ns(message: Sample | Progress | End) -> int:
    match message:
        case Sample():
            return message.end_ns
        case Progress():
            return message.t_ns
        case End():
            return 0
