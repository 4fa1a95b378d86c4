"""A fusion that resumes from a snapshot goes on exactly as the one that told it."""

import msgspec
import numpy as np
import pytest
from sixsense.fusion.engine import Fuser
from sixsense.fusion.errors import FusionError

RULES = ("a", "b")


def fuser(make) -> Fuser:
    rules = {name: make.rule() for name in RULES}
    return Fuser(make.card(), rules, hop_ns=make.HOP_NS, deadline_ns=500 * make.MS, epoch=1)


def told(make, first: int, last: int):
    """Two inputs' windows, the second one late; every third scores high."""
    for k in range(first, last):
        yield make.embedding("a", 250 * k, make.scoring(8.0 if k % 7 > 3 else 1.0))
        yield make.progress("a", 250 * k)
        yield make.embedding("b", 250 * k - 250, make.scoring(2.0))
        yield make.progress("b", 250 * k - 250)


def same(one, other) -> bool:
    left, right = (
        [(type(m).__name__, {f: getattr(m, f) for f in m.__struct_fields__ if f != "seq"}) for m in x]
        for x in (one, other)
    )
    return repr(left) == repr(right)


@pytest.mark.parametrize("cut", [1, 5, 11, 30])
def test_it_goes_on_exactly(make, cut: int) -> None:
    whole = fuser(make)
    whole.set_queries([make.standing(on=4.0, off=2.5)])
    for message in told(make, 1, cut):
        whole.feed(message)
    again = fuser(make)
    again.resume(whole.snapshot())
    assert [e.seq for e in again.kept()] == [e.seq for e in whole.kept()]
    rest = [*told(make, cut, 60)]
    expected = [m for message in rest for m in whole.feed(message)]
    got = [m for message in rest for m in again.feed(message)]
    assert len(expected) > 25
    assert any(type(m).__name__ == "Match" for m in expected)
    assert same(got, expected)


def test_without_its_state_it_would_not(make) -> None:
    whole, fresh = fuser(make), fuser(make)
    whole.set_queries([make.standing(on=4.0, off=2.5)])
    for message in told(make, 1, 12):
        whole.feed(message)
    fresh.take_queries(whole.snapshot())
    rest = [*told(make, 12, 60)]
    assert not same(
        [m for message in rest for m in fresh.feed(message)],
        [m for message in rest for m in whole.feed(message)],
    )


def test_a_change_of_queries_is_in_the_next_snapshot(make) -> None:
    one = fuser(make)
    assert one.snapshot().queries == ()
    one.set_queries([make.standing("x"), make.standing("y")])
    assert one.snapshot().queries == ("x", "y")


def test_a_snapshot_that_is_none_is_refused(make) -> None:
    snapshot = msgspec.structs.replace(fuser(make).snapshot(), state=np.zeros(9, np.uint8))
    with pytest.raises(FusionError, match="cannot be read"):
        fuser(make).resume(snapshot)
