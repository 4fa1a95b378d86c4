"""A memory knows just what was seen from some hours to ten seconds ago, and goes on after any restart."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.fusion.novelty import SETTLE_NS, WARM_NS, Memory
from sixsense.sensors.sample import NS

AXES = np.eye(6)
# What is seen when: seconds since the one before, and which of six things that have nothing in common.
SEEN = st.lists(
    st.tuples(st.sampled_from([0, 1, 3, 9, 10, 11, 50, 300]), st.integers(0, 5)), min_size=1, max_size=60
)
HOURS = st.sampled_from([1 / 60, 0.05, 0.1])


def at_times(seen: list[tuple[int, int]]) -> list[tuple[int, int]]:
    stamps = np.cumsum([gap for gap, _ in seen]) * NS
    return [(int(stamp_ns), axis) for stamp_ns, (_, axis) in zip(stamps, seen, strict=True)]


def answers(memory: Memory, times: list[tuple[int, int]], hours: float) -> list[float | None]:
    """What each is like when it comes, before it is added."""
    found = []
    for stamp_ns, axis in times:
        found.append(memory.nearest(stamp_ns, AXES[axis], hours))
        memory.add(stamp_ns, AXES[axis])
    return found


@given(seen=SEEN, hours=HOURS)
@settings(max_examples=200, deadline=None)
def test_known_is_what_was_seen_in_the_hours_but_for_the_last_seconds(seen, hours):
    times = at_times(seen)
    for index, cosine in enumerate(answers(Memory(6, 0.1), times, hours)):
        stamp_ns, axis = times[index]
        if stamp_ns - times[0][0] < WARM_NS or index == 0:
            assert cosine is None
            continue
        since_ns = stamp_ns - round(hours * 3600 * NS)
        known = {other for at_ns, other in times[:index] if since_ns <= at_ns <= stamp_ns - SETTLE_NS}
        assert cosine == (1.0 if axis in known else 0.0 if known else -1.0)


@given(seen=SEEN, hours=HOURS, cut=st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_a_restart_anywhere_changes_nothing(seen, hours, cut):
    times = at_times(seen)
    straight = Memory(6, 0.1)
    whole = answers(straight, times, hours)
    before, after = Memory(6, 0.1), Memory(6, 0.1)
    first = answers(before, times[:cut], hours)
    after.restore(before.saved(), times[min(cut, len(times)) - 1][0] if cut else 0)
    assert first + answers(after, times[cut:], hours) == whole
    assert after.saved() == straight.saved()
