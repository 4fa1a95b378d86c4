"""The shipped model with sound, motion and vision towers that were trained without what they are measured on.

Trained once, by the recipes of the shipped ones, and kept below the build folder.
"""

from collections.abc import Callable
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sixsense.encoders.bind.anchors import Anchors
from sixsense.encoders.bind.recipes import motion, sight, sound
from sixsense.encoders.bind.recipes.assembly import read_tower, save_tower, stored
from sixsense.encoders.bind.recipes.concepts import concepts, sound_labels
from sixsense.encoders.bind.recipes.vectors import TextVectors, both
from sixsense.encoders.bind.trainer import Advance, fit
from sixsense.encoders.towers.shape import MotionShape, PictureShape, SoundShape

FOLD, PEOPLE = 4, (16, 17, 18)
Report = Callable[[Advance], None]


def held_out_model(whole: Path, shared: Path, build: Path, report: Report) -> Path:
    """The file of the model `whole` with these towers replaced. Training them takes an hour."""
    folder = build / "held-out"
    folder.mkdir(exist_ok=True)
    _learn_sound(shared, build, folder, report)
    _learn_motion(shared, build, folder, report)
    _learn_vision(shared, build, folder, report)
    tensors = load_file(whole)
    for modality, kind in (("audio", SoundShape), ("imu", MotionShape), ("vision", PictureShape)):
        tensors |= stored({modality: read_tower(folder / f"{modality}.safetensors", kind)[0]})
    with safe_open(whole, framework="pt") as file:
        metadata = file.metadata()
    path = folder / "mini.safetensors"
    save_file(tensors, path, metadata=metadata)
    return path


def _learn_sound(shared: Path, build: Path, folder: Path, report: Report) -> None:
    path = folder / "audio.safetensors"
    if path.is_file():
        return
    anchors = Anchors(concepts(shared))
    texts = both(sound.phrases(), anchors, TextVectors(build))
    labels = anchors(sound_labels(shared))
    task = sound.learn(build, texts, labels, report, folder, held_out=FOLD)
    save_tower(task.tower.state_dict(), task.shape, path)


def _learn_motion(shared: Path, build: Path, folder: Path, report: Report) -> None:
    path = folder / "imu.safetensors"
    if path.is_file():
        return
    texts = both(motion.phrases(), Anchors(concepts(shared)), TextVectors(build))
    task = motion.MotionTask(build, texts, held_out=PEOPLE)
    fit(task, motion.SCHEDULE, folder / "run-imu", report)
    save_tower(task.tower.state_dict(), task.shape, path)


def _learn_vision(shared: Path, build: Path, folder: Path, report: Report) -> None:
    path = folder / "vision.safetensors"
    if path.is_file():
        return
    known = sight.pictures_in(shared)
    texts = sight.texts_of(Anchors(concepts(shared)), shared, known.names)
    task = sight.learn("vision", build, known, texts, report, folder, new_too=False)
    tower = sight.whole("vision", task.module.tower, sight.fitted_layout(build))
    save_tower(tower.state_dict(), tower.shape, path)
