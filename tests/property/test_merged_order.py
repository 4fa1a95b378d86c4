"""Merging streams: the order, and that every promise of progress is kept."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.recording import merged
from sixsense.sensors.sample import End, Progress, Sample

MS = 1_000_000


def frames(stream: str, stamps: list[int]) -> list[Sample]:
    return [
        Sample(stream=stream, modality="vision", epoch=3, seq=n, item=n, stamp_ns=t, encoding="rgb8",
               data=np.zeros((1, 1, 3), np.uint8))
        for n, t in enumerate(stamps)
    ]  # fmt: skip


def chunks(stream: str, sizes: list[int]) -> list[Sample]:
    first = [0, *itertools.accumulate(sizes)]
    return [
        Sample(stream=stream, modality="audio", epoch=3, seq=n, item=at, stamp_ns=at * MS, rate_hz=1000.0,
               encoding="pcm_s16", data=np.zeros((size, 1), np.int16))
        for n, (size, at) in enumerate(zip(sizes, first, strict=False))
    ]  # fmt: skip


STAMPS = st.lists(st.integers(0, 2000 * MS), max_size=20, unique=True).map(sorted)


@given(camera=STAMPS, second=STAMPS, sizes=st.lists(st.integers(1, 50), max_size=40))
def test_order_progress_and_end(camera: list[int], second: list[int], sizes: list[int]) -> None:
    sent = {"a": frames("a", camera), "b": frames("b", second), "c": chunks("c", sizes)}
    events = list(merged(list(sent), [iter(samples) for samples in sent.values()], epoch=3))
    ends = [event.end_ns for event in events if isinstance(event, Sample)]
    assert ends == sorted(ends)
    for stream, samples in sent.items():
        mine = [event for event in events if event.stream == stream]
        assert [event for event in mine if isinstance(event, Sample)] == samples
        assert mine[-1] == End(stream=stream, epoch=3, items=sum(sample.items for sample in samples))
        assert sum(isinstance(event, End) for event in mine) == 1
        promised = 0
        for event in mine:
            if isinstance(event, Progress):
                assert event.t_ns >= promised
                promised = event.t_ns
            elif isinstance(event, Sample):
                assert event.stamp_ns >= promised
    check_pace(events)


def check_pace(events: list[object]) -> None:
    """When anything of time t comes, every stream not ended has had a progress sent since t - 100 ms."""
    sent: dict[str, int] = {}
    ended = {event.stream for event in events if isinstance(event, End) and not event.items}
    now = 0
    for event in events:
        if isinstance(event, Sample):
            now = event.end_ns
            assert all(now - at <= 100 * MS for stream, at in sent.items() if stream not in ended)
        elif isinstance(event, Progress):
            sent[event.stream] = max(sent.get(event.stream, 0), now, event.t_ns)
        elif isinstance(event, End):
            ended.add(event.stream)
