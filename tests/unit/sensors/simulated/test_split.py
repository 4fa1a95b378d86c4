"""Splits share nothing: neither a parameter, nor a room, nor a colour of a person, nor a text."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.building import ROOMS, room, room_of
from sixsense.sensors.simulated.figures import bodies
from sixsense.sensors.simulated.furniture import ARRANGEMENTS, arrangements
from sixsense.sensors.simulated.kinds import ACTIVITIES, KINDS
from sixsense.sensors.simulated.script import Script
from sixsense.sensors.simulated.split import OWNERS, SPLITS, Split, finely, owned, owner

PAIRS = list(combinations(SPLITS, 2))


@given(st.floats(0, 1, exclude_max=True), st.sampled_from(SPLITS))
def test_every_draw_is_in_a_cell_of_its_split(draw: float, split: Split) -> None:
    value = float(owned(np.array(draw), split))
    assert 0 <= value < 1
    assert owner(value) == split


@pytest.mark.parametrize("split", SPLITS)
def test_draws_stay_uniform_in_the_cells(split: Split) -> None:
    values = owned(np.linspace(0, 1, 6000, endpoint=False), split)
    cells = np.bincount((values * len(OWNERS)).astype(int), minlength=len(OWNERS))
    shares = [count for count, whose in zip(cells, OWNERS, strict=True) if whose == split]
    assert max(shares) - min(shares) <= 2
    assert np.mean([finely(value) for value in values.tolist()]) == pytest.approx(0.5, abs=0.01)


@given(st.integers(0, 2**63), st.integers(0, 10_000), st.sampled_from(SPLITS))
def test_whatever_happens_has_its_splits_character(seed: int, minute: int, split: Split) -> None:
    for one in Script(seed, split).during(60 * NS * minute, 60 * NS * (minute + 1)):
        assert {owner(trait) for trait in one.character} == {split}


@pytest.mark.parametrize("split", SPLITS)
def test_rooms_have_their_splits_traits_and_arrangement(split: Split) -> None:
    for number in range(ROOMS[split]):
        one = room(split, number)
        assert {owner(trait) for trait in one.traits} == {split}


def test_every_arrangement_of_furniture_is_one_splits() -> None:
    shares = [arrangements(split) for split in SPLITS]
    assert sorted(row for share in shares for row in share) == sorted(set(ARRANGEMENTS))
    assert min(len(share) for share in shares) >= 2


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_two_splits_have_a_surface_in_common(one: Split, other: Split) -> None:
    def surfaces(split: Split) -> set[tuple[object, ...]]:
        rooms = [room(split, number) for number in range(min(ROOMS.values()))]
        fixed = {"beacon"}
        return {(b.low, b.high, b.colour) for r in rooms for b in r.boxes if b.name not in fixed}

    assert not surfaces(one) & surfaces(other)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_two_splits_have_a_person_in_common(one: Split, other: Split) -> None:
    def people(split: Split) -> set[tuple[object, ...]]:
        looks: set[tuple[object, ...]] = set()
        for seed in range(30):
            script = Script(seed, split)
            person = script.first("person")
            seen = bodies(script, (person.start_ns + person.end_ns) // 2)
            looks.add((seen[0][0].radii, tuple(part.colour for part, _ in seen)))
        return looks

    assert len(people(one)) == len(people(other)) == 30
    assert not people(one) & people(other)


def test_texts_for_training_and_for_evaluation_are_different() -> None:
    kinds = [*KINDS.values(), *ACTIVITIES.values()]
    trained = [phrase for kind in kinds for phrase in kind.phrases]
    unseen = [phrase for kind in kinds for phrase in kind.unseen]
    assert len({*trained, *unseen}) == len(trained) + len(unseen)
    assert all(len(kind.phrases) >= 4 and len(kind.unseen) >= 2 for kind in kinds)


def test_the_same_seed_in_another_split_is_another_world() -> None:
    worlds = [Script(3, split) for split in SPLITS]
    assert len({script.during(0, 60 * NS)[0].start_ns for script in worlds}) == len(SPLITS)
    assert len({room_of(script) for script in worlds}) == len(SPLITS)
