"""What is held out and what is new is told by the labels alone; a whole tower is its parts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from sixsense.encoders.bind.recipes import pictures as recipe
from sixsense.encoders.bind.recipes import sight
from sixsense.encoders.bind.recipes.families import FAMILIES
from sixsense.encoders.bind.recipes.pictures import SHAPES, Texts
from sixsense.encoders.bind.recipes.scenes import SEEN
from sixsense.encoders.bind.recipes.sight import (
    FURTHER_SHARE,
    HELD,
    HELD_OF_FEW,
    LAYOUT_SHARES,
    NEW_CLASSES,
    NEW_LARGEST,
    NO_CLASS,
    SCHEDULES,
    TEMPLATES,
    Pictures,
    fitted_layout,
    learn,
    pictures_of,
    task_of,
    texts_of,
    whole,
    whole_shape,
)
from sixsense.encoders.bind.recipes.views import OUTPUTS
from sixsense.encoders.bind.trainer import Advance
from sixsense.encoders.towers.picture import Layout, PictureTower

SIZES = {f"class_{i:02}": 10 + 2 * i for i in range(60)} | {NO_CLASS: 30}
LABELS = [label for label in sorted(SIZES) for _ in range(SIZES[label])]


def test_the_last_pictures_of_each_class_are_held_out_and_some_small_classes_are_new() -> None:
    found = pictures_of(LABELS)
    assert len(found.names) == 60
    assert len(found.names) - found.first_new == NEW_CLASSES
    assert all(SIZES[name] <= NEW_LARGEST for name in found.names[found.first_new :])
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

    texts = texts_of(embed, shared, ("sea_horse", "cup"))
    assert texts.objects.shape == (len(TEMPLATES), 1000, 4)
    assert texts.families.shape == (len(TEMPLATES), len(FAMILIES), 4)
    assert texts.names.shape == (len(TEMPLATES), 2 + len(SEEN) + 1, 4)
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


def write_caches(build: Path, found: Pictures) -> None:
    """Views of every third picture, and rooms, with random numbers for what the teacher saw."""
    chance = np.random.default_rng(0)
    rows = np.stack([np.arange(0, len(found.labels), 3), np.zeros(len(found.labels[::3]))], axis=1)
    for name, count in (("views", len(rows)), ("rooms", 12), ("rooms_held", 7)):
        (build / name).mkdir(parents=True)
        shapes = {"pixels": (112, 112, 3)} | {output: shape for output, (_, shape) in OUTPUTS.items()}
        for output, shape in shapes.items():
            np.save(build / name / f"{output}.npy", chance.integers(0, 255, (count, *shape), np.uint8))
        np.save(build / name / "scales.npy", np.array([(0.1, 100)] * len(OUTPUTS), np.float64))
        np.save(build / name / "wanted.npy", np.arange(count) % (len(SEEN) + 1))
        for other in ("depth", "thermal") if name != "views" else ():
            np.save(build / name / f"{other}.npy", chance.random((count, 112, 112)).astype(np.float16))
    np.save(build / "views" / "rows.npy", rows.astype(np.int32))


def write_further_caches(build: Path) -> None:
    """Of what only research learns from; the teacher's outputs are the rooms'."""
    for name, extra in (("things", ()), ("roads", ("thermal",))):
        (build / name).mkdir()
        for output in ("pixels", *OUTPUTS, *extra):
            np.save(build / name / f"{output}.npy", np.load(build / "rooms" / f"{output}.npy")[:9])
        np.save(build / name / "rows.npy", np.zeros((9, 2), np.int32))


@pytest.mark.parametrize("modality", SCHEDULES)
@pytest.mark.parametrize("further", [0, 2])
def test_every_tower_trains_from_its_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modality: str, further: int
) -> None:
    found = pictures_of([f"class_{i}" for i in range(6) for _ in range(9)])
    write_caches(tmp_path, found)
    if further:
        write_further_caches(tmp_path)
    brief = {name: replace(one, steps=2, evaluate_every=2) for name, one in SCHEDULES.items()}
    monkeypatch.setattr(sight, "SCHEDULES", brief)
    monkeypatch.setattr(sight, "MORE_ROOMS", 1)
    monkeypatch.setattr(recipe, "BATCH", 8)
    anchors = np.random.default_rng(1).normal(size=(2, 1200, 256)).astype(np.float32)
    texts = Texts(anchors[:, :1000], anchors[:, : len(FAMILIES)], anchors[:, : 6 + len(SEEN) + 1])
    seen: list[Advance] = []
    task = learn(modality, tmp_path, found, texts, seen.append, tmp_path)
    shares = [share for lesson in task._lessons for _, share, _ in lesson.groups]
    assert shares.count(FURTHER_SHARE) == len(task._lessons) * (0 if modality == "depth" else further)
    assert sum(shares) == pytest.approx(len(task._lessons))
    assert [advance.step for advance in seen] == [2]
    assert set(seen[-1].figures) == ({"rooms"} if modality == "depth" else {"rooms", "held"})
    whole_tower = whole(modality, task.module.tower, fitted_layout(tmp_path))
    assert whole_tower.shape == whole_shape(modality)


@pytest.mark.parametrize("new_too", [True, False])
def test_a_tower_that_is_measured_is_never_shown_the_new_classes(tmp_path: Path, new_too: bool) -> None:
    found = pictures_of([f"class_{i}" for i in range(6) for _ in range(9)])
    write_caches(tmp_path, found)
    anchors = np.random.default_rng(1).normal(size=(2, 1200, 256)).astype(np.float32)
    texts = Texts(anchors[:, :1000], anchors[:, : len(FAMILIES)], anchors[:, : 6 + len(SEEN) + 1])
    task = task_of("vision", tmp_path, found, texts, new_too=new_too)
    labels = task._views.labels
    new = {place for place in labels[: len(found.labels[::3])].tolist() if place >= found.first_new}
    for lesson in task._lessons:
        (pictures, _, span), *_ = lesson.groups
        assert bool(set(labels[pictures].tolist()) & new) == new_too
        assert span.stop == (len(found.names) if new_too else found.first_new)
    assert ("new" in task._held) == (not new_too)
    if not new_too:
        assert set(labels[task._held["new"][0]].tolist()) == new
