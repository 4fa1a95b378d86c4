"""Windows are a pure function of event time, and every item is accounted for, whatever the input."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.encoders.card import WindowSpec
from sixsense.encoders.embedding import Missing
from sixsense.encoders.window import Window
from sixsense.encoders.windower import InputSpec, Windower
from sixsense.sensors.sample import NS, End, Event, Progress, Sample, StreamInfo

MS = 1_000_000
RATE = 1000


def info(stream: str, modality: str, rate_hz: float, channels: int = 1) -> StreamInfo:
    encoding = {"vision": "jpeg", "audio": "pcm_s16"}.get(modality, "f32")
    return StreamInfo(
        stream=stream, modality=modality, encoding=encoding, rate_hz=rate_hz, clock="host", channels=channels
    )


MICROPHONE = info("microphone", "audio", RATE)
GROUP = (info("accelerometer", "accelerometer", 200, 3), info("gyroscope", "gyroscope", 400, 3))


def pcm(item: int, count: int, epoch: int = 1) -> Sample:
    data = np.arange(item, item + count, dtype=np.int16)[:, None]
    return Sample(
        stream="microphone",
        modality="audio",
        epoch=epoch,
        seq=0,
        item=item,
        stamp_ns=item * NS // RATE,
        encoding="pcm_s16",
        data=data,
        rate_hz=RATE,
    )


@st.composite
def chunked(draw: st.DrawFn) -> list[Event]:
    """Chunks of 1..400 PCM frames; some lost, some repeated, some after the progress that excludes them."""
    events: list[Event] = []
    item = 0
    for _ in range(draw(st.integers(1, 25))):
        count = draw(st.integers(1, 400))
        fate = draw(st.sampled_from(["kept", "kept", "kept", "lost", "repeated", "late"]))
        if fate == "late":
            events.append(Progress(stream="microphone", epoch=1, t_ns=(item + count // 2) * MS))
        if fate != "lost":
            events.append(pcm(item, count))
        if fate == "repeated":
            events.append(pcm(item, count))
        item += count
        if draw(st.booleans()):
            events.append(Progress(stream="microphone", epoch=1, t_ns=item * MS))
    return [*events, End(stream="microphone", epoch=1, items=item)]


@given(chunked(), st.integers(1, 60), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_every_item_is_accounted_for(events: list[Event], length: int, hop: int) -> None:
    spec = InputSpec(name="microphone", modality="audio", members=(MICROPHONE,))
    windower = Windower(spec, WindowSpec(length_ns=length * 10 * MS, hop_ns=hop * 10 * MS))
    out = [window for event in events for window in windower.feed(event)]
    ledger = windower.ledgers()["microphone", 1]
    end = events[-1]
    assert isinstance(end, End)
    assert ledger.known == ledger.received + ledger.lost == end.items
    assert ledger.pending == 0
    assert ledger.received == ledger.windowed + sum(ledger.skipped.values()) + ledger.late
    seen = {i for w in out if isinstance(w, Window) for r in w.ranges for i in range(r.first, r.last)}
    assert len(seen) == ledger.windowed
    assert windower.closed == len(out)
    indices = [w.index for w in out]
    assert indices == list(range(indices[0], indices[0] + len(indices))) if indices else True


@given(st.integers(0, 5000), st.lists(st.integers(1, 300), min_size=5, max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_window_holds_exactly_the_frames_stamped_inside_it(start: int, counts: list[int]) -> None:
    spec = InputSpec(name="microphone", modality="audio", members=(MICROPHONE,))
    windower = Windower(spec, WindowSpec(length_ns=200 * MS, hop_ns=100 * MS), joined_late=True)
    out, item = list[Window | Missing](), start
    for count in counts:
        out += windower.feed(pcm(item, count))
        item += count
        out += windower.feed(Progress(stream="microphone", epoch=1, t_ns=item * MS))
    for window in (w for w in out if isinstance(w, Window)):
        first = window.start_ns // MS
        expected = np.arange(first, first + 200)
        got = window.data[:, 0].astype(np.int64)
        assert np.array_equal(got[expected >= start], expected[expected >= start].astype(np.int16))
        assert not got[expected < start].any()


@given(st.permutations(range(2)), st.lists(st.booleans(), min_size=60, max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_group_does_not_depend_on_how_its_members_interleave(first: list[int], turns: list[bool]) -> None:
    queues = [list(_motion(member)) for member in GROUP]
    order: list[Event] = []
    for turn in turns:
        order += [queues[first[turn]].pop(0)] if queues[first[turn]] else []
    order += [event for queue in queues for event in queue]
    reference = _group_windows([event for member in GROUP for event in _motion(member)])
    assert reference == _group_windows(order)
    assert len(reference) > 5


def _motion(member: StreamInfo) -> list[Event]:
    """Two seconds of a ramp in batches of ten rows."""
    events: list[Event] = []
    for batch in range(round(2 * member.rate_hz / 10)):
        stamps = ((batch * 10 + np.arange(10)) * NS / member.rate_hz).astype(np.int64)
        rows = np.repeat((stamps / NS).astype(np.float32)[:, None], 3, axis=1)
        events.append(
            Sample(
                stream=member.stream,
                modality=member.modality,
                epoch=1,
                seq=batch,
                item=batch * 10,
                stamp_ns=int(stamps[0]),
                encoding="f32",
                data=rows,
                stamps=stamps,
                rate_hz=member.rate_hz,
            )
        )
        events.append(Progress(stream=member.stream, epoch=1, t_ns=int(stamps[-1]) + 1))
    return [*events, End(stream=member.stream, epoch=1, items=len(events) * 5)]


def _group_windows(events: list[Event]) -> list[tuple[object, ...]]:
    windower = Windower(
        InputSpec(name="imu", modality="imu", members=GROUP), WindowSpec(length_ns=500 * MS, hop_ns=100 * MS)
    )
    out = [window for event in events for window in windower.feed(event)]
    for window in out:
        if isinstance(window, Window):
            assert window.data.shape == (200, 6)
            assert np.allclose(window.data[:-4, 0], window.data[:-4, 3], atol=1e-5)
    return [
        (w.index, w.data.tobytes(), w.ranges) if isinstance(w, Window) else (w.index, w.cause) for w in out
    ]
