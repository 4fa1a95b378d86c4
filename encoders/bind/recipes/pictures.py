"""The towers of pictures: a patient teacher's maps and names, and texts, over augmented, cut-mixed views.

A depth or thermal picture is taught what the teacher makes of the camera's picture of the same moment
(Gupta et al. 2016, "Cross modal distillation for supervision transfer").
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...preprocess.image import normalise
from ...towers.picture import PictureTower
from ...towers.shape import PictureShape
from ..objective import prototype_nce
from .families import family_shares
from .renderings import thermal_like
from .views import OUTPUTS, STUDENT_SIDE

SHAPES = {
    "vision": PictureShape(
        channels=3, widths=(24, 48, 112, 288), blocks=(1, 2, 2), features=768, meaning=256
    ),
    "thermal": PictureShape(
        channels=1, widths=(16, 32, 96, 192), blocks=(1, 1, 1), features=384, meaning=256
    ),
    "depth": PictureShape(channels=1, widths=(16, 32, 96, 192), blocks=(1, 1, 1), features=384, meaning=256),
}
BATCH, SEED = 128, 0
TEMPERATURE = 0.05
# This share of the batches has a rectangle, aligned to the teacher's 7x7 grid, of another picture in each.
MIXED, GRID = 0.5, 7
# The first steps see smaller pictures, at half the cost of a step (progressive resizing, Tan and Le 2021).
SMALL = 80 / 112
MAPS = ("middle", "late")


class Views:
    """Caches of `views.cache` and `scenes.cache`, one after the other, as one modality sees them; and for
    each of their rows a label (-1: none)."""

    def __init__(self, modality: str, folders: list[Path], labels: np.ndarray) -> None:
        names = {"pixels", modality, *OUTPUTS}
        self._parts = [
            {
                path.stem: np.load(path, mmap_mode="r")
                for path in sorted(folder.glob("*.npy"))
                if path.stem in names
            }
            for folder in folders
        ]
        self._modality = modality
        sizes = [len(part["pixels"]) for part in self._parts]
        self._starts = np.cumsum([0, *sizes])
        scales = np.load(folders[0] / "scales.npy")
        self._scales = {name: (float(s), float(z)) for name, (s, z) in zip(OUTPUTS, scales, strict=True)}
        self.labels = labels

    def pictures(self, rows: np.ndarray, generator: torch.Generator) -> Tensor:
        """What the tower is shown, float32 (n, channels, 112, 112): of views that no thermal camera took, a
        rendering that looks as if."""
        if self._modality == "vision":
            return normalise(self._unit(rows))
        part = np.searchsorted(self._starts, rows, side="right") - 1
        taken = np.array([self._modality in self._parts[i] for i in part])
        found = torch.empty(len(rows), 1, STUDENT_SIDE, STUDENT_SIDE)
        if taken.any():
            found[taken] = torch.from_numpy(self._taken(self._modality, rows[taken])).float()[:, None]
        if not taken.all():
            found[~taken] = thermal_like(self._unit(rows[~taken]), generator)
        return found

    def taught(self, name: str, rows: np.ndarray) -> Tensor:
        """The teacher's numbers of those rows, float32, maps with channels first."""
        scale, zero = self._scales[name]
        values = torch.from_numpy(self._taken(name, rows)).float().sub_(zero).mul_(scale)
        return values.permute(0, 3, 1, 2) if values.ndim == 4 else values

    def _unit(self, rows: np.ndarray) -> Tensor:
        """RGB in [0, 1], (n, 3, 112, 112)."""
        return torch.from_numpy(self._taken("pixels", rows)).permute(0, 3, 1, 2).float() / 255

    def _taken(self, name: str, rows: np.ndarray) -> np.ndarray:
        like = next(part[name] for part in self._parts if name in part)
        found = np.empty((len(rows), *like.shape[1:]), like.dtype)
        for part, start, end in zip(self._parts, self._starts, self._starts[1:], strict=False):
            here = (rows >= start) & (rows < end)
            if here.any():
                found[here] = part[name][rows[here] - start]
        return found


class Lesson(NamedTuple):
    """What is learnt from until step `until`: `groups` are sets of rows with the share of a batch that they
    fill, and the span of the labels that they are told apart among."""

    until: int
    groups: tuple[tuple[np.ndarray, float, slice], ...]


class Texts(NamedTuple):
    """Anchors, unit rows, of several templates: `objects` (templates, 1000, dim) are the teacher's names,
    `families` (templates, families, dim) their kinds, `names` (templates, labels, dim) the labels."""

    objects: np.ndarray
    families: np.ndarray
    names: np.ndarray


class Batch(NamedTuple):
    pixels: Tensor
    middle: Tensor
    late: Tensor
    pooled: Tensor
    objects: Tensor
    """(n, 1000): what the teacher takes it for."""
    names: Tensor
    """(n, labels): shares of the labels; all 0 for a picture of none."""
    spans: tuple[slice, ...]
    template: int


class Student(nn.Module):
    """The tower and what it needs only while it learns: a map to each of the teacher's outputs."""

    def __init__(self, shape: PictureShape) -> None:
        super().__init__()
        self.tower = PictureTower(shape)
        self.to_middle = nn.Conv2d(shape.widths[2], OUTPUTS["middle"][1][-1], 1)
        self.to_late = nn.Conv2d(shape.widths[3], OUTPUTS["late"][1][-1], 1)
        self.to_pooled = nn.Linear(shape.features, OUTPUTS["pooled"][1][-1])


class PictureTask:
    """`lessons` follow one another; `held` are named rows and the span of labels to choose among."""

    def __init__(
        self,
        views: Views,
        lessons: tuple[Lesson, ...],
        texts: Texts,
        held: dict[str, tuple[np.ndarray, slice]],
        small_steps: int,
        shape: PictureShape,
        seed: int = SEED,
    ) -> None:
        torch.manual_seed(seed)
        self.module = Student(shape).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._views, self._lessons, self._held = views, lessons, held
        self._texts = {name: torch.from_numpy(rows) for name, rows in texts._asdict().items()}
        self._small_steps, self._seed = small_steps, seed
        rows = lessons[0].groups[0][0]
        sample = np.random.default_rng(seed).choice(rows, min(len(rows), 512), replace=False)
        self._usual = {name: _usual(views.taught(name, sample)) for name in (*MAPS, "pooled")}
        sizes = [(lesson.until, [len(rows) for rows, *_ in lesson.groups]) for lesson in lessons]
        self.identity = f"pictures {shape} {sizes} {small_steps} {seed}"

    def batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self._seed, step))
        lesson = next((one for one in self._lessons if step < one.until), self._lessons[-1])
        rows = np.concatenate(
            [self._drawn(rng, rows, round(share * BATCH)) for rows, share, _ in lesson.groups]
        )
        batch = self._of(rows, tuple(span for *_, span in lesson.groups), step)
        batch = _mirrored(batch, torch.from_numpy(rng.random(len(rows)) < 0.5))
        batch = _cut_mixed(batch, rng) if rng.random() < MIXED else batch
        return _smaller(batch) if step < self._small_steps else batch

    def loss(self, batch: Batch) -> Tensor:
        student, texts = self.module, {name: rows[batch.template] for name, rows in self._texts.items()}
        middle, late = student.tower.maps(batch.pixels.contiguous(memory_format=torch.channels_last))
        pooled = student.tower.pooled(late)
        row = F.normalize(student.tower.head(pooled).float(), dim=1)
        told = sum(_told(row, texts["names"][span], batch.names[:, span]) for span in batch.spans)
        return (
            F.mse_loss(student.to_middle(middle).float(), batch.middle)
            + 2 * F.mse_loss(student.to_late(late).float(), batch.late)
            + F.mse_loss(student.to_pooled(pooled).float(), batch.pooled)
            + prototype_nce(row, texts["objects"], batch.objects, TEMPERATURE)
            + _told(row, texts["families"], family_shares(batch.objects))
            + told
        )

    def evaluate(self) -> dict[str, float]:
        return {name: self._accuracy(rows, span) for name, (rows, span) in self._held.items()}

    def rows(self, rows: np.ndarray) -> Tensor:
        """The tower's unit rows (n, meaning) of views of the cache."""
        tower = self.module.tower
        with torch.no_grad():
            generator = torch.Generator().manual_seed(self._seed)
            parts = [
                self._views.pictures(part, generator) for part in np.array_split(rows, 1 + len(rows) // 64)
            ]
            return torch.cat([tower.meaning(x.contiguous(memory_format=torch.channels_last)) for x in parts])

    def _drawn(self, rng: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
        """Large classes less often than they are large: as often as the root of it."""
        _, label, sizes = np.unique(self._views.labels[rows], return_inverse=True, return_counts=True)
        chance = sizes[label] ** -0.5
        return rng.choice(rows, count, p=chance / chance.sum())

    def _of(self, rows: np.ndarray, spans: tuple[slice, ...], step: int) -> Batch:
        taught = {name: _standard(self._views.taught(name, rows), self._usual[name]) for name in self._usual}
        objects = self._views.taught("logits", rows)[:, 1:].softmax(dim=1)
        labels = torch.from_numpy(self._views.labels[rows])
        names = F.one_hot(labels + 1, self._texts["names"].shape[1] + 1)[:, 1:].float()
        template = step % len(self._texts["names"])
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + step)
        pixels = self._views.pictures(rows, generator)
        return Batch(pixels, **taught, objects=objects, names=names, spans=spans, template=template)

    def _accuracy(self, rows: np.ndarray, span: slice) -> float:
        names = F.normalize(self._texts["names"][:, span].mean(dim=0), dim=1)
        found = (self.rows(rows) @ names.T).argmax(dim=1).numpy() + span.start
        return float((found == self._views.labels[rows]).mean())


def _told(row: Tensor, anchors: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy over the anchors, of rows that have a share in them, averaged over all rows."""
    return -(shares * (row @ anchors.T / TEMPERATURE).log_softmax(dim=1)).sum() / len(row)


def _usual(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, shaped to be taken from and divided by."""
    spread, mean = torch.std_mean(values.transpose(0, 1).flatten(1), dim=1)
    shape = (1, -1, *[1] * (values.ndim - 2))
    return mean.view(shape), spread.clamp_min(0.05).view(shape)


def _standard(values: Tensor, usual: tuple[Tensor, Tensor]) -> Tensor:
    return (values - usual[0]) / usual[1]


def _mirrored(batch: Batch, which: Tensor) -> Batch:
    """A mirrored picture has the mirrored maps, nearly."""
    changed = {
        name: torch.where(which[:, None, None, None], getattr(batch, name).flip(3), getattr(batch, name))
        for name in ("pixels", *MAPS)
    }
    return batch._replace(**changed)


def _cut_mixed(batch: Batch, rng: np.random.Generator) -> Batch:
    """Yun et al. 2019: a rectangle of the next picture, its part of the maps, its share of the rest."""
    height, width = rng.integers(2, GRID, size=2)
    top, left = rng.integers(GRID - height + 1), rng.integers(GRID - width + 1)
    changed: dict[str, Any] = {}
    for name in ("pixels", *MAPS):
        value = getattr(batch, name).clone()
        cell = value.shape[-1] // GRID
        part = (..., slice(top * cell, (top + height) * cell), slice(left * cell, (left + width) * cell))
        value[part] = value.roll(1, 0)[part]
        changed[name] = value
    for name in ("pooled", "objects", "names"):
        value = getattr(batch, name)
        changed[name] = value.lerp(value.roll(1, 0), float(height * width) / GRID**2)
    return batch._replace(**changed)


def _smaller(batch: Batch) -> Batch:
    changed = {
        name: F.interpolate(getattr(batch, name), scale_factor=SMALL, mode="bilinear", antialias=True)
        for name in ("pixels", *MAPS)
    }
    return batch._replace(**changed)
