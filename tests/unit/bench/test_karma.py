"""The drone's flight: what counts as right, and what its report says."""

import importlib
from types import ModuleType

import pytest


@pytest.fixture
def karma() -> ModuleType:
    return importlib.import_module("karma")


def test_each_modality_has_twenty_labels_of_which_some_are_always_wrong(karma):
    truths = karma.read_truths()
    assert list(truths) == ["vision", "audio", "imu"]
    for labels in truths.values():
        assert len(labels) == 20
        assert frozenset().union(*labels.values()) == frozenset(range(12))
        assert sum(not seconds for seconds in labels.values()) >= 12


def test_a_label_is_right_in_its_seconds_only(karma):
    truths = {"audio": {"rain": frozenset((0, 1)), "wind": frozenset((1,)), "music": frozenset[int]()}}
    told = [karma.Told("audio", 0, ("rain", "wind")), karma.Told("audio", 1, ("wind", "music"))]
    right, count, by_chance = karma.rights(told, truths)
    assert (right, count) == (2, 4)
    assert by_chance == pytest.approx((1 / 3 + 2 / 3) / 2)
    lines = karma.report(told, truths)
    assert "audio: 2 of 4 right, 2 of 2 firsts, chance 0.50" in lines
    assert lines[-2:] == ["| 0 | **rain** | wind |", "| 1 | **wind** | music |"]


@pytest.mark.parametrize(("said", "seconds"), [("", []), ("3", [3]), ("9-11", [9, 10, 11])])
def test_seconds_are_a_number_or_from_one_to_another(karma, said, seconds, tmp_path):
    path = tmp_path / "truths.toml"
    path.write_text(f'[audio]\n"rain" = "{said}"\n')
    assert karma.read_truths(path) == {"audio": {"rain": frozenset(seconds)}}
