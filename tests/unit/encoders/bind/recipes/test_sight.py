"""What is held out and what joins late is told by the labels alone; a whole tower is its parts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sixsense.encoders.bind.recipes.families import FAMILIES
from sixsense.encoders.bind.recipes.pictures import SHAPES
from sixsense.encoders.bind.recipes.scenes import SEEN
from sixsense.encoders.bind.recipes.sight import (
    HELD,
    HELD_OF_FEW,
    LATE_CLASSES,
    LATE_LARGEST,
    LAYOUT_SHARES,
    NO_CLASS,
    TEMPLATES,
    pictures_of,
    texts_of,
    whole,
)
from sixsense.encoders.towers.picture import Layout, PictureTower

SIZES = {f"class_{i:02}": 10 + 2 * i for i in range(60)} | {NO_CLASS: 30}
LABELS = [label for label in sorted(SIZES) for _ in range(SIZES[label])]


def test_the_last_pictures_of_each_class_are_held_out_and_small_classes_join_late() -> None:
    found = pictures_of(LABELS)
    assert len(found.names) == 60
    assert len(found.names) - found.early == LATE_CLASSES
    assert all(SIZES[name] <= LATE_LARGEST for name in found.names[found.early :])
    assert not found.held[found.labels == -1].any()
    for place, name in enumerate(found.names):
        held = found.held[found.labels == place]
        count = HELD if SIZES[name] >= 40 else HELD_OF_FEW
        assert held.sum() == count
        assert held[-count:].all()


def test_labels_follow_the_names_and_what_is_of_no_class_has_none() -> None:
    found = pictures_of(LABELS)
    assert [found.names[place] if place >= 0 else NO_CLASS for place in found.labels] == LABELS


def test_anchors_are_of_every_template_and_the_worlds_come_last(shared: Path) -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return np.ones((len(texts), 4), np.float32)

    texts = texts_of([embed, embed], shared, ("sea_horse", "cup"))
    assert texts.objects.shape == (2 * len(TEMPLATES), 1000, 4)
    assert texts.families.shape == (2 * len(TEMPLATES), len(FAMILIES), 4)
    assert texts.names.shape == (2 * len(TEMPLATES), 2 + len(SEEN) + 1, 4)
    assert "a photo of a sea horse" in asked


@torch.no_grad()
def test_a_whole_tower_says_its_meaning_beside_its_layout() -> None:
    torch.manual_seed(0)
    tower, layout = PictureTower(SHAPES["depth"]).eval(), Layout(16)
    both, x = whole("depth", tower, layout), torch.rand(2, 1, 224, 224)
    rows = both(x)
    assert rows.shape == (2, SHAPES["depth"].meaning + 16)
    assert torch.allclose(
        rows[:, : SHAPES["depth"].meaning], (1 - LAYOUT_SHARES["depth"]) ** 0.5 * tower(x), atol=1e-6
    )
