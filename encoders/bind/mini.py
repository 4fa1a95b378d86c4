"""`make mini`: train the shipped model tower by tower and put them together.

python -m sixsense.encoders.bind.mini SHARED BUILD [STAGE ...]

SHARED holds the data sets and the teachers, BUILD what is computed: a stage whose result lies there is not
run again, and one that was killed goes on where it was.
"""

import argparse
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from .anchors import Anchors
from .recipes import motion, sight, sound, text
from .recipes.concepts import concepts, sound_labels
from .recipes.vectors import TextVectors, both
from .trainer import Advance, fit


class Stage(NamedTuple):
    """What is run, and the file in BUILD that says that it is done."""

    run: Callable[[Path, Path], None]
    result: str


@cache
def _anchors(shared: Path) -> Anchors:
    return Anchors(concepts(shared))


def _texts(number: int) -> Callable[[Path, Path], None]:
    return lambda shared, build: text.prepare(shared, build, text.PHASES[number])


def _text(_: Path, build: Path) -> None:
    """Phase after phase, each going on from where the one before came to."""
    state: dict[str, Tensor] | None = None
    for number, phase in enumerate(text.PHASES, 1):
        task = text.TextTask(build, text.PHASES[:number], state)
        fit(task, phase.schedule, build / f"run-text-{phase.name}", _report)
        state = task.module.state_dict()
    save_file({key: value.contiguous() for key, value in (state or {}).items()}, build / "text.safetensors")


def _sound(shared: Path, build: Path) -> None:
    anchors = _anchors(shared)
    texts = both(sound.phrases(), anchors, TextVectors(build))
    task = sound.SoundTask(build, texts, anchors(sound_labels(shared)))
    fit(task, sound.SCHEDULE, build / "run-audio", _report)
    save_tower(task.tower, build / "audio.safetensors")


def _motion(shared: Path, build: Path) -> None:
    texts = both(motion.phrases(), _anchors(shared), TextVectors(build))
    task = motion.MotionTask(build, texts)
    fit(task, motion.SCHEDULE, build / "run-imu", _report)
    save_tower(task.tower, build / "imu.safetensors")


def _pictures(stage: str) -> Callable[[Path, Path], None]:
    """The tower that a stage of `sight.SCHEDULES` trains, with its layout."""

    def run(shared: Path, build: Path) -> None:
        pictures = sight.pictures_in(shared)
        texts = sight.texts_of((_anchors(shared), TextVectors(build)), shared, pictures.names)
        task = sight.learn(stage, build, pictures, texts, _report)
        modality = stage.split()[0]
        whole = sight.whole(modality, task.module.tower, sight.fitted_layout(build))
        save_tower(whole, build / f"{modality}.safetensors")

    return run


STAGES = {
    "words": Stage(_texts(0), "words.txt"),
    "sentences": Stage(_texts(1), "sentences.txt"),
    "text": Stage(_text, "text.safetensors"),
    "sounds": Stage(sound.prepare, "sounds.npz"),
    "audio": Stage(_sound, "audio.safetensors"),
    "motions": Stage(motion.prepare, "motions.npz"),
    "imu": Stage(_motion, "imu.safetensors"),
    "views": Stage(sight.prepare, "rooms_held/scales.npy"),
    "vision": Stage(_pictures("vision again"), "vision.safetensors"),
    "thermal": Stage(_pictures("thermal"), "thermal.safetensors"),
    "depth": Stage(_pictures("depth"), "depth.safetensors"),
}


def save_tower(module: nn.Module, path: Path) -> None:
    """A tower's state in a file of its own, float32."""
    save_file({key: value.contiguous() for key, value in module.state_dict().items()}, path)


def _report(advance: Advance) -> None:
    figures = "  ".join(f"{name} {value:.3f}" for name, value in advance.figures.items())
    left = f"{advance.left_s / 60:.1f} min left"
    print(f"{advance.step}/{advance.steps}  loss {advance.loss:.4f}  {left}  {figures}", flush=True)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m sixsense.encoders.bind.mini", description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("build", type=Path)
    parser.add_argument(
        "stages", nargs="*", choices=[[], *STAGES], help=f"of {', '.join(STAGES)}; all of them"
    )
    given = parser.parse_args(arguments)
    given.build.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name in given.stages or STAGES:
        stage = STAGES[name]
        if (given.build / stage.result).is_file():
            print(f"{name}: {given.build / stage.result} is there")
        else:
            print(f"{name} ...", flush=True)
            stage.run(given.shared, given.build)


if __name__ == "__main__":
    main(sys.argv[1:])
