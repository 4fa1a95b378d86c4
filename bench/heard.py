"""Hours of what robots of the test worlds hear, as embeddings, and of a matcher that listens to them."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from sixsense.encoders.bind.recipes.background import embeddings
from sixsense.encoders.embedding import Embedding
from sixsense.encoders.encode import Encoder
from sixsense.encoders.window import Window
from sixsense.encoders.windower import InputSpec, Windower
from sixsense.fusion.fused import Fused, Match
from sixsense.fusion.match import Matcher
from sixsense.fusion.tick import Tick
from sixsense.sensors.sample import NS, Sample
from sixsense.sensors.simulated.robot import SimulatedRobot

START_NS = 60 * NS
HOUR_NS = 3600 * NS
Mixed = Callable[[Sample], Sample]


def heard(
    encoder: Encoder, seed: int, hour: int, mixed: Mixed = lambda sample: sample
) -> Iterator[Embedding]:
    """The windows of one hour of a robot's microphone, `mixed` with something; some are computed together."""
    from_ns = START_NS + hour * HOUR_NS
    robot = SimulatedRobot(
        seed, start_ns=START_NS, seconds=(hour + 1) * 3600, streams=("microphone",), split="test"
    )
    spec = encoder.model.card.windows["audio"]
    windower = Windower(InputSpec(name="microphone", modality="audio", members=robot.streams), spec)
    events = (mixed(e) if isinstance(e, Sample) else e for e in robot.events(0, from_ns=from_ns))
    return embeddings(encoder, (w for event in events for w in windower.feed(event) if isinstance(w, Window)))


def kept(encoder: Encoder, seed: int, hour: int, folder: Path | None) -> Iterable[Embedding]:
    """The same, from `folder` where an earlier run of this model left it."""
    if folder is None:
        return heard(encoder, seed, hour)
    path = folder / f"{encoder.model.space_id.replace(':', '-')}-{seed}-{hour}.msgpack"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        rows = [(one.end_ns, one.vector.tobytes()) for one in heard(encoder, seed, hour)]
        path.write_bytes(msgspec.msgpack.encode(rows))
    length_ns = encoder.model.card.windows["audio"].length_ns
    rows = msgspec.msgpack.decode(path.read_bytes(), type=list[tuple[int, bytes]])
    return (
        Embedding(
            input="microphone",
            modality="audio",
            epoch=0,
            seq=seq,
            index=seq,
            start_ns=end_ns - length_ns,
            end_ns=end_ns,
            ranges=(),
            quality=1.0,
            space_id=encoder.model.space_id,
            vector=np.frombuffer(raw, np.float32),
        )
        for seq, (end_ns, raw) in enumerate(rows)
    )


def matched(matcher: Matcher, ordered: Iterable[Embedding]) -> Iterator[Match]:
    """What the matcher tells of a tick at the end of every window."""
    for one in ordered:
        fused = Fused(
            epoch=0,
            seq=0,
            stamp_ns=one.end_ns,
            coverage=1.0,
            closed="complete",
            parts=(),
            space_id=one.space_id,
            vector=None,
        )
        yield from matcher.match(Tick(one.end_ns, "complete", {one.input: one}), fused)
