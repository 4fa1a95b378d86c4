"""The messages of a short made-up run, as a service would send them."""

from collections.abc import Callable

import numpy as np
import pytest
from sixsense.encoders.embedding import Embedding, Missing, Range
from sixsense.fusion.fused import Fused, Match, Part
from sixsense.nodes.wire.status import (
    NodeStatus,
    Outage,
    QueryStatus,
    Status,
    StreamCounts,
    TickCounts,
    WindowCounts,
)
from sixsense.sensors.sample import NS

SPACE = "mini:0123456789ab"
INPUTS = {
    "camera": ("vision", "frame", 30),
    "microphone": ("audio", "pcm", 16000),
    "imu": ("imu", "row", 200),
}
NODES = ("ingest", "encode", "fuse", "edge")


def embedding(name: str, k: int) -> Embedding:
    vector = np.full(4, 0.5, np.float32)
    end_ns = k * NS // 4
    return Embedding(
        input=name,
        modality=INPUTS[name][0],
        epoch=1,
        seq=k,
        index=k - 1,
        start_ns=end_ns - NS // 4,
        end_ns=end_ns,
        ranges=(Range(name, 1, 10 * k, 10 * k + 10),),
        quality=0.75,
        space_id=SPACE,
        vector=vector,
    )


def fused(k: int, *names: str) -> Fused:
    parts = tuple(
        Part(
            input=name,
            modality=INPUTS[name][0],
            seq=k,
            end_ns=k * NS // 4,
            age_ns=25_000_000,
            quality=0.75,
            weight=0.75,
            share=1 / len(names),
        )
        for name in names
    )
    return Fused(
        epoch=1,
        seq=k,
        stamp_ns=k * NS // 4,
        coverage=len(names) / len(INPUTS),
        closed="complete",
        parts=parts,
        space_id=SPACE,
        vector=np.full(4, 0.5, np.float32) if names else None,
    )


def match(phase: str, k: int, *, query: str = "alarm", score: float = 6.25) -> Match:
    return Match(
        epoch=1,
        seq=k,
        event=0,
        phase=phase,  # pyright: ignore[reportArgumentType]
        query=query,
        stamp_ns=k * NS // 4,
        begin_ns=2 * NS,
        last_ns=5 * NS,
        score=score,
        peak=9.0,
        cosine=0.5,
        calibrated=False,
        modalities=("audio",),
        input="microphone",
        embedding_seq=k,
        evidence_start_ns=NS,
        evidence_end_ns=2 * NS,
    )


def status(second: int, *, final: bool = False, **changes: object) -> Status:
    fields = {
        "robot": "r",
        "epoch": 1,
        "seq": second,
        "stamp_ns": second * NS,
        "final": final,
        "model": "mini",
        "space_id": SPACE,
        "streams": {
            name: StreamCounts(
                modality=modality,
                unit=unit,  # pyright: ignore[reportArgumentType]
                produced=rate * second,
                received=rate * second,
                windowed=rate * second,
            )
            for name, (modality, unit, rate) in INPUTS.items()
        },
        "windows": {
            name: WindowCounts(modality=row[0], closed=4, embedded=4) for name, row in INPUTS.items()
        },
        "ticks": TickCounts(fused=4, complete=4, first_ns=NS // 4, last_ns=NS, events=1),
        "nodes": tuple(NodeStatus(name=name, state="RUNNING") for name in NODES),
        "queries": (QueryStatus(name="alarm", since_ns=0, modalities=("audio",)),),
        "latency_ms": {"encode": (12.0, 20.0)},
        "notes": ("untrained: similarity only",),
    }
    return Status(**(fields | changes))  # pyright: ignore[reportArgumentType]


def outage(until_s: int) -> Outage:
    return Outage(node="encode", from_ns=2 * NS, until_ns=until_s * NS, cause="killed by signal 9")


def missing(k: int) -> Missing:
    return Missing(
        input="imu",
        modality="imu",
        epoch=1,
        seq=k,
        index=k,
        start_ns=0,
        end_ns=NS,
        cause="short",
    )


class Made:
    """Makers of messages, for tests that need one of their own."""

    embedding = staticmethod(embedding)
    fused = staticmethod(fused)
    match = staticmethod(match)
    missing = staticmethod(missing)
    outage = staticmethod(outage)
    status = staticmethod(status)


@pytest.fixture
def made() -> type[Made]:
    return Made


@pytest.fixture
def short_run() -> Callable[[], list[tuple[float, object]]]:
    """Ten seconds with one event and one outage, as (seconds, message)."""

    def messages() -> list[tuple[float, object]]:
        run: list[tuple[float, object]] = []
        for k in range(1, 41):
            away = 8 <= k < 16
            names = [name for name in INPUTS if not (away and name == "imu")]
            run += [(k / 4, embedding(name, k)) for name in names]
            if away:
                run.append((k / 4, missing(k)))
            run.append((k / 4 + 0.01, fused(k, *names)))
            if k in (8, 22):
                run.append((k / 4 + 0.02, match("begin" if k == 8 else "end", k)))
            if k % 4 == 0:
                outages = (outage(0),) if k == 8 else (outage(4),) if k > 15 else ()
                run.append((k / 4 + 0.03, status(k // 4, final=k == 40, outages=outages)))
        return run

    return messages
