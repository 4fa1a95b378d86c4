"""`make mini`: train the shipped model tower by tower and put them together.

python -m sixsense.encoders.bind.mini SHARED BUILD [STAGE ...] [--research]

SHARED holds the data sets and the teachers, BUILD what is computed: a stage whose result lies there is not
run again, and one that was killed goes on where it was. Each training leaves its log in BUILD. `--research`
(`make mini-research`) also learns from sets whose terms forbid products.
"""

import argparse
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch

from ..digest import digest_of_files
from ..towers.shape import (
    MotionShape,
    PictureShape,
    Shape,
    SoundShape,
    TextShape,
    TowerShapes,
    TowersShape,
)
from . import minilm
from .anchors import Anchors
from .recipes import motion, pictures, research, sight, sound, text
from .recipes.assembly import assemble, read_tower, save_tower
from .recipes.concepts import concepts, sound_labels
from .recipes.vectors import TextVectors, both
from .trainer import Advance, fit


class Stage(NamedTuple):
    """What is run, and the file in BUILD that says that it is done; whether only research asks for it."""

    run: Callable[[Path, Path], None]
    result: str
    research: bool = False


@cache
def _anchors(shared: Path) -> Anchors:
    return Anchors(concepts(shared))


def _texts(number: int) -> Callable[[Path, Path], None]:
    return lambda shared, build: text.prepare(shared, build, text.CORPORA[number])


def _text(_: Path, build: Path) -> None:
    task = text.TextTask(build)
    fit(task, text.SCHEDULE, build / "run-text", _report(build / "text.log"))
    save_tower(task.module.state_dict(), task.shape, build / "text.safetensors")


def _sound(shared: Path, build: Path) -> None:
    anchors = _anchors(shared)
    texts = both(sound.phrases(), anchors, TextVectors(build))
    labels = anchors(sound_labels(shared))
    task = sound.learn(build, texts, labels, _report(build / "audio.log"), build)
    save_tower(task.tower.state_dict(), task.shape, build / "audio.safetensors")


def _motion(shared: Path, build: Path) -> None:
    task = motion.MotionTask(build, both(motion.phrases(), _anchors(shared), TextVectors(build)))
    fit(task, motion.SCHEDULE, build / "run-imu", _report(build / "imu.log"))
    save_tower(task.tower.state_dict(), task.shape, build / "imu.safetensors")


def _pictures(modality: str) -> Callable[[Path, Path], None]:
    """The tower of a kind of pictures, with its layout."""

    def run(shared: Path, build: Path) -> None:
        known = sight.pictures_in(shared)
        texts = sight.texts_of(_anchors(shared), shared, known.names)
        task = sight.learn(modality, build, known, texts, _report(build / f"{modality}.log"), build)
        tower = sight.whole(modality, task.module.tower, sight.fitted_layout(build))
        save_tower(tower.state_dict(), tower.shape, build / f"{modality}.safetensors")

    return run


def _assemble(shared: Path, build: Path) -> None:
    towers = {name: read_tower(build / f"{name}.safetensors", kind) for name, kind in KINDS.items()}
    merges = json.loads((build / "merges.json").read_text())
    shapes = msgspec.convert({name: shape for name, (_, shape) in towers.items()}, TowerShapes)
    widest = max(shape.meaning + getattr(shape, "layout", 0) for _, shape in towers.values())
    shape = TowersShape(dim=widest, towers=shapes, merges=tuple(merges))
    states = {name: state for name, (state, _) in towers.items()}
    assemble(states, shape, origin(shared, build), build / "mini.safetensors")


def origin(shared: Path, build: Path) -> dict[str, Any]:
    """What the model was made from and how: what its file keeps of that."""
    return {
        "command": "python -m sixsense.encoders.bind.mini SHARED BUILD",
        "data": {name: digest_of_files(shared / "data" / name) for name in (*DATA, *research.data_of(build))},
        "teachers": {
            **{name: digest_of_files(shared / "teachers" / name) for name in TEACHERS},
            minilm.PACKAGE: digest_of_files(minilm.folder()),
        },
        "seeds": {"text": text.SEED, "audio": sound.SEED, "imu": motion.SEED, "pictures": pictures.SEED},
    }


KINDS: dict[str, type[Shape]] = {
    "vision": PictureShape,
    "text": TextShape,
    "audio": SoundShape,
    "depth": PictureShape,
    "thermal": PictureShape,
    "imu": MotionShape,
}
# All that the shipped weights were trained on, besides simulated worlds and texts of our own.
DATA = ("esc10", "spsw_har", "caltech101")
TEACHERS = ("coral_mobilenet_v2_1.0_224_quant.tflite", "yamnet_audio_classifier_with_metadata.tflite")
STAGES = {
    "words": Stage(_texts(0), "words.txt"),
    "sentences": Stage(_texts(1), "sentences.txt"),
    "captions": Stage(research.add_captions, research.CAPTIONS, research=True),
    "text": Stage(_text, "text.safetensors"),
    "sounds": Stage(sound.prepare, "sounds.npz"),
    "audio": Stage(_sound, "audio.safetensors"),
    "motions": Stage(motion.prepare, "motions.npz"),
    "imu": Stage(_motion, "imu.safetensors"),
    "views": Stage(sight.prepare, "rooms_held/wanted.npy"),
    "further-pictures": Stage(research.prepare_pictures, f"{research.ROADS}/rows.npy", research=True),
    "vision": Stage(_pictures("vision"), "vision.safetensors"),
    "thermal": Stage(_pictures("thermal"), "thermal.safetensors"),
    "depth": Stage(_pictures("depth"), "depth.safetensors"),
    "assemble": Stage(_assemble, "mini.safetensors"),
}


def _report(log: Path) -> Callable[[Advance], None]:
    """Tells of every advance, and adds it to `log`."""

    def tell(advance: Advance) -> None:
        figures = "  ".join(f"{name} {value:.3f}" for name, value in advance.figures.items())
        left = f"{advance.left_s / 60:.1f} min left"
        said = f"{advance.step}/{advance.steps}  loss {advance.loss:.4f}  {left}  {figures}"
        print(f"{log.stem}  {said}", flush=True)
        with log.open("a") as file:
            print(said, file=file)

    return tell


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m sixsense.encoders.bind.mini", description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("build", type=Path)
    parser.add_argument(
        "stages", nargs="*", choices=[[], *STAGES], help=f"of {', '.join(STAGES)}; all of them"
    )
    parser.add_argument("--research", action="store_true", help="learn from more than what ships may")
    given = parser.parse_intermixed_args(arguments)
    given.build.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    usual = [name for name, stage in STAGES.items() if given.research or not stage.research]
    for name in given.stages or usual:
        stage = STAGES[name]
        if (given.build / stage.result).is_file():
            print(f"{name}: {given.build / stage.result} is there")
        else:
            print(f"{name} ...", flush=True)
            stage.run(given.shared, given.build)


if __name__ == "__main__":
    main(sys.argv[1:])
