"""Any beginning of a log is read up to its last whole second; what is no log any more is a clear error."""

import importlib.util
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sixsense.sensors.errors import SourceError
from sixsense.sensors.mcap.head import Head, put_event, put_head
from sixsense.sensors.mcap.log import open_log
from sixsense.sensors.mcap.scan import Scan, repair
from sixsense.sensors.mcap.writer import LogWriter
from sixsense.sensors.sample import NS, Sample, Source

_made = importlib.util.spec_from_file_location(
    "made_up", Path(__file__).parent.parent / "unit" / "sensors" / "mcap" / "conftest.py"
)
assert _made is not None
assert _made.loader is not None
made_up = importlib.util.module_from_spec(_made)
_made.loader.exec_module(made_up)


class Whole:
    """A log of four seconds that was flushed at each, and where it then ended."""

    def __init__(self, folder: Path) -> None:
        self.path, self.cut = folder / "whole.mcap", folder / "cut.mcap"
        log = LogWriter(self.path)
        put_head(log, Head(run=1, part=0, robot="r", offset_ns=0, streams=made_up.INFOS), 1)
        self.flushed, second, count = [(0, 0)], 1, 0
        for event in made_up.told(4):
            if isinstance(event, Sample) and event.stamp_ns >= made_up.START + second * NS:
                log.flush()
                self.flushed.append((log.total_bytes, count))
                second += 1
            put_event(log, event)
            count += isinstance(event, Sample)
        log.flush()
        self.flushed.append((log.total_bytes, count))
        log.close()
        self.data = self.path.read_bytes()

    def read(self, data: bytes) -> list[Sample]:
        self.cut.unlink(missing_ok=True)
        self.cut.write_bytes(data)
        source: Source = open_log(self.cut)
        return [event for event in source.events(1) if isinstance(event, Sample)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(tmp_path_factory.mktemp("prefix"))


def expected(whole: Whole, size: int) -> int:
    return max(count for end, count in whole.flushed if end <= size)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fraction=st.floats(0, 1))
def test_a_prefix_has_everything_up_to_its_last_flush(whole: Whole, fraction: float) -> None:
    size = round(fraction * len(whole.data))
    try:
        samples = whole.read(whole.data[:size])
    except SourceError:
        assert size < whole.flushed[1][0]
        return
    assert len(samples) >= expected(whole, size)
    assert all(b.end_ns >= a.end_ns for a, b in pairwise(samples))
    repair(whole.cut)
    assert Scan(whole.cut).messages()
    assert len(whole.read(whole.cut.read_bytes())) == len(samples)


def test_around_every_boundary_of_records(whole: Whole) -> None:
    ends = [end for end, _ in whole.flushed[1:]]
    for size in {e + d for e in ends for d in (-9, -1, 0, 1, 8, 9, 10)}:
        try:
            found = len(whole.read(whole.data[:size]))
        except SourceError:
            found = 0
        assert found >= expected(whole, size)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_garbage_is_read_around_or_refused(whole: Whole, data: st.DataObject) -> None:
    broken = bytearray(whole.data)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        patch = data.draw(st.binary(min_size=1, max_size=40))
        broken[at : at + len(patch)] = patch
    try:
        samples = whole.read(bytes(broken))
    except SourceError:
        return
    assert len(samples) <= whole.flushed[-1][1]
    assert {sample.stream for sample in samples} <= {info.stream for info in made_up.INFOS}
