"""The encode node as a plain class: every closed window gives one result, then its input's progress."""

import msgspec
import numpy as np
import pytest
from sixsense.encoders.card import WindowSpec
from sixsense.encoders.embedding import Embedding, Missing
from sixsense.encoders.encode import Encoded, Encoder
from sixsense.encoders.window import Window
from sixsense.encoders.windower import InputSpec
from sixsense.fusion.query import Example, Query, Term
from sixsense.nodes.control import Embed, Embedded, RunState
from sixsense.nodes.encode import Encode
from sixsense.nodes.spec import EncodeSpec
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.sample import NS, End, Event, Progress, Sample, StreamInfo

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
    stop=False,
    offset_ns=0,
    start_ns=0,
    restarts={},
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


def taken(node: Encode, event: Event) -> list[object]:
    """What follows from an event, once what is due has been encoded."""
    return [*node.receive(event), *node.wake()]


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
    embedding, after = taken(node, progress(1))
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
    missing, _ = taken(node, progress(1))
    assert isinstance(missing, Missing)
    assert missing.cause == "shed"
    windows = node.report()["windows"]["camera"]
    assert (windows.closed, windows.embedded, windows.none) == (1, 0, {"shed": 1})


def test_why_windows_are_invalid_is_told_with_how_many(started: tuple[Encode, ManualClock]) -> None:
    node, _ = started
    out: list[object] = []
    for index in range(3):
        broken = {"encoding": "jpeg", "data": np.full(9, index, np.uint8)}
        out += taken(node, msgspec.structs.replace(frame(index), **broken))
        out += taken(node, progress(index + 1))
    assert [m.cause for m in out if isinstance(m, Missing)] == ["invalid"] * 3
    (told,) = node.report()["produced"]
    assert (told.stream, list(told.causes.values())) == ("invalid windows of camera", [3])
    assert "JPEG" in next(iter(told.causes))


def test_at_the_end_it_is_done_and_every_window_is_counted(started: tuple[Encode, ManualClock]) -> None:
    node, _ = started
    events = (frame(0), frame(1), progress(1), End(stream="camera", epoch=5, items=2))
    out = [m for event in events for m in taken(node, event)]
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


DOOR = msgspec.structs.replace(CAMERA, stream="door")
RIG = msgspec.structs.replace(
    SPEC,
    inputs=(*SPEC.inputs, InputSpec(name="door", modality="vision", members=(DOOR,))),
    shed_s=2.0,
    batch=4,
    wait_s=0.005,
    unchanged=0.02,
)


def of(stream: str, event: Sample | Progress) -> Sample | Progress:
    return msgspec.structs.replace(event, stream=stream)


@pytest.fixture
def rig() -> tuple[Encode, ManualClock]:
    node, clock = Encode("encode", RIG, 7), ManualClock()
    node.load()
    node.begin(STATE, clock)
    return node, clock


def test_windows_of_two_cameras_are_encoded_together(rig: tuple[Encode, ManualClock], monkeypatch) -> None:
    node, clock = rig
    sizes: list[int] = []
    embed_all = Encoder.embed_all
    monkeypatch.setattr(
        Encoder, "embed_all", lambda self, windows: sizes.append(len(windows)) or embed_all(self, windows)
    )
    clock.advance(NS // 4)
    for event in (frame(0), of("door", frame(0, grey=50)), progress(1)):
        assert [m for m in taken(node, event) if isinstance(m, (Embedding, Missing))] == []
    assert node.report()["windows"]["camera"].pending == 1
    assert node.next_wake_ns() == clock.now_ns() + 5_000_000
    out = taken(node, of("door", progress(1)))
    assert [type(m).__name__ for m in out].count("Embedding") == 2
    assert sizes == [2]
    assert [m.t_ns for m in out if isinstance(m, Progress) and m.stream == "camera"] == [NS // 4]
    assert not node.report()["windows"]["camera"].pending


def test_a_window_that_waits_alone_is_encoded_in_time(rig: tuple[Encode, ManualClock]) -> None:
    node, clock = rig
    assert not [
        m for event in (frame(0), progress(1)) for m in taken(node, event) if isinstance(m, Embedding)
    ]
    clock.advance(5_000_000)
    assert [type(m).__name__ for m in node.wake()] == ["Embedding", "Progress"]


def test_a_picture_that_has_not_changed_is_counted_and_says_whose_vector_it_has(
    rig: tuple[Encode, ManualClock],
) -> None:
    node, clock = rig
    found: list[Embedding] = []
    for index in range(3):
        clock.advance(NS // 4)
        same = msgspec.structs.replace(frame(0), seq=index, item=index, stamp_ns=index * NS // 4)
        out = [*taken(node, same), *taken(node, progress(index + 1))]
        clock.advance(5_000_000)
        found += [m for m in [*out, *node.wake()] if isinstance(m, Embedding)]
    assert [one.reused for one in found] == [-1, 0, 0]
    assert [one.index for one in found] == [0, 1, 2]
    assert [one.ranges[0].first for one in found] == [0, 1, 2]
    assert len({one.vector.tobytes() for one in found}) == 1
    windows = node.report()["windows"]["camera"]
    assert (windows.closed, windows.embedded, windows.reused) == (3, 1, 2)


def test_at_twice_the_load_both_cameras_get_the_same_and_all_is_counted(
    rig: tuple[Encode, ManualClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    node, clock = rig

    def slow(_: Encoder, windows: list[Window]) -> list[Encoded]:
        clock.advance(len(windows) * NS // 4)
        return [Encoded(np.ones(4, np.float32), 1.0) for _ in windows]

    monkeypatch.setattr(Encoder, "embed_all", slow)
    quarters, out = 0, list[object]()
    while quarters < 200:
        while quarters < 200 and quarters * NS // 4 <= clock.now_ns():
            for stream in ("camera", "door"):
                for event in (frame(quarters), progress(quarters + 1)):
                    out += node.receive(of(stream, event))
            quarters += 1
        out += node.wake()
        clock.advance(1_000_000)
    counts = node.report()["windows"]
    for one in counts.values():
        assert one.closed == one.embedded + one.none["shed"] + one.pending
        assert one.none["shed"] > 50
    assert 1 / 1.2 < counts["camera"].embedded / counts["door"].embedded < 1.2
    for stream in ("camera", "door"):
        ends = [m.end_ns for m in out if isinstance(m, (Embedding, Missing)) and m.input == stream]
        assert ends == sorted(ends)
