"""The recipe of the vision, depth and thermal towers: what is prepared, learnt and put together."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from ...towers.picture import Layout, PictureTower
from ...towers.shape import PictureShape
from ..trainer import Advance, Schedule, fit
from . import research, scenes, views
from .concepts import picture_labels
from .families import FAMILIES
from .layout import SIZE, fit_layout, open_rooms
from .pictures import SHAPES, Lesson, PictureTask, Texts, Views
from .scenes import EMPTY, SEEN

Embed = Callable[[Sequence[str]], np.ndarray]
Report = Callable[[Advance], None]

TEMPLATES = ("{}", "a photo of a {}", "a picture of a {}", "an image of the {}", "a {}")
ROOMS, ROOMS_HELD = 4800, 400
# The last pictures of each class are never learnt from; a tower that is only measured is not shown the new
# classes either (see `learn`).
HELD, FEW, HELD_OF_FEW = 8, 40, 4
NEW_CLASSES = 20
NEW_LARGEST = 110
NO_CLASS = "BACKGROUND_Google"
# Of a batch, what each cache of `research` fills, where there is any: nothing but the teacher names them.
FURTHER_SHARE = 0.1
# From this step on, more of the camera's batches are rooms: what it learns last it knows best.
MORE_ROOMS = 3200
COMMON = Schedule(steps=0, rate=2e-3, warmup=60, clip=5.0, bf16=True)
SCHEDULES = {
    "vision": replace(COMMON, steps=4400, warmup=150, average=0.998, evaluate_every=400),
    "thermal": replace(COMMON, steps=650, average=0.99, evaluate_every=215),
    "depth": replace(COMMON, steps=400, average=0.99, evaluate_every=200),
}
# The first steps of each see smaller pictures.
SMALL_STEPS = {"vision": 3000, "thermal": 350, "depth": 200}
# Of the squared length of a row; the rest is its meaning's. A held-out picture is found best by a cut
# thermal-like rendering of it when both have 0.6 to 0.7; a camera's rows keep more of their meaning.
LAYOUT_SHARES = {"vision": 0.5, "thermal": 0.7, "depth": 0.6}


class Pictures(NamedTuple):
    """The tar's labels in the order of the anchors, the new ones last, from `first_new` on; and of each
    picture its label (-1: none) and whether it is held out."""

    names: tuple[str, ...]
    first_new: int
    labels: np.ndarray
    held: np.ndarray


def prepare(shared: Path, build: Path) -> None:
    """Cache the views of `shared`'s pictures and of the simulated world below `build`. Takes some minutes."""
    teacher = shared / "teachers" / "coral_mobilenet_v2_1.0_224_quant.tflite"
    views.cache(_tar(shared), teacher, build / "views")
    scenes.cache("train", ROOMS, teacher, build / "rooms")
    scenes.cache("validation", ROOMS_HELD, teacher, build / "rooms_held")


def pictures_in(shared: Path) -> Pictures:
    return pictures_of([picture.label for picture in views.pictures(_tar(shared))])


def pictures_of(labels: list[str], seed: int = 1) -> Pictures:
    """Which pictures are learnt from, of those with these labels, in order."""
    sizes = Counter(label for label in labels if label != NO_CLASS)
    small = sorted(label for label, size in sizes.items() if size <= NEW_LARGEST)
    chance = np.random.default_rng(seed)
    new = set(chance.choice(small, min(NEW_CLASSES, len(small) // 2), replace=False).tolist())
    names = (*sorted(set(sizes) - new), *sorted(new))
    places = {name: place for place, name in enumerate(names)}
    all_labels = np.array([places.get(label, -1) for label in labels], np.int64)
    held = np.zeros(len(labels), bool)
    for place, name in enumerate(names):
        which = np.flatnonzero(all_labels == place)
        held[which[-(HELD if sizes[name] >= FEW else HELD_OF_FEW) :]] = True
    return Pictures(names, len(names) - len(new), all_labels, held)


def texts_of(embed: Embed, shared: Path, names: tuple[str, ...]) -> Texts:
    """Anchors by `embed` (texts to unit rows) of all templates; the world's labels come last."""
    said = [name.replace("_", " ").lower() for name in names]
    turns = range(len(TEMPLATES))
    said_of_rooms = [scenes.phrases(name) for name in (*SEEN, EMPTY)]
    rooms = [[phrases[i % len(phrases)] for phrases in said_of_rooms] for i in turns]
    return Texts(
        _anchors(embed, picture_labels(shared)),
        _anchors(embed, list(FAMILIES)),
        np.concatenate([_anchors(embed, said), np.stack([embed(row) for row in rooms])], axis=1),
    )


def _anchors(embed: Embed, names: list[str]) -> np.ndarray:
    return np.stack([embed([template.format(name) for name in names]) for template in TEMPLATES])


def task_of(
    modality: str, build: Path, pictures: Pictures, texts: Texts, *, new_too: bool = True
) -> PictureTask:
    """What a tower learns from the caches below `build`; without `new_too`, not of the new classes."""
    folders = [build / "views", build / "rooms", build / "rooms_held"]
    more = research.caches(build)
    of_view, turn = np.load(folders[0] / "rows.npy").T
    wanted = [np.load(folder / "wanted.npy") for folder in folders[1:]]
    unnamed = [np.full(len(np.load(folder / "rows.npy")), -1) for folder in more]
    count = len(pictures.names)
    shown = [count + scenes.shown("camera" if modality == "vision" else modality, one) for one in wanted]
    labels = [pictures.labels[of_view], *shown, *unnamed]
    opened = Views(modality, folders + more, np.concatenate(labels))
    held, new = pictures.held[of_view], pictures.labels[of_view] >= pictures.first_new
    _, rooms, rooms_held, *further = np.split(
        np.arange(len(opened.labels)), np.cumsum([*map(len, labels)])[:-1]
    )
    every, of_rooms = slice(0, count), slice(count, count + len(SEEN) + 1)
    named = (
        (np.flatnonzero(~held), every)
        if new_too
        else (np.flatnonzero(~held & ~new), slice(0, pictures.first_new))
    )
    known = named, (rooms, of_rooms)
    until = SCHEDULES[modality].steps
    lessons = {
        "vision": (_lesson(MORE_ROOMS, 0.15, *known, further), _lesson(until, 0.25, *known, further)),
        "thermal": (_lesson(until, 0.4, *known, further),),
        "depth": (Lesson(until, ((rooms, 1.0, of_rooms),)),),
    }[modality]
    measured = {"rooms": (rooms_held, of_rooms)}
    if modality != "depth":
        measured["held"] = np.flatnonzero((turn == 0) & held), every
    if not new_too:
        measured["new"] = np.flatnonzero((turn == 0) & new), slice(pictures.first_new, count)
    return PictureTask(opened, lessons, texts, measured, SMALL_STEPS[modality], SHAPES[modality])


def _lesson(
    until: int,
    share: float,
    known: tuple[np.ndarray, slice],
    rooms: tuple[np.ndarray, slice],
    further: Sequence[np.ndarray],
) -> Lesson:
    """Pictures, a `share` of rooms, and of each of `further` rows, which no label tells apart, its own."""
    others = tuple((rows, FURTHER_SHARE, slice(0, 0)) for rows in further)
    named = 1 - share - FURTHER_SHARE * len(others)
    return Lesson(until, ((known[0], named, known[1]), (rooms[0], share, rooms[1]), *others))


def learn(
    modality: str,
    build: Path,
    pictures: Pictures,
    texts: Texts,
    report: Report,
    folder: Path,
    *,
    new_too: bool = True,
) -> PictureTask:
    """Train a tower, with checkpoints in `folder`. Takes an hour for vision. Without `new_too` it is never
    shown the new classes: what it makes of them can be measured."""
    task = task_of(modality, build, pictures, texts, new_too=new_too)
    fit(task, SCHEDULES[modality], folder / f"run-{modality}", report)
    return task


def fitted_layout(build: Path) -> Layout:
    """The one layout of the three towers, from the caches below `build`."""
    return fit_layout(np.load(build / "views" / "pixels.npy", mmap_mode="r"), open_rooms(build / "rooms"))


def whole_shape(modality: str, size: int = SIZE) -> PictureShape:
    """Of the tower with its layout of `size` numbers."""
    return replace(SHAPES[modality], layout=size, layout_share=LAYOUT_SHARES[modality])


def whole(modality: str, tower: PictureTower, layout: Layout) -> PictureTower:
    """The tower with its layout, whose rows are (n, meaning + size)."""
    both = PictureTower(whole_shape(modality, layout.project.out_features))
    both.load_state_dict(tower.state_dict() | {f"layout.{k}": v for k, v in layout.state_dict().items()})
    return both.eval()


def _tar(shared: Path) -> Path:
    return shared / "data" / "caltech101" / "train.tar"
