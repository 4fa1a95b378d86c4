"""The rules of windows, one by one."""

import msgspec
import numpy as np
from sixsense.encoders.card import WindowSpec
from sixsense.encoders.embedding import Missing, Range
from sixsense.encoders.window import Window
from sixsense.encoders.windower import InputSpec, Windower
from sixsense.sensors.sample import End, Progress, Sample, StreamInfo

MS = 1_000_000
CAMERA = StreamInfo(stream="camera", modality="vision", encoding="jpeg", rate_hz=30, clock="host")
SPEC = WindowSpec(length_ns=250 * MS, hop_ns=250 * MS)


def frame(index: int, epoch: int = 1, start_ns: int = 0) -> Sample:
    return Sample(
        stream="camera",
        modality="vision",
        epoch=epoch,
        seq=index,
        item=index,
        stamp_ns=start_ns + index * 33 * MS,
        encoding="jpeg",
        data=np.full(4, index, np.uint8),
    )


def camera(*, joined_late: bool = False) -> Windower:
    spec = InputSpec(name="camera", modality="vision", members=(CAMERA,))
    return Windower(spec, SPEC, joined_late=joined_late)


def feed(windower: Windower, *events: Sample | Progress | End) -> list[Window | Missing]:
    return [window for event in events for window in windower.feed(event)]


def progress(t_ms: int, epoch: int = 1) -> Progress:
    return Progress(stream="camera", epoch=epoch, t_ns=t_ms * MS)


def test_a_picture_window_closes_on_progress_with_its_newest_frame() -> None:
    windower = camera()
    assert feed(windower, *[frame(i) for i in range(9)]) == []
    assert feed(windower, progress(249)) == []
    (window,) = feed(windower, progress(250))
    assert isinstance(window, Window)
    assert (window.index, window.start_ns, window.end_ns) == (0, 0, 250 * MS)
    assert window.ranges == (Range("camera", 1, 0, 8),)
    assert window.data[0] == 7


def test_a_window_without_a_frame_is_short_and_the_next_goes_on() -> None:
    windower = camera()
    out = feed(windower, frame(0), progress(600), frame(20), progress(750))
    assert [(w.index, getattr(w, "cause", "window")) for w in out] == [
        (0, "window"),
        (1, "short"),
        (2, "window"),
    ]


def test_a_frame_after_the_progress_that_excludes_it_is_late() -> None:
    windower = camera()
    feed(windower, frame(0), progress(100), frame(2))
    ledger = windower.ledgers()["camera", 1]
    assert (ledger.received, ledger.late, ledger.lost) == (2, 1, 1)


def test_a_new_epoch_closes_the_old_one_as_tail_and_is_not_a_gap() -> None:
    windower = camera()
    out = feed(windower, frame(0), frame(1), frame(0, epoch=2, start_ns=10_000 * MS))
    assert [getattr(w, "cause", None) for w in out] == ["tail"]
    assert windower.ledgers()["camera", 1].skipped == {"tail": 2}
    assert windower.ledgers()["camera", 2].lost == 0
    feed(windower, frame(5))
    assert windower.ledgers()["camera", 1].dropped == {"epoch over": 1}


def test_a_receiver_that_joined_late_counts_from_its_first_sample() -> None:
    first, late = camera(), camera(joined_late=True)
    for windower in (first, late):
        feed(windower, frame(7), frame(9))
    assert (first.ledgers()["camera", 1].lost, first.ledgers()["camera", 1].known) == (8, 10)
    assert (late.ledgers()["camera", 1].lost, late.ledgers()["camera", 1].known) == (1, 3)


def test_what_the_end_says_was_produced_and_never_came_is_lost() -> None:
    windower = camera()
    feed(windower, frame(0), End(stream="camera", epoch=1, items=5))
    ledger = windower.ledgers()["camera", 1]
    assert (ledger.known, ledger.lost, ledger.skipped) == (5, 4, {"tail": 1})


def test_a_hop_longer_than_the_window_decimates() -> None:
    spec = InputSpec(name="camera", modality="vision", members=(CAMERA,))
    windower = Windower(spec, WindowSpec(length_ns=100 * MS, hop_ns=300 * MS))
    feed(windower, *[frame(i) for i in range(20)], progress(660), End(stream="camera", epoch=1, items=20))
    ledger = windower.ledgers()["camera", 1]
    assert ledger.skipped["decimated"] > 5
    assert ledger.received == ledger.windowed + sum(ledger.skipped.values())


def test_a_progress_that_jumps_by_days_is_not_a_million_windows() -> None:
    windower = camera()
    day_ns = 24 * 3600 * 1000 * MS
    out = feed(windower, frame(0), Progress(stream="camera", epoch=1, t_ns=10 * day_ns))
    assert len(out) < 5
    later = feed(
        windower, frame(1, start_ns=10 * day_ns), Progress(stream="camera", epoch=1, t_ns=11 * day_ns)
    )
    assert [type(w).__name__ for w in later if isinstance(w, Window)] == ["Window"]


def test_what_an_opened_device_says_of_its_stream_is_in_the_next_window() -> None:
    windower = camera()
    (before,) = feed(windower, frame(0), progress(250))
    windower.refine(msgspec.structs.replace(CAMERA, fx=600.0))
    (after,) = feed(windower, frame(8), progress(500))
    assert isinstance(before, Window)
    assert isinstance(after, Window)
    assert (before.info.fx, after.info.fx, after.epoch) == (0.0, 600.0, 1)
