"""A log gives back what was told, byte for byte, in the order of event time, however it ended."""

import os
import resource
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from sixsense.sensors.errors import SourceError
from sixsense.sensors.mcap.head import Head, part_path, put_event, put_head
from sixsense.sensors.mcap.log import PATIENCE_NS, by_event_time, open_log
from sixsense.sensors.mcap.scan import Scan, is_ours, repair
from sixsense.sensors.mcap.writer import LogWriter
from sixsense.sensors.sample import NS, End, Progress, Sample


def written(path: Path, events, infos, *, run=1, part=0, close=True) -> Path:
    """A log of these events, a chunk every fifty."""
    log = LogWriter(path)
    head = Head(run=run, part=part, robot="r", offset_ns=5, streams=tuple(infos), plan='{"a": 1}')
    put_head(log, head, 1)
    for number, event in enumerate(events):
        put_event(log, event)
        if number % 50 == 49:
            log.flush()
    log.flush()
    if close:
        log.close()
    return path


def put_all(log: LogWriter, events) -> None:
    for number, event in enumerate(events):
        put_event(log, event)
        if number % 100 == 99:
            log.flush()


def content(event) -> tuple:
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name != "epoch"}
    return type(event).__name__, *(
        (v.tobytes(), v.shape, v.dtype.str) if isinstance(v, np.ndarray) else v for v in fields.values()
    )


def test_every_stream_is_given_back_bit_for_bit(tmp_path: Path, sources) -> None:
    events = list(sources.told(3))
    log = open_log(written(tmp_path / "a.mcap", events, sources.infos))
    again = list(log.events(40))
    assert log.streams == sources.infos
    assert {event.epoch for event in again} == {40}
    for info in sources.infos:
        assert [content(e) for e in again if e.stream == info.stream] == [
            content(e) for e in events if e.stream == info.stream
        ]
    assert log.counts() == {}
    assert log.bases() == {info.stream: 0 for info in sources.infos}
    assert log.start_ns == sources.start_ns


def test_the_order_is_that_of_event_time_at_every_reading(tmp_path: Path, sources) -> None:
    log = open_log(written(tmp_path / "a.mcap", sources.told(3), sources.infos))
    first, second = (list(log.events(1)) for _ in range(2))
    assert [content(e) for e in first] == [content(e) for e in second]
    ends = [e.end_ns for e in first if isinstance(e, Sample)]
    assert ends == sorted(ends)


def test_reading_from_an_instant_counts_from_there(tmp_path: Path, sources) -> None:
    log = open_log(written(tmp_path / "a.mcap", sources.told(3), sources.infos))
    events = list(log.events(1, sources.start_ns + 2 * NS))
    camera = [e for e in events if isinstance(e, Sample) and e.stream == "camera"]
    assert [(e.seq, e.item) for e in camera] == [(n, n) for n in range(10)]
    (end,) = (e for e in events if isinstance(e, End) and e.stream == "camera")
    assert end.items == 10


def test_a_recorder_that_joined_late_begins_with_item_0(tmp_path: Path, sources) -> None:
    log = open_log(written(tmp_path / "a.mcap", sources.told(1, first=20), sources.infos))
    assert log.bases()["mic"] == 2000
    mic = [e for e in log.events(1) if e.stream == "mic"]
    assert [e.item for e in mic if isinstance(e, Sample)] == [n * 100 for n in range(10)]
    assert mic[-1].items == 1000


def test_a_source_that_was_started_again_is_the_next_epoch(tmp_path: Path, sources) -> None:
    died = [e for e in sources.told(1, epoch=7) if not isinstance(e, End)]
    events = [*died, *sources.told(1, epoch=9, first=15)]
    log = open_log(written(tmp_path / "a.mcap", events, sources.infos))
    camera = [e for e in log.events(3) if e.stream == "camera"]
    assert [(e.epoch, e.items) for e in camera if isinstance(e, End)] == [(3, 10), (4, 25)]
    assert {e.epoch for e in camera} == {3, 4}


def test_a_stream_that_fell_silent_holds_the_others_up_for_a_while_only(tmp_path: Path, sources) -> None:
    events = [
        e
        for e in sources.told(20)
        if not (
            e.stream == "camera" and getattr(e, "stamp_ns", sources.start_ns + 9 * NS) > sources.start_ns + NS
        )
    ]
    log = open_log(written(tmp_path / "a.mcap", events, sources.infos))
    seen = [e.end_ns for e in log.events(1) if isinstance(e, Sample)]
    assert len(seen) == sum(isinstance(e, Sample) for e in events)
    assert all(b >= a for a, b in pairwise(seen))


def test_what_is_held_back_is_bounded_by_the_patience(sources) -> None:
    """A stream that never says a word: the others come through, at most that much behind."""
    taken = 0

    def told():
        nonlocal taken
        for event in sources.told(30):
            if event.stream != "camera":
                taken += isinstance(event, Sample)
                yield event

    given = 0
    for event in by_event_time(told(), [info.stream for info in sources.infos]):
        given += isinstance(event, Sample)
        assert taken - given <= (PATIENCE_NS / NS + 2) * 10 * len(sources.infos)
    assert given == taken


@pytest.mark.parametrize("cut", [0.3, 0.5, 0.9, 1.0])
def test_a_log_that_was_cut_off_is_read_and_repaired(tmp_path: Path, sources, cut: float) -> None:
    path = written(tmp_path / "a.mcap", sources.told(3), sources.infos, close=False)
    os.truncate(path, int(path.stat().st_size * cut))
    log = open_log(path)
    before = [content(e) for e in log.events(1)]
    assert log.counts()["log"] == {"unclosed": 1}
    assert repair(path)
    assert not repair(path)
    assert [content(e) for e in open_log(path).events(1)] == before
    with open(path, "rb") as file:
        reader = make_reader(file, validate_crcs=True)
        assert sum(1 for _ in reader.iter_messages()) == reader.get_summary().statistics.message_count
    with AnyReader([path]) as bag:
        assert sum(1 for _ in bag.messages()) == bag.message_count > 100


def test_a_damaged_chunk_costs_itself_only_and_is_counted(tmp_path: Path, sources) -> None:
    path = written(tmp_path / "a.mcap", sources.told(3), sources.infos)
    chunks = list(Scan(path).chunks())
    data = bytearray(path.read_bytes())
    data[chunks[3].start + 200] ^= 1
    path.write_bytes(data)
    log = open_log(path)
    count = sum(isinstance(e, Sample) for e in log.events(1))
    assert 0 < count < 240
    assert log.counts()["log"] == {"damaged": 1}


def test_parts_are_one_recording(tmp_path: Path, sources) -> None:
    events = list(sources.told(3))
    third = len(events) // 3
    paths = [part_path(tmp_path / "a.mcap", 0, part) for part in range(3)]
    assert [p.name for p in paths] == ["a.mcap", "a.1.mcap", "a.2.mcap"]
    for part, path in enumerate(paths):
        chosen = events[part * third : (part + 1) * third if part < 2 else None]
        written(path, chosen, sources.infos, part=part)
    whole = open_log(written(tmp_path / "whole.mcap", events, sources.infos))
    log = open_log(paths[0])
    assert log.paths == tuple(paths)
    assert [content(e) for e in log.events(1)] == [content(e) for e in whole.events(1)]
    assert open_log(paths[1]).paths == tuple(paths[1:])


def test_a_part_of_another_run_does_not_belong(tmp_path: Path, sources) -> None:
    written(tmp_path / "a.mcap", sources.told(1), sources.infos, run=1)
    written(tmp_path / "a.1.mcap", sources.told(1), sources.infos, run=2, part=1)
    assert [p.name for p in open_log(tmp_path / "a.mcap").paths] == ["a.mcap"]


def test_what_is_not_a_log_is_a_clear_error(tmp_path: Path, sources) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(b"nonsense" * 100)
    assert not is_ours(path)
    with pytest.raises(SourceError, match="no MCAP file"):
        open_log(path)
    with pytest.raises(SourceError, match="not a log that sixsense wrote"):
        repair(path)
    with pytest.raises(SourceError, match="cannot read"):
        open_log(tmp_path / "none.mcap")
    written(tmp_path / "b.mcap", sources.told(1), sources.infos)
    os.truncate(tmp_path / "b.mcap", 60)
    with pytest.raises(SourceError, match="cut off before its first second"):
        open_log(tmp_path / "b.mcap")


def test_nothing_is_overwritten(tmp_path: Path, sources) -> None:
    path = written(tmp_path / "a.mcap", sources.told(1), sources.infos)
    with pytest.raises(SourceError, match="File exists"):
        LogWriter(path)


def test_a_log_is_as_long_as_its_samples_whatever_was_told_later(tmp_path: Path, sources) -> None:
    log = LogWriter(tmp_path / "a.mcap")
    put_head(log, Head(run=1, part=0, robot="r", offset_ns=5, streams=sources.infos), 1)
    put_all(log, sources.told(3))
    log.flush()
    for number in range(3):
        log.put("/sixsense/late", sources.start_ns + (5 + number) * NS, Progress(stream="x", epoch=1, t_ns=0))
        log.flush()
    log.close()
    again = open_log(tmp_path / "a.mcap")
    assert (again.start_ns, again.duration_ns) == (sources.start_ns, 3 * NS)


def test_a_full_disk_leaves_a_log_that_ends_before(tmp_path: Path, sources) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = LogWriter(tmp_path / "a.mcap")
    put_head(log, Head(run=1, part=0, robot="r", offset_ns=5, streams=sources.infos), 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        with pytest.raises(SourceError, match=r"cannot write on to .*File too large"):
            put_all(log, sources.told(30))
        with suppress(SourceError):
            log.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    again = open_log(tmp_path / "a.mcap")
    assert sum(isinstance(e, Sample) for e in again.events(1)) > 100
    assert "damaged" not in again.counts().get("log", {})
    repair(tmp_path / "a.mcap")
    with open(tmp_path / "a.mcap", "rb") as file:
        assert make_reader(file).get_summary() is not None


def test_progress_follows_its_stream_and_never_lies(tmp_path: Path, sources) -> None:
    log = open_log(written(tmp_path / "a.mcap", sources.told(3), sources.infos))
    promised: dict[str, int] = {}
    for event in log.events(1):
        if isinstance(event, Progress):
            promised[event.stream] = event.t_ns
        elif isinstance(event, Sample):
            assert event.stamp_ns >= promised.get(event.stream, 0)
    assert len(promised) == len(sources.infos)
    assert msgspec.json.decode(log.head.plan) == {"a": 1}
