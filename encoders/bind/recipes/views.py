"""Augmented views of labelled pictures, each with what a teacher network sees in it, cached as arrays.

A patient teacher (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and consistent"):
the student is shown the very view that the teacher's outputs belong to.
"""

import tarfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import ModelError
from ...preprocess.image import SIDE

STUDENT_SIDE = 112
VIEWS = 16
# A class of many pictures gets fewer views of each, so that it fills no more of the cache than this many do.
PICTURES_PER_CLASS = 120
# Area of a crop, its width over its height, and the strength of each change of colour.
AREA, ASPECT, COLOUR = (0.25, 1.0), (0.75, 1.333), 0.25
# Tensors of MobileNetV2 1.0/224 (TFLite): outputs of blocks 12 and 16, pooled features, logits.
OUTPUTS: dict[str, tuple[int, tuple[int, ...]]] = {
    "middle": (140, (14, 14, 96)),
    "late": (166, (7, 7, 320)),
    "pooled": (169, (1280,)),
    "logits": (171, (1001,)),
}


class Picture(NamedTuple):
    label: str
    name: str
    jpeg: bytes


def pictures(tar: Path) -> list[Picture]:
    """`<class>/<name>.jpg` (or .jpeg) of a tar file, sorted. Raises ModelError when there are none."""
    with tarfile.open(tar) as file:
        found = [
            Picture(*member.name.split("/")[-2:], jpeg=file.extractfile(member).read())  # type: ignore[union-attr]
            for member in file.getmembers()
            if member.isfile() and member.name.lower().endswith((".jpg", ".jpeg")) and "/" in member.name
        ]
    if not found:
        raise ModelError(f"{tar}: holds no <class>/<name>.jpg")
    return sorted(found)


def plan(found: list[Picture], count: int = VIEWS) -> list[tuple[int, int]]:
    """(picture, view) of every row of the cache; view 0 of all, the middle of the picture, comes first."""
    sizes = Counter(picture.label for picture in found)
    limits = [max(2, count * min(sizes[p.label], PICTURES_PER_CLASS) // sizes[p.label]) for p in found]
    return [(i, view) for view in range(count) for i, limit in enumerate(limits) if view < limit]


def view(rgb: np.ndarray, seed: tuple[int, int]) -> np.ndarray:
    """uint8 (h, w, 3) to (224, 224, 3): the middle square for view 0, else a random crop and colour.

    `seed` is (picture, view).
    """
    import cv2

    rng = np.random.default_rng(seed)
    top, left, height, width = _middle(rgb.shape) if seed[1] == 0 else _crop(rgb.shape, rng)
    cut = rgb[top : top + height, left : left + width]
    shrinks = min(height, width) > SIDE
    large = cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return large if seed[1] == 0 else _coloured(large, rng)


def _middle(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    side = min(shape[:2])
    return (shape[0] - side) // 2, (shape[1] - side) // 2, side, side


def _crop(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, int, int, int]:
    area = rng.uniform(*AREA) * shape[0] * shape[1]
    aspect = np.exp(rng.uniform(*np.log(ASPECT)))
    height = min(shape[0], round(np.sqrt(area / aspect)))
    width = min(shape[1], round(np.sqrt(area * aspect)))
    return int(rng.integers(shape[0] - height + 1)), int(rng.integers(shape[1] - width + 1)), height, width


def _coloured(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, saturation and the balance of colours, each a little."""
    brightness, contrast, saturation = rng.uniform(1 - COLOUR, 1 + COLOUR, 3)
    pixels = rgb.astype(np.float32) * brightness * rng.uniform(0.94, 1.06, 3).astype(np.float32)
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + (pixels - grey) * saturation
    mean = pixels.mean()
    return (mean + (pixels - mean) * contrast).clip(0, 255).astype(np.uint8)


def halved(rgb: np.ndarray) -> np.ndarray:
    """uint8 (224, 224, 3) to (112, 112, 3), the mean of 2 x 2 pixels, as a tower's first step makes it."""
    import cv2

    return cv2.resize(rgb, (STUDENT_SIDE, STUDENT_SIDE), interpolation=cv2.INTER_AREA)


class Teacher:
    """MobileNetV2 with its inner tensors: uint8 arrays by name of OUTPUTS, and how to make them real."""

    def __init__(self, tflite: Path) -> None:
        # Training only, so no dependency of the package.
        from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]

        with warnings.catch_warnings():
            # Keeping inner tensors is called experimental and costs memory; they are what is wanted.
            warnings.simplefilter("ignore")
            self._net: Any = Interpreter(str(tflite), num_threads=1, experimental_preserve_all_tensors=True)
        self._net.allocate_tensors()
        details = {tensor["index"]: tensor["quantization"] for tensor in self._net.get_tensor_details()}
        self.scales = {name: details[index] for name, (index, _) in OUTPUTS.items()}

    def __call__(self, rgb: np.ndarray) -> dict[str, np.ndarray]:
        """uint8 (224, 224, 3) to uint8 arrays shaped as in OUTPUTS."""
        self._net.set_tensor(0, rgb[None])
        self._net.invoke()
        return {name: self._net.get_tensor(i).reshape(shape) for name, (i, shape) in OUTPUTS.items()}


def cache(tar: Path, tflite: Path, folder: Path, count: int = VIEWS) -> None:
    """Write pixels.npy (n, 112, 112, 3), one .npy an output of the teacher, and rows.npy (n, 2), int32."""
    teacher, found = Teacher(tflite), pictures(tar)
    rows = plan(found, count)
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {"pixels": (STUDENT_SIDE, STUDENT_SIDE, 3)} | {
        name: shape for name, (_, shape) in OUTPUTS.items()
    }
    arrays = {name: _array(folder / f"{name}.npy", (len(rows), *shape)) for name, shape in shapes.items()}
    np.save(folder / "rows.npy", np.array(rows, np.int32))
    np.save(folder / "scales.npy", np.array([teacher.scales[name] for name in OUTPUTS], np.float64))
    decoded = [_decoded(picture) for picture in found]
    for row, seed in enumerate(rows):
        rgb = view(decoded[seed[0]], seed)
        for name, values in (teacher(rgb) | {"pixels": halved(rgb)}).items():
            arrays[name][row] = values


def _decoded(picture: Picture) -> np.ndarray:
    import cv2

    bgr = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ModelError(f"{picture.label}/{picture.name}: {len(picture.jpeg)} bytes that are no JPEG")
    return np.ascontiguousarray(bgr[:, :, ::-1])


def _array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    return np.lib.format.open_memmap(path, "w+", np.uint8, shape)
