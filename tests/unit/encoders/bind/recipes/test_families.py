"""Families are places of the teacher's list, in order, each in one family at most."""

import torch
from sixsense.encoders.bind.recipes.families import FAMILIES, family_shares, members


def test_ranges_lie_in_the_list_and_do_not_overlap() -> None:
    places = [place for written in FAMILIES.values() for place in members(written)]
    assert min(places) >= 0
    assert max(places) < 1000
    assert len(places) == len(set(places))


def test_ranges_include_both_ends() -> None:
    assert members("3-5 9") == [3, 4, 5, 9]


def test_a_family_has_the_share_of_its_members() -> None:
    objects = torch.zeros(2, 1000)
    objects[0, 208], objects[0, 251], objects[0, 817] = 0.5, 0.3, 0.2
    objects[1, 999] = 1.0
    shares = family_shares(objects)
    names = list(FAMILIES)
    assert torch.isclose(shares[0, names.index("dog")], torch.tensor(0.8))
    assert torch.isclose(shares[0, names.index("car")], torch.tensor(0.2))
    assert shares[1].sum() == 0
