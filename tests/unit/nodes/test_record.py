"""The recorder takes what the rings carry, splits its files, and ends before the disk is full."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from chunks import MIC, chunk
from sixsense.encoders.embedding import Embedding
from sixsense.fusion.snapshot import Snapshot
from sixsense.launch.config import load_config
from sixsense.launch.plan import plan_run
from sixsense.launch.recording import Recording, parse_split, record_spec
from sixsense.nodes.control import Failed, RunState
from sixsense.nodes.link import GATHER_S
from sixsense.nodes.record import Record, Recorder, RecordError, head_of
from sixsense.nodes.recorded import from_json
from sixsense.nodes.ring import Ring
from sixsense.nodes.spec import InletSpec, RecordSpec
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.errors import SixsenseError
from sixsense.sensors.mcap.head import OWN
from sixsense.sensors.mcap.log import open_log
from sixsense.sensors.sample import NS, End, Event, Progress, Sample, StreamInfo

CAMERA = StreamInfo(stream="camera", modality="vision", encoding="jpeg", rate_hz=10, clock="host")
DATA = InletSpec(node="ingest", traffic="lossless")
RESULTS = InletSpec(node="encode", traffic="results")


def spec(path: Path, **fields: object) -> RecordSpec:
    return msgspec.structs.replace(
        RecordSpec(path=str(path), streams=(MIC,), plan="{}", keep_free_bytes=0), **fields
    )


def state(**fields: object) -> RunState:
    base = RunState(
        go=True,
        stop=False,
        offset_ns=3,
        start_ns=60 * NS,
        restarts={},
    )
    return msgspec.structs.replace(base, **fields)


def embedding(epoch: int = 1) -> Embedding:
    return Embedding(
        input="mic",
        modality="audio",
        epoch=epoch,
        seq=0,
        index=0,
        start_ns=0,
        end_ns=5,
        ranges=(),
        quality=1.0,
        space_id="s",
        vector=np.ones(4, np.float32),
    )


def node(path: Path, **fields: object) -> tuple[Record, ManualClock]:
    one, clock = Record("record", "r", spec(path, **fields), 1), ManualClock(100 * NS)
    one.begin(state(), clock)
    return one, clock


def give(one: Record, message: Event, inlet: InletSpec = DATA) -> list[Failed]:
    return [word for word in one.receive_from(inlet, message) if isinstance(word, Failed)]


def items(path: Path) -> int:
    return sum(event.items for event in open_log(path).events(1) if isinstance(event, Sample))


def test_sources_and_encoders_progress_are_told_apart(tmp_path: Path) -> None:
    one, _ = node(tmp_path / "a.mcap")
    give(one, chunk(0))
    give(one, Progress(stream="mic", epoch=1, t_ns=7))
    give(one, Progress(stream="mic", epoch=1, t_ns=5), RESULTS)
    list(one.receive_from(RESULTS, embedding()))
    one.close()
    log = open_log(tmp_path / "a.mcap")
    assert [e.t_ns for e in log.events(1) if isinstance(e, Progress)] == [7]
    topics = [raw.topic for raw in log.messages(OWN)]
    assert topics.count("/sixsense/closed/mic") == topics.count("/sixsense/embedding/mic") == 1


def test_everything_is_readable_a_second_later(tmp_path: Path) -> None:
    one, clock = node(tmp_path / "a.mcap")
    give(one, chunk(0))
    wake_ns = one.next_wake_ns()
    assert wake_ns is not None
    assert wake_ns + 2 * GATHER_S * NS <= 101 * NS
    clock.advance(wake_ns - clock.now_ns())
    assert not list(one.wake())
    assert items(tmp_path / "a.mcap") == 100


def test_the_last_bundle_of_an_encode_node_may_come_after_fusion_has_ended(tmp_path: Path) -> None:
    one, _ = node(tmp_path / "a.mcap", inputs=("mic",))
    give(one, chunk(0))
    give(one, End(stream="mic", epoch=1, items=100))
    give(one, End(stream="fused", epoch=1, items=1), RESULTS)
    assert not one.done
    list(one.receive_from(RESULTS, embedding()))
    give(one, End(stream="mic", epoch=1, items=1), RESULTS)
    assert one.done
    topics = [raw.topic for raw in open_log(tmp_path / "a.mcap").messages(OWN)]
    assert "/sixsense/embedding/mic" in topics


def test_it_is_done_when_all_sources_and_fusion_have_ended(tmp_path: Path) -> None:
    one, _ = node(tmp_path / "a.mcap")
    give(one, End(stream="mic", epoch=1, items=0), RESULTS)
    assert not one.done
    give(one, End(stream="mic", epoch=1, items=0))
    assert not one.done
    give(one, End(stream="fused", epoch=1, items=0), RESULTS)
    assert one.done
    assert one.next_wake_ns() is None
    assert open_log(tmp_path / "a.mcap").counts() == {}


def test_one_that_was_started_again_goes_on_in_the_next_part(tmp_path: Path) -> None:
    one, clock = node(tmp_path / "a.mcap")
    give(one, chunk(0))
    clock.advance(NS)
    list(one.wake())
    again = Record("record", "r", spec(tmp_path / "a.mcap"), 2)
    again.begin(state(restarts={"record": 1}), clock)
    give(again, chunk(1))
    again.close()
    assert [p.name for p in open_log(tmp_path / "a.mcap").paths] == ["a.mcap", "a.1.mcap"]
    assert items(tmp_path / "a.mcap") == 200


def test_a_disk_that_is_almost_full_ends_the_recording_and_not_the_run(tmp_path: Path) -> None:
    one, clock = node(tmp_path / "a.mcap", keep_free_bytes=0)
    free = [10**9]
    recorder = Recorder(
        spec(tmp_path / "b.mcap", keep_free_bytes=10**6),
        head_of(spec(tmp_path / "b.mcap"), "r", 1, 0),
        free_bytes=lambda _: free[0],
    )
    recorder.open(0)
    one._recorder = recorder
    give(one, chunk(0))
    free[0] = 10**5
    clock.advance(NS)
    (failed,) = one.wake()
    assert isinstance(failed, Failed)
    assert not failed.fatal
    assert "0 MB are left" in failed.message
    assert give(one, chunk(1)) == []
    assert one.report() == {"dropped": {"record": {"mic": 100}}}
    assert one.done
    log = open_log(tmp_path / "b.mcap")
    assert items(tmp_path / "b.mcap") == 100
    assert log.counts() == {}


def test_a_path_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").touch()
    one, _ = node(tmp_path / "a.mcap")
    (failed,) = one.wake()
    assert "File exists" in failed.message


@pytest.mark.parametrize("split", [{"split_bytes": 5000}, {"split_s": 2.0}])
def test_it_goes_on_in_another_file(tmp_path: Path, split: dict[str, float]) -> None:
    one, clock = node(tmp_path / "a.mcap", **split)
    for seq in range(100):
        give(one, chunk(seq))
        clock.advance(NS // 10)
        list(one.wake())
    one.close()
    log = open_log(tmp_path / "a.mcap")
    assert len(log.paths) >= 4
    assert items(tmp_path / "a.mcap") == 100 * 100
    assert [e.seq for e in log.events(1) if isinstance(e, Sample)] == list(range(100))


def test_only_the_streams_that_were_asked_for(tmp_path: Path) -> None:
    plan = plan_run(load_config("demo")).facts
    asked = record_spec(Recording(path=tmp_path / "a.mcap", topics=("mic",)), (MIC, CAMERA), plan)
    assert asked.streams == (MIC,)
    assert asked.inputs == tuple(one.name for one in from_json(plan).encode.inputs)
    one = Record("record", "r", msgspec.structs.replace(asked, keep_free_bytes=0), 1)
    one.begin(state(), ManualClock(1))
    give(one, Progress(stream="camera", epoch=1, t_ns=1))
    one.close()
    assert {e.stream for e in open_log(tmp_path / "a.mcap").events(1)} == {"mic"}
    with pytest.raises(SixsenseError, match="no stream 'lidar' to record; there are mic, camera"):
        record_spec(Recording(path=tmp_path / "b.mcap", topics=("lidar",)), (MIC, CAMERA), plan)
    with pytest.raises(SixsenseError, match="overwrites nothing"):
        record_spec(Recording(path=tmp_path / "a.mcap"), (MIC,), plan)
    with pytest.raises(SixsenseError, match="is no folder"):
        record_spec(Recording(path=tmp_path / "none" / "a.mcap"), (MIC,), plan)


def test_what_a_device_knows_once_it_is_open_is_what_a_replay_gets(tmp_path: Path) -> None:
    one, _ = node(tmp_path / "a.mcap")
    refined = msgspec.structs.replace(MIC, source="USB microphone 7", rate_hz=999.5)
    list(one.obey(state(infos=(refined, CAMERA))))
    one.close()
    assert open_log(tmp_path / "a.mcap").streams == (refined,)


def test_a_snapshot_of_fusion_is_a_result(tmp_path: Path) -> None:
    one, _ = node(tmp_path / "a.mcap")
    list(one.receive_from(RESULTS, Snapshot(epoch=1, from_ns=0, queries=("a",), state=np.zeros(3, np.uint8))))
    one.close()
    stamps = {raw.topic: raw.stamp_ns for raw in open_log(tmp_path / "a.mcap").messages(OWN)}
    # Before the first tick `from_ns` is 0: as the message's time it would make the log begin in 1970.
    assert stamps["/sixsense/fusion"] == stamps["/sixsense/log"] > 0


def test_sizes_and_times_to_split_by() -> None:
    assert parse_split("1GB") == (10**9, 0.0)
    assert parse_split("10 min") == (0, 600.0)
    for wrong in ("", "1", "GB", "1 parsec", "0s"):
        with pytest.raises(SixsenseError, match="--split"):
            parse_split(wrong)


def test_too_little_room_to_begin_with(tmp_path: Path) -> None:
    asked = spec(tmp_path / "a.mcap", keep_free_bytes=2**62)
    with pytest.raises(RecordError, match="make room or record elsewhere"):
        Recorder(asked, head_of(asked, "r", 1, 0)).open(0)
    assert not (tmp_path / "a.mcap").exists()


def test_a_guest_on_a_ring_gets_what_comes_then_and_can_leave() -> None:
    ring = Ring(["encode"], keep_s=2, lossless=False)
    ring.put("a", 0, 1, [b"0"])
    ring.attach("record-1")
    ring.put("a", 1, 1, [b"1"])
    entry = ring.following("record-1", 8)
    assert entry is not None
    assert entry.frames == [b"1"]
    assert ring.following("record-1", 8) is None
    ring.leave("record-1")
    ring.ack("encode", 2)
    assert ring.idle


def test_a_guest_that_is_slow_is_counted_and_holds_nobody_up() -> None:
    ring = Ring(["encode"], keep_s=2, lossless=False)
    ring.attach("record-1")
    for second in range(10):
        ring.put("a", second * NS, 1, [b""])
        while ring.following("encode", 100):
            ring.ack("encode", 100)
    assert ring.dropped()["record-1"] == {"a": 7}
    assert not ring.dropped()["encode"]
    ring.leave("record-1")
    assert ring.dropped()["record-1"] == {"a": 7}


def test_a_replay_has_no_guests() -> None:
    assert not Ring(["encode"], keep_s=2, lossless=True).admits("record-1")
