"""What was prepared comes back from disk as it was; what is half written, or another's, is prepared again."""

from contextlib import closing

import numpy as np
import pytest
import torch
from sixsense.encoders.bind.views import Writer, read_views
from sixsense.encoders.data.item import Item
from sixsense.encoders.errors import InputError


def sound(key: str) -> Item:
    return Item("audio", "", key, key, 7)


def test_items_with_one_and_several_views_come_back(tmp_path):
    one = np.random.default_rng(0).normal(size=(1, 128, 204)).astype(np.float32)
    three = np.stack([one + k for k in range(3)])
    writer = Writer(tmp_path / "rows")
    writer.add(sound("a"), one)
    writer.add(sound("b"), three)
    writer.finish("same")
    views = read_views(tmp_path / "rows", "same")
    assert views is not None
    assert views.items == [sound("a"), sound("b")]
    assert torch.equal(views.every(1), torch.from_numpy(three))
    drawn = views.drawn(np.array([1, 0, 1]), np.random.default_rng(1))
    assert drawn.shape == (3, 1, 128, 204)
    assert torch.equal(drawn[1], torch.from_numpy(one))
    assert any(torch.equal(drawn[0], view) for view in torch.from_numpy(three))


def test_pictures_are_halved_and_ids_are_not(tmp_path):
    writer = Writer(tmp_path / "rows")
    writer.add(Item("vision", "", "a", "a"), np.full((3, 4, 4), 0.123456, np.float32))
    writer.finish("same")
    views = read_views(tmp_path / "rows", "same")
    assert views is not None
    assert views.rows.dtype == np.float16
    assert views.every(0).dtype == torch.float32
    writer = Writer(tmp_path / "ids")
    writer.add(Item("text", "", "a", "a"), np.arange(77))
    writer.finish("same")
    ids = read_views(tmp_path / "ids", "same")
    assert ids is not None
    assert torch.equal(ids.every(0), torch.arange(77)[None])


def test_what_was_not_finished_or_is_anothers_is_not_read(tmp_path):
    with closing(Writer(tmp_path / "rows")) as writer:
        writer.add(sound("a"), np.zeros(4, np.float32))
        assert read_views(tmp_path / "rows", "same") is None
        writer.finish("same")
    assert read_views(tmp_path / "rows", "same") is not None
    assert read_views(tmp_path / "rows", "other") is None


def test_shapes_that_do_not_go_together_and_nothing_at_all_are_errors(tmp_path):
    with closing(Writer(tmp_path / "rows")) as writer:
        writer.add(Item("vision", "", "a", "a"), np.zeros((3, 4, 4), np.float32))
        with pytest.raises(InputError, match="give pictures or videos, not both"):
            writer.add(Item("vision", "", "b", "b"), np.zeros((15, 3, 2, 4, 4), np.float32))
    with (
        closing(Writer(tmp_path / "none")) as nothing,
        pytest.raises(InputError, match="nothing in the data can be embedded"),
    ):
        nothing.finish("same")
