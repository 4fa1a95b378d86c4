"""Views: the middle of a picture first, then crops; large classes get fewer; the teacher's maps are kept."""

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from sixsense.encoders.bind.recipes.views import (
    OUTPUTS,
    PICTURES_PER_CLASS,
    STUDENT_SIDE,
    Picture,
    cache,
    halved,
    pictures,
    plan,
    view,
)
from sixsense.encoders.errors import ModelError


def gradient(height: int = 90, width: int = 150) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 90)], axis=2).astype(np.uint8)


def write_tar(path: Path, count: int = 2) -> Path:
    with tarfile.open(path, "w") as file:
        for i in range(count):
            jpeg = cv2.imencode(".jpg", gradient())[1].tobytes()
            info = tarfile.TarInfo(f"train/cup/image_{i}.jpg")
            info.size = len(jpeg)
            file.addfile(info, io.BytesIO(jpeg))
    return path


def test_pictures_have_their_folder_as_label(tmp_path: Path) -> None:
    found = pictures(write_tar(tmp_path / "a.tar"))
    assert [(p.label, p.name) for p in found] == [("cup", "image_0.jpg"), ("cup", "image_1.jpg")]


def test_a_tar_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no <class>/<name>\.jpg"):
        pictures(write_tar(tmp_path / "empty.tar", 0))


def test_every_picture_has_its_middle_first_and_large_classes_fewer_views() -> None:
    found = [Picture("many", str(i), b"") for i in range(4 * PICTURES_PER_CLASS)] + [Picture("few", "", b"")]
    rows = plan(found, 8)
    assert [seed for _, seed in rows[: len(found)]] == [0] * len(found)
    assert sum(i == 0 for i, _ in rows) == 2
    assert sum(i == len(found) - 1 for i, _ in rows) == 8


def test_view_0_is_the_middle_square_and_others_are_functions_of_their_seed() -> None:
    middle = view(gradient(), (0, 0))
    assert middle.shape == (224, 224, 3)
    assert abs(int(middle[112, 0, 0]) - 30 * 255 // 150) < 4
    assert np.array_equal(view(gradient(), (3, 2)), view(gradient(), (3, 2)))
    assert not np.array_equal(view(gradient(), (3, 2)), view(gradient(), (3, 3)))


def test_halving_averages_two_by_two() -> None:
    rgb = view(gradient(), (0, 0))
    expected = rgb.reshape(112, 2, 112, 2, 3).mean(axis=(1, 3))
    assert halved(rgb).shape == (STUDENT_SIDE, STUDENT_SIDE, 3)
    assert np.abs(halved(rgb) - expected).max() <= 1


def test_a_cache_holds_what_the_teacher_saw(tmp_path: Path, shared: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the teacher runs with ai-edge-litert, of the extra `train`")
    teacher = shared / "teachers" / "coral_mobilenet_v2_1.0_224_quant.tflite"
    cache(write_tar(tmp_path / "a.tar"), teacher, tmp_path / "cache", 2)
    arrays = {name: np.load(tmp_path / "cache" / f"{name}.npy") for name in ("pixels", *OUTPUTS)}
    assert {name: array.shape[1:] for name, array in arrays.items()} == {"pixels": (112, 112, 3)} | {
        name: shape for name, (_, shape) in OUTPUTS.items()
    }
    assert (arrays["pooled"].std(axis=1) > 0).all()
    assert np.array_equal(arrays["late"][0], arrays["late"][1]), "the two pictures are the same"
    assert not np.array_equal(arrays["late"][0], arrays["late"][2]), "another view"
