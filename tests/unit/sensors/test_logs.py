"""Recordings told apart by their content, whatever they are called, and parts of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sixsense.sensors.errors import SourceError
from sixsense.sensors.logs import instant, open_log, opener_of
from sixsense.sensors.recording import open_recording
from sixsense.sensors.sample import NS, End, Sample

T0 = 1_700_000_000 * NS


@pytest.mark.parametrize(
    ("given", "stamp_ns"),
    [
        (12.5, T0 + 12_500_000_000),
        (0, T0),
        (1_700_000_001.5, T0 + 1_500_000_000),
        (1_700_000_000_000_000_007, T0 + 7),
    ],
)
def test_times_are_relative_or_stamps(given: float, stamp_ns: int) -> None:
    assert instant(given, T0) == stamp_ns


def test_a_media_file_of_any_name_is_read_as_before(media: Callable[..., Path], tmp_path: Path) -> None:
    path = media("a.mp4", video="mpeg4", audio="aac").rename(tmp_path / "a.mcap")
    for ours, plain in zip(open_log(path).events(1), open_recording(path).events(1), strict=True):
        assert type(ours) is type(plain)
        if isinstance(ours, Sample) and isinstance(plain, Sample):
            assert (ours.stream, ours.stamp_ns, ours.data.tobytes()) == (
                plain.stream, plain.stamp_ns, plain.data.tobytes(),
            )  # fmt: skip


def test_a_part_of_a_media_file(media: Callable[..., Path]) -> None:
    log = open_log(media("a.mp4", video="mpeg4"), start=0.5, end=1.0)
    events = list(log.events(3))
    stamps = [event.stamp_ns for event in events if isinstance(event, Sample)]
    assert stamps == [k * NS // 25 for k in range(13, 25)]
    assert [event for event in events if isinstance(event, End)] == [End(stream="camera", epoch=3, items=12)]
    assert (log.start_ns, log.duration_ns) == (NS // 2, NS // 2)


@pytest.mark.parametrize(("start", "end"), [(5.0, None), (-1.0, None), (1.0, 0.5), (0.5, 0.5)])
def test_a_part_that_is_not_there_is_refused(
    media: Callable[..., Path], start: float, end: float | None
) -> None:
    with pytest.raises(SourceError, match="s long"):
        open_log(media("a.mp4", video="mpeg4"), start=start, end=end)


def test_a_table_for_a_file_without_topics_is_refused(media: Callable[..., Path]) -> None:
    with pytest.raises(SourceError, match="it has no topics"):
        open_log(media("a.mp4", video="mpeg4"), topics={"/camera": "vision"})


def test_what_is_not_there_or_ambiguous_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Check the path"):
        open_log(tmp_path / "nothing.mcap")
    (tmp_path / "a.mcap").touch()
    (tmp_path / "b.mcap").touch()
    with pytest.raises(SourceError, match="2 logs"):
        opener_of(str(tmp_path))
