"""The simulated world's camera, depth and thermal pictures of the same instants, and what is in them."""

from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ....sensors.sample import NS
from ....sensors.simulated.excerpt import Excerpt, excerpts
from ....sensors.simulated.kinds import KINDS, KindName
from ....sensors.simulated.senses import INFO
from ....sensors.simulated.split import Split
from ...preprocess import depth, thermal
from ...preprocess.image import shortest_side
from .views import OUTPUTS, STUDENT_SIDE, Teacher

STREAMS = ("camera", "depth", "thermal")
MOMENT_NS = NS // 4
# What can be told apart by a picture of any of the three; the last is a room in which nothing happens.
SEEN: tuple[KindName, ...] = ("alarm", "person", "dog", "ball", "kettle")
EMPTY = "room"
ROOM = ("a room", "an empty room", "furniture in a room", "an indoor scene", "a room with nobody in it")
SENSED_IN = {"camera": "vision", "depth": "depth", "thermal": "thermal"}


def phrases(name: str) -> tuple[str, ...]:
    """The texts that a model may be trained on."""
    return next((KINDS[seen].phrases for seen in SEEN if seen == name), ROOM)


def shown(stream: str, wanted: np.ndarray) -> np.ndarray:
    """int64: what each picture of a stream shows, as its place in (*SEEN, EMPTY)."""
    sensed = [SENSED_IN[stream] in KINDS[name].modalities for name in SEEN] + [True]
    return np.where(np.array(sensed)[wanted], wanted, len(SEEN)).astype(np.int64)


def cache(split: Split, count: int, tflite: Path, folder: Path, seed: int = 0) -> None:
    """Write what `views.cache` does, of the camera; depth.npy and thermal.npy, float16 (n, 112, 112), as a
    tower's first step makes them; and wanted.npy, int64 (n,), the place in (*SEEN, EMPTY)."""
    teacher = Teacher(tflite)
    folder.mkdir(parents=True, exist_ok=True)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("pixels", "depth", "thermal", *OUTPUTS)}
    wanted: list[int] = []
    for excerpt in islice(excerpts(split, STREAMS, MOMENT_NS, seed=seed, wanted=(*SEEN, None)), count):
        wanted.append(next((i for i, name in enumerate(SEEN) if name == excerpt.wanted), len(SEEN)))
        for name, value in _pictures(excerpt, teacher).items():
            columns[name].append(value)
    for name, values in columns.items():
        np.save(folder / f"{name}.npy", np.stack(values))
    np.save(folder / "wanted.npy", np.array(wanted, np.int64))
    np.save(folder / "rows.npy", np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.int32))
    np.save(folder / "scales.npy", np.array([teacher.scales[name] for name in OUTPUTS], np.float64))


def _pictures(excerpt: Excerpt, teacher: Teacher) -> dict[str, np.ndarray]:
    pixels = shortest_side(torch.from_numpy(excerpt.data["camera"].copy()).permute(2, 0, 1))
    rgb = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
    info = INFO["depth"]
    metres = depth(excerpt.data["depth"], info.fx * 640 / info.width, info.baseline)
    others = {"depth": metres, "thermal": thermal(excerpt.data["thermal"])}
    small = {name: _halved(value)[0].half().numpy() for name, value in others.items()}
    halved = _halved(pixels.float()).round().byte().permute(1, 2, 0).numpy()
    return {"pixels": halved} | small | teacher(rgb)


def _halved(x: Tensor) -> Tensor:
    return F.interpolate(x[None], STUDENT_SIDE, mode="area")[0]
