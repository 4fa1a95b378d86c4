"""Renderings stay in range, keep edges, and are a function of their generator; cuts are what they say."""

import pytest
import torch
from sixsense.encoders.bind.recipes.renderings import cut, thermal_like
from torch import Generator, Tensor


def seeded(seed: int = 3) -> Generator:
    return Generator().manual_seed(seed)


def scene(count: int = 8) -> Tensor:
    """A disc of one colour on a ground of another."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 56), torch.linspace(-1, 1, 56), indexing="ij")
    disc = ((x - 0.2) ** 2 + (y + 0.1) ** 2 < 0.25)[None, None]
    ground, thing = torch.rand(2, count, 3, 1, 1, generator=seeded(9))
    return torch.where(disc, thing, ground)


def test_a_rendering_is_one_channel_in_range_and_a_function_of_the_generator() -> None:
    one, again, other = (
        thermal_like(scene(), seeded()),
        thermal_like(scene(), seeded()),
        thermal_like(scene(), seeded(4)),
    )
    assert one.shape == (8, 1, 56, 56)
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_edges_are_kept_though_what_is_brighter_is_chance() -> None:
    rendered, inside = thermal_like(scene(64), seeded()), scene(1)[0, 0] != scene(1)[0, 0, 0, 0]
    step = rendered[:, 0, inside].mean(dim=1) - rendered[:, 0, ~inside].mean(dim=1)
    assert (step.abs() > 0.03).float().mean() > 0.6
    assert 0.2 < (step > 0).float().mean() < 0.8


def test_an_uncut_picture_is_itself() -> None:
    assert torch.allclose(cut(scene(), 1.0, 56, seeded()), scene(), atol=1e-4)


@pytest.mark.parametrize("smallest", [0.5, 0.8])
def test_a_cut_lies_within_the_picture(smallest: float) -> None:
    ramp = torch.linspace(0, 1, 112).expand(16, 1, 112, 112)
    pieces = cut(ramp, smallest, 56, seeded())
    widths = pieces[..., -1].mean(dim=(1, 2)) - pieces[..., 0].mean(dim=(1, 2))
    assert pieces.min() >= 0
    assert pieces.max() <= 1
    assert widths.min() > smallest - 0.05
    assert widths.max() < 1
