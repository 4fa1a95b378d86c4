"""Nothing of one source is on both sides, whatever is given; too little to split is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.encoders.bind.split import split
from sixsense.encoders.data.item import Item
from sixsense.encoders.errors import InputError
from sixsense.sensors.sample import NS


def windows(log: str, seconds: int) -> list[Item]:
    return [Item("thermal", "", f"{log}@{k}", log, k * NS) for k in range(seconds)]


def test_a_log_is_split_by_time_with_a_guard():
    items = windows("a", 101) + windows("b", 51)
    train, held = split(items, 0.2, 5 * NS)
    assert [items[i].key for i in held] == [f"a@{k}" for k in range(80, 101)] + [
        f"b@{k}" for k in range(40, 51)
    ]
    assert [items[i].key for i in train] == [f"a@{k}" for k in range(75)] + [f"b@{k}" for k in range(35)]


def test_of_classes_the_last_files_of_each_are_held_out():
    items = [Item("audio", "", key, f"{key}/{n}") for key in ("dog", "rain") for n in range(10)]
    _, held = split(items, 0.2, 0)
    assert [items[i].source for i in held] == ["dog/8", "dog/9", "rain/8", "rain/9"]


def test_a_person_is_held_out_of_every_class():
    items = [
        Item("imu", "", key, f"s{person}", k * NS)
        for person in range(5)
        for key in ("sit", "walk")
        for k in range(3)
    ]
    _, held = split(items, 0.2, 0)
    assert {items[i].source for i in held} == {"s4"}
    assert len(held) == 6


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), min_size=12, max_size=60),
    st.floats(0.1, 0.6),
)
def test_no_source_is_on_both_sides(drawn, held_out):
    items = [Item("audio", "", key, f"s{source}") for key, source in drawn]
    try:
        train, held = split(items, held_out, 0)
    except InputError:
        return
    assert not {items[i].source for i in train} & {items[i].source for i in held}
    assert sorted([*train, *held]) == list(range(len(items)))


def test_too_little_is_said():
    with pytest.raises(InputError, match="2 pairs: 1 to train on and 1 held out; at least two of each"):
        split(windows("a", 2), 0.2, 0)
    with pytest.raises(InputError, match="0 to train on"):
        split(windows("a", 20), 0.2, 60 * NS)
