"""What a ring keeps: age is counted from stamps, and what has none is as new as what is there."""

from sixsense.nodes.node import route
from sixsense.nodes.ring import Ring
from sixsense.sensors.sample import NEVER_NS, NS, Progress


def test_what_came_before_the_first_stamp_is_as_old_as_it() -> None:
    ring = Ring(("slow",), keep_s=2.0, lossless=False)
    nothing_yet = Progress(stream="imu", epoch=1, t_ns=NEVER_NS)
    _, stream, stamp_ns, items = route(nothing_yet, {"imu": "imu"})
    ring.put(stream, stamp_ns, items, (b"nothing yet",))
    ring.put("imu", 100 * NS, 5, (b"first",))
    assert ring.dropped()["slow"] == {}
    first = ring.following("slow", 8)
    assert first is not None
    assert first.frames == (b"nothing yet",)


def test_what_came_before_the_first_stamp_is_dropped_with_it() -> None:
    ring = Ring(("slow",), keep_s=2.0, lossless=False)
    ring.put("imu", None, 1, (b"",))
    ring.put("imu", 100 * NS, 5, (b"",))
    ring.put("imu", 103 * NS, 5, (b"newest",))
    assert ring.dropped()["slow"] == {"imu": 6}
    newest = ring.following("slow", 8)
    assert newest is not None
    assert newest.frames == (b"newest",)
