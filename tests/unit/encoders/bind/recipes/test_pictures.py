"""A picture task learns its labels, is a function of its step, and mixes targets as it mixes pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from sixsense.encoders.bind.recipes import pictures as recipe
from sixsense.encoders.bind.recipes.families import FAMILIES
from sixsense.encoders.bind.recipes.pictures import Lesson, PictureTask, Texts, Views
from sixsense.encoders.bind.recipes.views import OUTPUTS
from sixsense.encoders.bind.trainer import Advance, Schedule, fit
from sixsense.encoders.towers.shape import PictureShape

ROWS, LABELS, TEMPLATES, DIM = 48, 3, 2, 8
SHAPE = PictureShape(channels=3, widths=(4, 8, 8, 16), blocks=(1, 1, 1), features=16, meaning=DIM)
LABEL = np.arange(ROWS) % LABELS
SPAN = slice(0, LABELS)


def write_cache(folder: Path, rows: int = ROWS, shown: int = 1) -> Path:
    """Pictures whose colour is their label, and a teacher that has seen it. `shown` sets the pixels apart."""
    folder.mkdir()
    rng = np.random.default_rng(shown)
    pixels = rng.integers(0, 60, (rows, 112, 112, 3), np.uint8)
    for row in range(rows):
        pixels[row, :, :, LABEL[row]] += np.uint8(120 + shown)
    np.save(folder / "pixels.npy", pixels)
    for name, (_, shape) in OUTPUTS.items():
        values = rng.integers(0, 4, (rows, *shape), np.uint8)
        values.reshape(rows, -1)[np.arange(rows), 1 + LABEL[:rows]] = 200
        np.save(folder / f"{name}.npy", values)
    np.save(folder / "scales.npy", np.array([(0.1, 0)] * len(OUTPUTS), np.float64))
    return folder


def anchors(count: int, seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    rows = chance.normal(size=(1, count, DIM)) + 0.1 * chance.normal(size=(TEMPLATES, count, DIM))
    rows = rows.astype(np.float32)
    return rows / np.linalg.norm(rows, axis=2, keepdims=True)


NAMES = anchors(LABELS, 4)
# The teacher takes a picture of a label for the object of that place.
TEXTS = Texts(np.concatenate([NAMES, anchors(1000 - LABELS, 0)], axis=1), anchors(len(FAMILIES), 1), NAMES)


def task(folder: Path, modality: str = "vision", small_steps: int = 0) -> PictureTask:
    views = Views(modality, [folder], LABEL)
    lessons = (Lesson(100, ((np.arange(0, 36), 1.0, SPAN),)),)
    held = {"held": (np.arange(36, ROWS), SPAN)}
    shape = replace(SHAPE, channels=3 if modality == "vision" else 1)
    return PictureTask(views, lessons, TEXTS, held, small_steps, shape)


def quiet(_: Advance) -> None:
    """Nobody looks."""


def test_it_learns_its_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "BATCH", 32)
    learner = task(write_cache(tmp_path / "cache"), small_steps=100)
    schedule = Schedule(steps=30, rate=5e-3, warmup=2, average=0.0, evaluate_every=30)
    assert fit(learner, schedule, tmp_path / "run", quiet)["held"] > 0.7


def test_a_batch_is_a_function_of_its_step(tmp_path: Path) -> None:
    learner = task(write_cache(tmp_path / "cache"))
    one, again, other = learner.batch(4), learner.batch(4), learner.batch(5)
    assert torch.equal(one.pixels, again.pixels)
    assert torch.equal(one.late, again.late)
    assert not torch.equal(one.pixels, other.pixels)


def test_early_steps_are_small(tmp_path: Path) -> None:
    learner = task(write_cache(tmp_path / "cache"), small_steps=1)
    assert learner.batch(0).pixels.shape[2:] == (80, 80)
    assert learner.batch(0).late.shape[2:] == (5, 5)
    assert learner.batch(1).pixels.shape[2:] == (112, 112)


def test_shares_of_a_mixed_picture_sum_to_one(tmp_path: Path) -> None:
    learner = task(write_cache(tmp_path / "cache"))
    batches = [learner.batch(step) for step in range(6)]
    assert all(torch.allclose(b.names.sum(dim=1), torch.ones(len(b.names))) for b in batches)
    assert all(torch.allclose(b.objects.sum(dim=1), torch.ones(len(b.names)), atol=1e-4) for b in batches)
    assert any((b.names.amax(dim=1) < 1).any() for b in batches)


def test_lessons_follow_one_another(tmp_path: Path) -> None:
    views = Views("vision", [write_cache(tmp_path / "cache")], LABEL)
    first, second = np.flatnonzero(LABEL == 0), np.flatnonzero(LABEL == 2)
    lessons = (
        Lesson(1, ((first, 1.0, slice(0, 2)),)),
        Lesson(9, ((first, 0.5, slice(0, 2)), (second, 0.5, slice(2, 3)))),
    )
    learner = PictureTask(views, lessons, TEXTS, {}, 0, SHAPE)
    assert learner.batch(0).names.sum(dim=0)[2] == 0
    assert learner.batch(1).names.sum(dim=0)[2] == 64
    assert learner.batch(1).spans == (slice(0, 2), slice(2, 3))


def test_caches_follow_one_another_and_what_has_no_thermal_picture_is_rendered(tmp_path: Path) -> None:
    folders = [write_cache(tmp_path / "views"), write_cache(tmp_path / "rooms", shown=7)]
    np.save(folders[1] / "thermal.npy", np.full((ROWS, 112, 112), 0.25, np.float16))
    views = Views("thermal", folders, np.concatenate([LABEL, LABEL]))
    found = views.pictures(np.array([ROWS, 3, ROWS + 5]), torch.Generator().manual_seed(0))
    assert found.shape == (3, 1, 112, 112)
    assert (found[[0, 2]] == 0.25).all()
    assert found[1].std() > 0.01
    expected = np.load(folders[1] / "late.npy")[5].astype(np.float32) * 0.1
    assert np.allclose(views.taught("late", np.array([3, ROWS + 5]))[1].permute(1, 2, 0), expected)


@pytest.mark.parametrize("modality", ["thermal", "vision"])
def test_rows_are_unit(tmp_path: Path, modality: str) -> None:
    rows = task(write_cache(tmp_path / "cache"), modality).rows(np.arange(5))
    assert rows.shape == (5, DIM)
    assert torch.allclose(rows.norm(dim=1), torch.ones(5), atol=1e-5)
