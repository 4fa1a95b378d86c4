"""A log's windows encoded again, and its vectors beside those."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

import msgspec
import numpy as np

from ..encoders.embedding import Embedding, Range
from ..encoders.window import Window
from ..encoders.windower import Windower
from ..nodes.spec import EncodeSpec
from ..sensors.errors import SixsenseError
from ..sensors.mcap.head import OWN
from ..sensors.mcap.log import Log
from ..sensors.sample import End, Progress, Sample
from .recorded_results import only, read_results

EXACT, COSINE = 1e-5, 0.999


class VectorComparison(msgspec.Struct, kw_only=True):
    """Recorded windows that were encoded again: how far the vectors are apart.

    `other` windows hold other samples than the log has (it began or ended inside them, or lost some),
    `reused` ones have an earlier one's vector, `absent` ones are whole in the log and were not made again.
    `refused` is why nothing was encoded.
    """

    windows: int = 0
    other: int = 0
    reused: int = 0
    absent: int = 0
    beyond: int = 0
    furthest: float = 0.0
    least_cosine: float = 1.0
    precision: str = "exact"
    refused: str = ""

    @property
    def equal(self) -> bool:
        return self.windows > 0 and not self.beyond and not self.absent


class Again(NamedTuple):
    """A window of the log, and its vector now, float32 (dim,)."""

    window: Window
    vector: np.ndarray


def encoded_again(log: Log, spec: EncodeSpec) -> Iterator[Again]:
    """The log's windows encoded as encode nodes do, as far as the log has their streams."""
    import cv2
    import torch

    from ..encoders.encode import Encoder
    from ..encoders.model import load_model

    cv2.setNumThreads(spec.threads)
    torch.set_num_threads(spec.threads)
    model = load_model(spec.model, precision=spec.precision, imu=spec.imu)
    encoder, windowers = Encoder(model), _windowers(log, spec)
    for event in log.events(1):
        closed = windowers[event.stream].feed(event) if event.stream in windowers else []
        for window in closed:
            if isinstance(window, Window):
                with suppress(SixsenseError):
                    yield Again(window, encoder.embed(window)[0])


def _windowers(log: Log, spec: EncodeSpec) -> dict[str, Windower]:
    """By stream, the windower of its input, for the inputs whose streams are all in the log."""
    infos = {info.stream: info for info in log.streams}
    windowers: dict[str, Windower] = {}
    for one in spec.inputs:
        names = [info.stream for info in one.members]
        if infos.keys() >= set(names):
            members = tuple(infos[name] for name in names)
            windower = Windower(msgspec.structs.replace(one, members=members), spec.windows[one.modality])
            windowers |= dict.fromkeys(names, windower)
    return windowers


def compare_vectors(
    log: Log, again: Iterable[Again], bases: Mapping[str, int], precision: str
) -> VectorComparison:
    """The log's embeddings beside those of the same windows encoded again. `bases` are the items that the log
    begins with, by stream."""
    found = {(one.window.input, one.window.index): one for one in again}
    result = VectorComparison(precision=precision)
    unmade: list[Embedding] = []
    for one in only(read_results(log, (f"{OWN}embedding",)), (Embedding,)):
        other = found.get((one.input, one.index))
        if other is None:
            unmade.append(one)
            continue
        if _spans(one.ranges, bases) != _spans(other.window.ranges, {}):
            result.other += 1
            continue
        if one.reused >= 0:
            result.reused += 1
            continue
        result.windows += 1
        distance = float(np.max(np.abs(one.vector - other.vector)))
        cosine = float(one.vector.astype(np.float64) @ other.vector)
        result.furthest = max(result.furthest, distance)
        result.least_cosine = min(result.least_cosine, cosine)
        result.beyond += distance > EXACT if precision == "exact" else cosine < COSINE
    held = Held(log) if unmade else None
    result.absent = sum(held is not None and held.whole(one, bases) for one in unmade)
    result.other += len(unmade) - result.absent
    return result


class Held:
    """What a log has of each stream: its recorder may have lost items, or have been killed before a window
    ended."""

    def __init__(self, log: Log) -> None:
        self._spans: dict[str, list[tuple[int, int]]] = {info.stream: [] for info in log.streams}
        self._reached = dict.fromkeys(self._spans, 0)
        for event in log.events(1):
            if isinstance(event, Sample):
                spans = self._spans[event.stream]
                first = spans.pop()[0] if spans and spans[-1][1] == event.item else event.item
                spans.append((first, event.item + event.items))
            if not isinstance(event, End):
                reached_ns = event.t_ns if isinstance(event, Progress) else event.end_ns
                self._reached[event.stream] = max(self._reached[event.stream], reached_ns)

    def whole(self, embedding: Embedding, bases: Mapping[str, int]) -> bool:
        """Whether the log has all of an embedding's window."""
        return all(
            self._reached.get(stream, 0) >= embedding.end_ns
            and any(begin <= first and last <= end for begin, end in self._spans[stream])
            for stream, first, last in _spans(embedding.ranges, bases)
        )


def _spans(ranges: Iterable[Range], bases: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Which items a window holds, counted from where the log begins."""
    return [(r.stream, r.first - bases.get(r.stream, 0), r.last - bases.get(r.stream, 0)) for r in ranges]
