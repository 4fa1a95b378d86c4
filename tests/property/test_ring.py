"""Every message reaches every consumer in order, or is dropped and counted for it; in replay none is."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.nodes.ring import Ring
from sixsense.sensors.sample import NS

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, NS)),
        st.tuples(st.just("send"), st.sampled_from(["a", "b"])),
        st.tuples(st.just("ack"), st.sampled_from(["a", "b"])),
        st.tuples(st.just("attach"), st.sampled_from(["a", "b"])),
    ),
    max_size=200,
)


@given(ACTIONS, st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_consumer_gets_everything_in_order_or_it_is_counted(
    actions: list[tuple[str, int | str]], lossless: bool
) -> None:
    ring = Ring(("a", "b"), keep_s=3.0, lossless=lossless)
    got: dict[str, list[int]] = {"a": [], "b": []}
    unacknowledged: dict[str, set[int]] = {"a": set(), "b": set()}
    stamp = puts = 0
    for action, value in actions:
        if action == "put" and isinstance(value, int) and ring.room:
            stamp += value
            ring.put("camera", stamp, 1, [b"%d" % puts])
            puts += 1
        if isinstance(value, str) and action == "send" and (entry := ring.following(value, 4)):
            got[value].append(entry.number)
            unacknowledged[value].add(entry.number)
            assert len(unacknowledged[value]) <= 4
        if isinstance(value, str) and action == "ack" and got[value]:
            ring.ack(value, got[value][-1] + 1)
            unacknowledged[value].clear()
        if isinstance(value, str) and action == "attach":
            ring.attach(value)
            unacknowledged[value].clear()
    for name, numbers in got.items():
        while entry := ring.following(name, 1 << 30):
            numbers.append(entry.number)
        dropped = ring.dropped()[name]["camera"]
        assert len(set(numbers)) + dropped == puts
        first_seen = list(dict.fromkeys(numbers))
        assert first_seen == sorted(first_seen)
        assert not (lossless and dropped)


@given(st.lists(st.integers(0, NS), min_size=1, max_size=100), st.integers(1, 8))
def test_credit_bounds_what_is_under_way(steps: list[int], credit: int) -> None:
    ring = Ring(("a",), keep_s=1e6, lossless=False)
    stamp = 0
    for step in steps:
        stamp += step
        ring.put("imu", stamp, 2, [b""])
    sent = 0
    while ring.following("a", credit):
        sent += 1
    assert sent == min(credit, len(steps))
    ring.ack("a", 1)
    assert (ring.following("a", credit) is not None) == (len(steps) > credit)


def test_dropping_gives_no_credit_to_a_consumer_that_acknowledges_nothing() -> None:
    ring = Ring(("stalled",), keep_s=1.0, lossless=False)
    sent = 0
    for second in range(20):
        ring.put("camera", second * NS, 1, [b""])
        sent += ring.following("stalled", 3) is not None
    assert sent == 3
    assert ring.dropped()["stalled"]["camera"] == 15


def test_a_stamp_from_the_future_does_not_make_old_what_comes_after_it() -> None:
    ring = Ring(("a",), keep_s=1.0, lossless=False)
    for stamp_ns in (0, 3600 * NS, *range(NS // 10, NS, NS // 10)):
        ring.put("camera", stamp_ns, 1, [b""])
    numbers = [entry.number for _ in range(20) if (entry := ring.following("a", 100))]
    assert numbers == list(range(1, 11))


def test_in_replay_a_slow_consumer_takes_the_room_and_gives_it_back() -> None:
    ring = Ring(("a", "b"), keep_s=1.0, lossless=True)
    for second in range(2):
        ring.put("camera", second * NS + second, 1, [b""])
    assert not ring.room
    ring.ack("a", 2)
    assert not ring.room
    ring.ack("b", 2)
    assert ring.room
    assert ring.idle


def test_live_the_oldest_is_dropped_only_for_who_has_not_read_it() -> None:
    ring = Ring(("fast", "slow"), keep_s=1.0, lossless=False)
    for second in range(5):
        ring.put("camera", second * NS, 1, [b""])
        assert ring.following("fast", 100)
    assert ring.dropped()["fast"]["camera"] == 0
    assert ring.dropped()["slow"]["camera"] == 3
    entry = ring.following("slow", 100)
    assert entry is not None
    assert entry.number == 3
