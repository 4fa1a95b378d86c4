"""Random changes keep shape and range, differ from row to row, follow the seed, and change what they say."""

import pytest
import torch
from sixsense.encoders.architecture import TRUNKS
from sixsense.encoders.bind.augment import augment

SHAPES = {
    "vision": (3, 56, 56),
    "depth": (1, 56, 56),
    "thermal": (1, 56, 56),
    "audio": (1, 128, 204),
    "imu": (6, 200),
}


def rows(modality: str, n: int = 4) -> torch.Tensor:
    return torch.rand(n, *SHAPES[modality], generator=torch.Generator().manual_seed(0))


def test_every_modality_has_its_row():
    for modality in TRUNKS:
        if modality != "text":
            assert augment(modality, rows(modality)).shape == rows(modality).shape
    ids = torch.arange(154).view(2, 77)
    assert torch.equal(augment("text", ids), ids)


@pytest.mark.parametrize("modality", SHAPES)
def test_each_row_changes_by_itself_and_by_the_seed_alone(modality):
    same = rows(modality, 1).expand(4, *SHAPES[modality]).contiguous()
    torch.manual_seed(3)
    one = augment(modality, same)
    torch.manual_seed(3)
    assert torch.equal(augment(modality, same), one)
    assert not torch.equal(one[0], one[1])
    assert torch.isfinite(one).all()


def test_both_frames_of_a_clip_are_seen_alike():
    clip = torch.rand(2, 3, 1, 32, 32).expand(2, 3, 2, 32, 32)
    changed = augment("vision", clip.contiguous())
    assert torch.equal(changed[:, :, 0], changed[:, :, 1])


def test_thermal_stays_in_its_range():
    changed = augment("thermal", torch.cat([torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)]))
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1


def test_a_turned_device_feels_the_same_force():
    torch.manual_seed(0)
    motion = rows("imu", 8)
    turned = augment("imu", motion)
    for part in (slice(0, 3), slice(3, 6)):
        ratio = turned[:, part].norm(dim=1) / motion[:, part].norm(dim=1)
        assert (ratio.std(dim=1) < 1e-5).all()
        assert ((ratio > 0.89) & (ratio < 1.11)).all()
    assert not torch.allclose(turned[:, 0] / motion[:, 0], turned[:, 1] / motion[:, 1])


@pytest.mark.parametrize("modality", ["vision", "depth", "thermal"])
def test_what_two_cameras_see_stays_where_it_is(modality):
    edge = torch.zeros(8, *SHAPES[modality])
    edge[..., 10:20] = 0.5
    steps = augment(modality, edge, "thermal").diff(dim=3).abs() > 0.2
    assert torch.equal(steps, edge.diff(dim=3).abs() > 0.2)
    heard = augment(modality, edge, "audio").diff(dim=3).abs() > 0.2
    assert not torch.equal(heard, steps)


def test_a_picture_is_cut_and_sometimes_mirrored():
    torch.manual_seed(0)
    ramp = torch.linspace(0, 1, 64).expand(64, 1, 64, 64).contiguous()
    slopes = augment("depth", ramp).diff(dim=3).mean(dim=(1, 2, 3)).sign()
    assert 10 < int((slopes < 0).sum()) < 54
