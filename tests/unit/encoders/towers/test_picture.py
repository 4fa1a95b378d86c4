"""A picture tower's rows: their shape and parts, what layout sees and what it does not."""

import pytest
import torch
from sixsense.encoders.towers.picture import PictureTower
from sixsense.encoders.towers.shape import PictureShape
from torch import Tensor

SHAPE = PictureShape(
    channels=1, widths=(8, 8, 16, 16), blocks=(1, 1, 1), features=32, meaning=12, layout=20, layout_share=0.36
)


@pytest.fixture
def tower() -> PictureTower:
    torch.manual_seed(1)
    return PictureTower(SHAPE).eval()


def pictures(count: int = 3) -> Tensor:
    coarse = torch.rand(count, 1, 7, 7, generator=torch.Generator().manual_seed(2))
    return torch.nn.functional.interpolate(coarse, (224, 224))


@torch.no_grad()
def test_rows_are_unit_and_their_parts_have_constant_lengths(tower: PictureTower) -> None:
    rows = tower(pictures())
    assert rows.shape == (3, 32)
    assert torch.allclose(rows[:, :12].norm(dim=1), torch.full((3,), 0.8), atol=1e-5)
    assert torch.allclose(rows[:, 12:].norm(dim=1), torch.full((3,), 0.6), atol=1e-5)


@torch.no_grad()
def test_without_layout_a_row_is_meaning_alone() -> None:
    plain = PictureTower(
        PictureShape(channels=3, widths=(8, 8, 8, 8), blocks=(1, 1, 1), features=8, meaning=12)
    )
    rows = plain.eval()(torch.rand(2, 3, 224, 224))
    assert rows.shape == (2, 12)
    assert torch.allclose(rows.norm(dim=1), torch.ones(2), atol=1e-5)


@torch.no_grad()
def test_layout_does_not_see_brightness_and_contrast_but_sees_where_things_are(tower: PictureTower) -> None:
    x = pictures()
    layout = tower(x)[:, 12:] / 0.6
    dimmer = tower(0.3 * x + 0.5)[:, 12:] / 0.6
    mirrored = tower(x.flip(3))[:, 12:] / 0.6
    assert 20 * (layout - dimmer).norm(dim=1).max() < (layout - mirrored).norm(dim=1).min()


@torch.no_grad()
def test_a_row_does_not_depend_on_its_neighbours(tower: PictureTower) -> None:
    x = pictures()
    assert torch.allclose(tower(x)[1], tower(x[1:2])[0], atol=1e-6)


@torch.no_grad()
def test_a_flat_picture_gives_numbers(tower: PictureTower) -> None:
    assert torch.isfinite(tower(torch.zeros(1, 1, 224, 224))).all()


def test_maps_are_aligned_with_the_teachers(tower: PictureTower) -> None:
    middle, late = tower.maps(torch.zeros(1, 1, 112, 112))
    assert middle.shape == (1, 16, 14, 14)
    assert late.shape == (1, 16, 7, 7)
