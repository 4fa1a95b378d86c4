"""The encode node as a plain class: every closed window gives one result, then its input's progress."""

import numpy as np
import pytest
from sixsense.encoders.card import WindowSpec
from sixsense.encoders.embedding import Embedding, Missing
from sixsense.encoders.windower import InputSpec
from sixsense.fusion.query import Example, Query, Term
from sixsense.nodes.control import Embed, Embedded, RunState
from sixsense.nodes.encode import Encode
from sixsense.nodes.spec import EncodeSpec
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.sample import NS, End, Progress, Sample, StreamInfo

CAMERA = StreamInfo(stream="camera", modality="vision", encoding="rgb8", rate_hz=4, clock="host")
SPEC = EncodeSpec(
    model="mini",
    inputs=(InputSpec(name="camera", modality="vision", members=(CAMERA,)),),
    windows={"vision": WindowSpec(length_ns=NS // 4, hop_ns=NS // 4)},
    shed_s=1.0,
    threads=1,
)
STATE = RunState(
    go=True,
    over=False,
    stop=False,
    offset_ns=0,
    start_ns=0,
    directory={},
    restarts={},
    queries_version=0,
    queries=(),
    mixes=(),
    space_id="",
    vectors=np.zeros((0, 0), np.float32),
    checkpoint=np.zeros(0, np.uint8),
)


def frame(index: int, *, grey: int = 100, epoch: int = 5) -> Sample:
    rng = np.random.default_rng(index)
    return Sample(
        stream="camera",
        modality="vision",
        epoch=epoch,
        seq=index,
        item=index,
        stamp_ns=index * NS // 4,
        encoding="rgb8",
        data=rng.integers(0, grey, (48, 64, 3), np.uint8),
        trace={"sense": 1, "ingest": 2},
    )


def progress(quarters: int) -> Progress:
    return Progress(stream="camera", epoch=5, t_ns=quarters * NS // 4)


@pytest.fixture
def started() -> tuple[Encode, ManualClock]:
    node, clock = Encode("encode", SPEC, 7), ManualClock()
    node.load()
    node.begin(STATE, clock)
    return node, clock


def test_a_window_gives_an_embedding_and_then_progress(started: tuple[Encode, ManualClock]) -> None:
    node, clock = started
    clock.advance(50)
    assert [m for m in node.receive(frame(0)) if not isinstance(m, Progress)] == []
    embedding, after = node.receive(progress(1))
    assert isinstance(embedding, Embedding)
    assert np.linalg.norm(embedding.vector) == pytest.approx(1, abs=1e-6)
    assert (embedding.index, embedding.seq, embedding.epoch) == (0, 0, 7)
    assert embedding.ranges[0].epoch == 5
    assert embedding.trace == {"sense": 1, "ingest": 2, "window": 50, "encode": 50}
    assert after == Progress(stream="camera", epoch=7, t_ns=NS // 4)


def test_a_window_that_waited_too_long_is_shed_and_told(started: tuple[Encode, ManualClock]) -> None:
    node, clock = started
    clock.advance(10 * NS)
    list(node.receive(frame(0)))
    missing, _ = node.receive(progress(1))
    assert isinstance(missing, Missing)
    assert missing.cause == "shed"
    windows = node.report()["windows"]["camera"]
    assert (windows.closed, windows.embedded, windows.none) == (1, 0, {"shed": 1})


def test_at_the_end_it_is_done_and_every_window_is_counted(started: tuple[Encode, ManualClock]) -> None:
    node, _ = started
    out = [m for event in (frame(0), frame(1), progress(1)) for m in node.receive(event)]
    out += node.receive(End(stream="camera", epoch=5, items=2))
    assert node.done
    assert out[-1] == End(stream="camera", epoch=7, items=2)
    assert [m.cause for m in out if isinstance(m, Missing)] == ["tail"]
    assert node.report()["windows"]["camera"].closed == 2


def test_a_query_gets_its_vector_without_its_example_or_the_reason(
    started: tuple[Encode, ManualClock],
) -> None:
    node, _ = started
    picture = Example(modality="vision", data=frame(3).data)
    (answer,) = node.obey(Embed(id=3, query=Query(name="q", terms=(Term(example=picture),))))
    assert isinstance(answer, Embedded)
    assert answer.standing is not None
    assert answer.standing.query == Query(name="q")
    assert answer.standing.kind == "vision"
    broken = Example(
        modality="imu", data=np.full((9, 6), np.nan, np.float32), stamps=np.arange(9) * 10_000_000
    )
    (answer,) = node.obey(Embed(id=4, query=Query(name="q", terms=(Term(example=broken),))))
    assert isinstance(answer, Embedded)
    assert answer.standing is None
    assert "query 'q'" in answer.error
