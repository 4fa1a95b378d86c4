"""Reordering: whatever arrives late, the order, the counting and every promise of progress hold."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.reorder import SLACK_NS, SLICE_NS, Piece, Reorder
from sixsense.sensors.sample import NS, End, Progress, Sample, StreamInfo

MS = 1_000_000
INFOS = [
    StreamInfo(stream="camera", modality="vision", encoding="rgb8", rate_hz=30, clock="driver"),
    StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=100, clock="driver"),
    StreamInfo(stream="sound", modality="audio", encoding="pcm_s16", rate_hz=1000, clock="driver"),
]
SHAPES = [(1, 1, 3), (1, 6), (20, 1)]
MESSAGE = st.tuples(
    st.integers(0, 2),
    st.integers(0, 5000),
    st.integers(0, SLACK_NS // MS),
)


def arrived(messages: list[tuple[int, int, int]]) -> list[tuple[int, list[Piece]]]:
    """Messages (stream, sensed in ms, ms until logged) in the order in which they were logged; the sound is
    one chunk after the other."""
    found: list[tuple[int, list[Piece]]] = []
    sound = 0
    for stream, sensed, delay in sorted(messages, key=lambda one: one[1] + one[2]):
        logged_ns = NS + (sensed + delay) * MS
        stamp_ns = NS + sensed * MS
        if stream == 2:
            stamp_ns = max(stamp_ns, sound)
            sound = stamp_ns + SLICE_NS
        end_ns = stamp_ns + (SLICE_NS if stream == 2 else 0)
        data = np.zeros(SHAPES[stream], np.int16)
        found.append((logged_ns, [Piece(end_ns, stream, stamp_ns, INFOS[stream].encoding, data)]))
    return found


@given(messages=st.lists(MESSAGE, max_size=80), from_ms=st.none() | st.integers(0, 5000))
def test_nothing_within_the_slack_is_lost(messages: list[tuple[int, int, int]], from_ms: int | None) -> None:
    losses: list[Counter[str]] = [Counter() for _ in INFOS]
    from_ns = None if from_ms is None else NS + from_ms * MS
    incoming = arrived(messages)
    events = list(Reorder(INFOS, losses, 4, from_ns).events(iter(incoming)))
    ends = [event.end_ns for event in events if isinstance(event, Sample)]
    assert ends == sorted(ends)
    pieces = [piece for _, held in incoming for piece in held if piece.stamp_ns >= (from_ns or 0)]
    for number, info in enumerate(INFOS):
        check_stream([event for event in events if event.stream == info.stream])
        expected = {piece.stamp_ns for piece in pieces if piece.stream == number}
        mine = [event for event in events if isinstance(event, Sample) and event.stream == info.stream]
        stamps = [int(t) for s in mine for t in (s.stamps if s.stamps is not None else [s.stamp_ns])]
        assert stamps == sorted(expected)
        assert losses[number].keys() <= {"duplicate"}


@given(messages=st.lists(MESSAGE, max_size=60), order=st.randoms(use_true_random=False))
def test_any_disorder_is_counted(messages: list[tuple[int, int, int]], order) -> None:
    incoming = arrived(messages)
    order.shuffle(incoming)
    losses: list[Counter[str]] = [Counter() for _ in INFOS]
    events = list(Reorder(INFOS, losses, 4, None).events(iter(incoming)))
    ends = [event.end_ns for event in events if isinstance(event, Sample)]
    assert ends == sorted(ends)
    for number, info in enumerate(INFOS):
        check_stream([event for event in events if event.stream == info.stream])
        sent = sum(SHAPES[number][0] for _, held in incoming if held[0].stream == number)
        got = sum(event.items for event in events if isinstance(event, End) and event.stream == info.stream)
        assert sent == got + losses[number].total()


def check_stream(events: list) -> None:
    promised = items = seq = 0
    for event in events:
        if isinstance(event, Progress):
            assert event.t_ns >= promised
            promised = event.t_ns
        elif isinstance(event, Sample):
            assert event.stamp_ns >= promised
            assert (event.item, event.seq) == (items, seq)
            items, seq = items + event.items, seq + 1
    assert events[-1] == End(stream=events[-1].stream, epoch=4, items=items)
