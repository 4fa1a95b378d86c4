"""The background of simulated worlds: what a model says while nothing happens, and how queries compare."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice

import msgspec
import numpy as np

from ....sensors.errors import SixsenseError
from ....sensors.sample import NS, Sample
from ....sensors.simulated.kinds import ACTIVITIES, KINDS
from ....sensors.simulated.robot import SimulatedRobot
from ....sensors.simulated.split import Split
from ...card import Background, WindowSpec
from ...embedding import Embedding
from ...encode import Encoded, Encoder
from ...window import Window
from ...windower import InputSpec, Windower

STREAMS = {"vision": "camera", "audio": "microphone", "depth": "depth", "thermal": "thermal", "imu": "imu"}
PICTURES = ("camera", "depth", "thermal")
START_NS = LENGTH_NS = 60 * NS
# Neighbouring windows say nearly the same: one a second is looked at.
STRIDE = 4
BATCH = 8
QUIET = 48
# Robots whose happenings are the queries, and others whose background they are compared with.
QUERIES: tuple[Split, range] = ("train", range(3000, 3006))
COMPARED: tuple[Split, range] = ("validation", range(4000, 4006))


def windows(modality: str, spec: WindowSpec, split: Split, seed: int) -> Iterator[tuple[Window, set[str]]]:
    """A minute of one robot: each window with the happenings in it that its modality can sense."""
    stream = (STREAMS[modality],)
    robot = SimulatedRobot(seed, start_ns=START_NS, seconds=LENGTH_NS / NS, streams=stream, split=split)
    found = _pictures(robot, modality, spec) if stream[0] in PICTURES else _sequences(robot, modality, spec)
    for window in found:
        now = robot.happenings(window.start_ns, window.end_ns)
        yield window, {one.name for one in now if modality in one.modalities}


def _sequences(robot: SimulatedRobot, modality: str, spec: WindowSpec) -> Iterator[Window]:
    windower = Windower(InputSpec(name=modality, modality=modality, members=robot.streams), spec)
    for event in robot.events(0):
        yield from (window for window in windower.feed(event) if isinstance(window, Window))


def _pictures(robot: SimulatedRobot, modality: str, spec: WindowSpec) -> Iterator[Window]:
    """One frame a window: the others that a camera takes meanwhile need not be rendered."""
    for start in range(START_NS, START_NS + LENGTH_NS - spec.length_ns, spec.hop_ns):
        frame = next(event for event in robot.events(0, from_ns=start) if isinstance(event, Sample))
        yield Window(
            input=modality,
            modality=modality,
            epoch=0,
            index=start // spec.hop_ns,
            start_ns=start,
            end_ns=start + spec.length_ns,
            ranges=(),
            encoding=frame.encoding,
            data=frame.data,
            stamps=None,
            info=robot.streams[0],
        )


def embedded(encoder: Encoder, modality: str, split: Split, seeds: range) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of those robots' windows, float32 (n, dim), and whether nothing happens, bool (n,)."""
    spec = encoder.model.card.windows[modality]
    sparse = msgspec.structs.replace(spec, hop_ns=STRIDE * spec.hop_ns)
    pairs = [pair for seed in seeds for pair in windows(modality, sparse, split, seed)]
    vectors = np.stack([encoder.embed(window)[0] for window, _ in pairs])
    return vectors, np.array([not happening for _, happening in pairs])


def sensed(encoder: Encoder, modality: str, split: Split, seed: int) -> Iterator[Embedding]:
    """A minute of one robot, window by window, in an input called like its modality."""
    spec = encoder.model.card.windows[modality]
    return embeddings(encoder, (window for window, _ in windows(modality, spec, split, seed)))


def embeddings(encoder: Encoder, ordered: Iterable[Window]) -> Iterator[Embedding]:
    """One of each window, computed some at a time: live, and in replays, bits depend on no other window.

    Raises SixsenseError for one that cannot be embedded.
    """
    rest = iter(ordered)
    seqs = count()
    while some := list(islice(rest, BATCH)):
        for window, encoded, seq in zip(some, encoder.embed_all(some), seqs, strict=False):
            if isinstance(encoded, SixsenseError):
                raise encoded
            yield _embedding(encoder, seq, window, encoded)


def _embedding(encoder: Encoder, seq: int, window: Window, encoded: Encoded) -> Embedding:
    return Embedding(
        input=window.input,
        modality=window.modality,
        epoch=0,
        seq=seq,
        index=window.index,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        ranges=window.ranges,
        quality=encoded.quality,
        space_id=encoder.model.space_id,
        vector=encoded.vector,
    )


def texts() -> list[str]:
    """What people ask the simulated world for."""
    return [phrase for kind in (KINDS | ACTIVITIES).values() for phrase in kind.phrases]


def measure(
    encoder: Encoder,
) -> tuple[dict[str, np.ndarray], dict[str, Background], dict[str, np.ndarray]]:
    """Each modality's mean; of every two the background: queries (what happens in the one) against what the
    other says while nothing happens; and some of the latter's vectors, (QUIET, dim)."""
    queries, quiet, means = {"text": encoder.model.embed_text(texts())}, {}, {}
    means["text"] = queries["text"].mean(axis=0)
    for modality in (m for m in STREAMS if m in encoder.model.modalities):
        vectors, still = embedded(encoder, modality, *QUERIES)
        # Half of what it is about is that nothing happens.
        queries[modality] = vectors[~still]
        means[modality] = (vectors[~still].mean(axis=0) + vectors[still].mean(axis=0)) / 2
        vectors, still = embedded(encoder, modality, *COMPARED)
        quiet[modality] = vectors[still]
    some = {m: rows[np.linspace(0, len(rows) - 1, QUIET).astype(int)] for m, rows in quiet.items()}
    quiet["text"] = queries["text"]
    return means, backgrounds(queries, quiet, means), some


def backgrounds(
    queries: Mapping[str, np.ndarray], quiet: Mapping[str, np.ndarray], means: Mapping[str, np.ndarray]
) -> dict[str, Background]:
    """Mean and deviation of the centred cosines of every pair, by `query/target`."""
    asked = {modality: _centred(rows, means[modality]) for modality, rows in queries.items()}
    seen = {modality: _centred(rows, means[modality]) for modality, rows in quiet.items()}
    pairs = {f"{one}/{other}": asked[one] @ seen[other].T for one in asked for other in seen}
    return {name: Background(mean=float(c.mean()), deviation=float(c.std())) for name, c in pairs.items()}


def _centred(rows: np.ndarray, mean: np.ndarray) -> np.ndarray:
    centred = rows.astype(np.float64) - mean
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)
