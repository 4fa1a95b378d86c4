"""More to learn from, of sets whose terms forbid products: for `make mini-research`, never for what ships.

Pictures of Tiny-ImageNet and road scenes with their thermal pictures are further caches, which the towers of
pictures learn from where they are; Flickr8k's captions join the sentences.
"""

import csv
import os
from pathlib import Path

import numpy as np
from torch.nn import functional as F

from ...errors import ModelError
from ...preprocess import thermal
from ..anchors import Anchors
from . import views
from .concepts import concepts

DATA = ("tiny_imagenet", "roadscene", "flickr8k_captions")
THINGS, ROADS = "things", "roads"
"""Folders of caches below the build folder."""
CAPTIONS = "captions.txt"
VIEWS_A_PICTURE = 4
# The last pairs of the drive are measured on.
ROADS_HELD_OUT = 71


def caches(build: Path) -> list[Path]:
    """Of both kinds of pictures, once they are prepared; road scenes come last."""
    return [build / THINGS, build / ROADS] if (build / ROADS / "rows.npy").is_file() else []


def data_of(build: Path) -> tuple[str, ...]:
    """Which of DATA a build folder holds."""
    return (*(DATA[:2] if caches(build) else ()), *(DATA[2:] if (build / CAPTIONS).is_file() else ()))


def prepare_pictures(shared: Path, build: Path) -> None:
    """Cache views of both sets, road scenes last. Takes some minutes."""
    tflite = shared / "teachers" / "coral_mobilenet_v2_1.0_224_quant.tflite"
    tar = next(iter(sorted((shared / "data" / "tiny_imagenet").glob("*.tar"))), None)
    if tar is None:
        raise ModelError(f"{shared / 'data' / 'tiny_imagenet'}: holds no .tar of <class>/<name>.JPEG")
    views.cache(tar, tflite, build / THINGS, VIEWS_A_PICTURE)
    _cache_roads(shared / "data" / "roadscene", views.Teacher(tflite), build / ROADS)


def _cache_roads(data: Path, teacher: views.Teacher, folder: Path) -> None:
    """What `views.cache` writes, of the pairs before those that are held out, and thermal.npy as a tower's
    first step makes it, float16 (n, 112, 112)."""
    names = [path.name for path in sorted((data / "visible").iterdir())][:-ROADS_HELD_OUT]
    folder.mkdir(parents=True, exist_ok=True)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("pixels", "thermal", *views.OUTPUTS)}
    for name in names:
        rgb = views.view(_read(data / "visible" / name)[:, :, ::-1], (0, 0))
        warm = F.avg_pool2d(thermal(_read(data / "thermal" / name)[:, :, 0])[None], 2)[0, 0]
        for column, value in {
            "pixels": views.halved(rgb),
            "thermal": warm.numpy().astype(np.float16),
            **teacher(rgb),
        }.items():
            columns[column].append(value)
    for column, values in columns.items():
        np.save(folder / f"{column}.npy", np.stack(values))
    np.save(
        folder / "rows.npy", np.stack([np.arange(len(names)), np.zeros(len(names))], axis=1).astype(np.int32)
    )


def _read(path: Path) -> np.ndarray:
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ModelError(f"{path}: is no picture")
    return picture


def add_captions(shared: Path, build: Path) -> None:
    """Put the captions and their anchors behind the sentences that are prepared in `build`."""
    with (shared / "data" / "flickr8k_captions" / "captions.txt").open(newline="", encoding="utf-8") as file:
        captions = [row["caption"].removesuffix(".").strip().lower() for row in csv.DictReader(file)]
    captions = list(dict.fromkeys(caption for caption in captions if caption))
    sentences = (build / "sentences.txt").read_text().split("\n")
    rows = np.load(build / "sentences.npy")[: len(sentences)]
    anchors = Anchors(concepts(shared))(captions).astype(np.float16)
    _replace(build / "sentences.npy", np.concatenate([rows, anchors]))
    (build / "sentences.txt").write_text("\n".join([*sentences, *captions]))
    (build / CAPTIONS).write_text("\n".join(captions))


def _replace(path: Path, rows: np.ndarray) -> None:
    beside = path.with_name(f"{path.stem}.partial.npy")
    np.save(beside, rows)
    os.replace(beside, path)
