"""More to learn from: what is prepared of it, what is held out, and that nothing of it is used unasked."""

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from sixsense.encoders.bind import mini
from sixsense.encoders.bind.recipes import research, views
from sixsense.encoders.errors import ModelError


class Teacher:
    """Sees nothing in any picture."""

    scales = dict.fromkeys(views.OUTPUTS, (0.1, 0))

    def __init__(self, _: Path) -> None: ...

    def __call__(self, rgb: np.ndarray) -> dict[str, np.ndarray]:
        assert rgb.shape == (224, 224, 3)
        return {name: np.zeros(shape, np.uint8) for name, (_, shape) in views.OUTPUTS.items()}


def write_pictures(shared: Path, pairs: int) -> None:
    data = shared / "data"
    (data / "tiny_imagenet").mkdir(parents=True)
    jpeg = cv2.imencode(".jpg", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
    with tarfile.open(data / "tiny_imagenet" / "train.tar", "w") as tar:
        for number in range(3):
            info = tarfile.TarInfo(f"n01/n01_{number}.JPEG")
            info.size = len(jpeg)
            tar.addfile(info, io.BytesIO(jpeg))
    for kind in ("visible", "thermal"):
        (data / "roadscene" / kind).mkdir(parents=True)
        for number in range(pairs):
            picture = np.full((60, 80, 3), 10 * number, np.uint8)
            cv2.imwrite(str(data / "roadscene" / kind / f"{number:03}.jpg"), picture)


def test_pictures_are_cached_and_the_drives_end_is_held_out(tmp_path, monkeypatch):
    monkeypatch.setattr(views, "Teacher", Teacher)
    monkeypatch.setattr(research, "ROADS_HELD_OUT", 3)
    write_pictures(tmp_path, 5)
    build = tmp_path / "build"
    assert research.caches(build) == []
    research.prepare_pictures(tmp_path, build)
    assert research.caches(build) == [build / "things", build / "roads"]
    assert research.data_of(build) == ("tiny_imagenet", "roadscene")
    assert len(np.load(build / "things" / "pixels.npy")) == 3 * research.VIEWS_A_PICTURE
    warm = np.load(build / "roads" / "thermal.npy")
    assert warm.shape == (2, 112, 112)
    np.testing.assert_allclose(warm[1], 10 / 255, atol=1e-2)
    assert (np.load(build / "roads" / "pixels.npy")[1] == 10).all()


def test_missing_pictures_are_said(tmp_path):
    with pytest.raises(ModelError, match=r"tiny_imagenet: holds no \.tar"):
        research.prepare_pictures(tmp_path, tmp_path)


def test_captions_stand_behind_the_sentences_once_even_after_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr(research, "Anchors", lambda _: lambda texts: np.full((len(texts), 2), 7, np.float32))
    monkeypatch.setattr(research, "concepts", lambda _: [])
    (tmp_path / "data" / "flickr8k_captions").mkdir(parents=True)
    lines = 'image,caption\na.jpg,"A dog , barking ."\na.jpg,A cat .\nb.jpg,a cat\nb.jpg, .\n'
    (tmp_path / "data" / "flickr8k_captions" / "captions.txt").write_text(lines)
    (tmp_path / "sentences.txt").write_text("one\ntwo")
    # Its rows were written, the texts were not: that is where it was killed.
    np.save(tmp_path / "sentences.npy", np.array([[1, 1], [2, 2], [7, 7], [7, 7]], np.float16))
    research.add_captions(tmp_path, tmp_path)
    assert (tmp_path / "sentences.txt").read_text().split("\n") == ["one", "two", "a dog , barking", "a cat"]
    assert np.load(tmp_path / "sentences.npy").tolist() == [[1, 1], [2, 2], [7, 7], [7, 7]]
    assert research.data_of(tmp_path) == ("flickr8k_captions",)


def test_only_who_asks_for_it_trains_on_it(tmp_path, monkeypatch):
    ran: list[str] = []
    stages = {
        name: stage._replace(run=lambda *_, name=name: ran.append(name), result=f"{name}.done")
        for name, stage in mini.STAGES.items()
    }
    monkeypatch.setattr(mini, "STAGES", stages)
    mini.main([str(tmp_path), str(tmp_path / "a")])
    further = [name for name, stage in stages.items() if stage.research]
    assert ran == [name for name in stages if name not in further]
    ran.clear()
    mini.main([str(tmp_path), str(tmp_path / "b"), "--research"])
    assert ran == list(stages)
    assert ran.index("captions") < ran.index("text")
    assert ran.index("further-pictures") < ran.index("vision")
