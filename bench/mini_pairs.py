"""What of the shipped model's senses finds what: sounds and pictures, thermal or depth and colour, texts."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from mini_real import caltech, heard, paraphrases, seen
from mini_rows import Given, Row, hits, texts_of
from sixsense.encoders.bind.anchors import Anchors
from sixsense.encoders.bind.recipes import motion, sound
from sixsense.encoders.bind.recipes.concepts import concepts
from sixsense.encoders.data.given import Kind
from sixsense.encoders.evaluate.intervals import share
from sixsense.encoders.evaluate.scores import chance, ranks

# Kinds of things that ESC-10 has as sounds and Caltech-101 as pictures. That a clock and a watch tick alike
# is the loosest of them.
SHARED = {
    "dog": ("dog_bark", "dalmatian"),
    "rooster": ("rooster", "rooster"),
    "helicopter": ("helicopter", "helicopter"),
    "clock": ("clock_tick", "watch"),
}
# Of the drive's last pairs, with so much of the thermal picture's sides cut off, at random.
PAIRS, CUT, SEED = 71, (0.10, 0.25), 0
RECALLS = (1, 5)
PHRASES = {"sounds": sound.phrases, "activities": motion.phrases}


def concepts_heard_and_seen(given: Given) -> Iterator[Row]:
    """Held-out sounds find held-out pictures of the same kind first, and the other way round."""
    found = heard(given)
    kinds = {said: kind for kind, (said, _) in SHARED.items()}
    heard_rows = [row for row, name in enumerate(found.classes) if name in kinds]
    heard_kinds = [kinds[found.classes[row]] for row in heard_rows]
    pictures, known = caltech(given.shared)
    kinds = {shown: kind for kind, (_, shown) in SHARED.items()}
    seen_rows = [row for row in np.flatnonzero(known.held) if pictures[row].label in kinds]
    seen_kinds = [kinds[pictures[row].label] for row in seen_rows]
    similarity = found.vectors[heard_rows] @ seen(given.held_out, [pictures[row].jpeg for row in seen_rows]).T
    named = ", ".join(SHARED)
    for what, cosines, asked, there in (
        ("sound to picture", similarity, heard_kinds, seen_kinds),
        ("picture to sound", similarity.T, seen_kinds, heard_kinds),
    ):
        yield same_kind("real", f"{what} P@1 over {named}", cosines, asked, there, "0.9")


def same_kind(
    kind: Kind, what: str, cosines: np.ndarray, asked: Sequence[str], there: Sequence[str], goal: str = ""
) -> Row:
    """Whether the nearest is of the same kind, over all and by kind."""
    relevant = np.array(asked)[:, None] == np.array(there)
    right = ranks(cosines, relevant) == 0
    by_kind = ", ".join(
        f"{name} {right[np.array(asked) == name].mean():.2f}" for name in dict.fromkeys(asked)
    )
    return Row(kind, what, share(right), goal, f"{by_kind}; chance {chance(relevant, 1):.2f}")


def road(given: Given) -> Iterator[Row]:
    """A cut thermal picture among the colour pictures of the same drive."""
    random = np.random.default_rng(SEED)
    folder = given.shared / "data" / "roadscene"
    names = [path.name for path in sorted((folder / "visible").iterdir())[-PAIRS:]]
    colour = given.model.embed_image([_rgb(folder / "visible" / name) for name in names])
    cut = [_cut(_read(folder / "thermal" / name, cv2.IMREAD_GRAYSCALE), random) for name in names]
    for how, pictures in (("", cut), (", mirrored", [np.ascontiguousarray(one[:, ::-1]) for one in cut])):
        right = ranks(given.model.embed_thermal(pictures) @ colour.T, np.eye(PAIRS, dtype=bool)) == 0
        what = f"RoadScene, {PAIRS} pairs, thermal to RGB R@1, 10-25 % cut off{how} (evaluation only)"
        yield Row("real", what, share(right), "" if how else "0.40")


def kitchen(given: Given) -> Iterator[Row]:
    """A depth picture among the colour pictures of one walk through a kitchen."""
    paths = sorted((given.shared / "data" / "seven_scenes_kitchen").glob("*.color.jpg"))
    colour = given.model.embed_image([_rgb(path) for path in paths])
    beside = [path.with_name(path.name.replace("color.jpg", "depth.png")) for path in paths]
    depth = given.model.embed_depth([_read(path, cv2.IMREAD_UNCHANGED) for path in beside])
    found = ranks(depth @ colour.T, np.eye(len(paths), dtype=bool))
    for k in RECALLS:
        what = f"7-Scenes kitchen, depth to image R@{k} of {len(paths)} (evaluation only)"
        yield Row("real", what, share(found < k), "", f"chance {k / len(paths):.2f}")


def said_otherwise(given: Given) -> Iterator[Row]:
    """A paraphrase among the classes' central texts, by the text tower and by its teacher."""
    teacher = Anchors(concepts(given.shared))
    for kind, phrases in PHRASES.items():
        asked = paraphrases()[kind]
        names, texts = list(asked), [text for said in asked.values() for text in said]
        classes = [name for name, said in asked.items() for _ in said]
        central = {name: phrases()[name] for name in names}
        ours = hits(given.model.embed_text(texts), classes, texts_of(given.model, central), names)
        theirs = hits(teacher(texts), classes, _centres(teacher, central), names)
        what = f"texts: a paraphrase among {len(names)} {kind}"
        yield Row("real", what, share(ours), "", f"the teacher itself {theirs.mean():.2f}")


def _centres(teacher: Anchors, texts: Mapping[str, Sequence[str]]) -> np.ndarray:
    return np.stack([teacher(said).mean(axis=0) for said in texts.values()])


def _rgb(path: Path) -> np.ndarray:
    return np.ascontiguousarray(_read(path, cv2.IMREAD_COLOR)[:, :, ::-1])


def _read(path: Path, how: int) -> np.ndarray:
    picture = cv2.imread(str(path), how)
    assert picture is not None, path
    return picture


def _cut(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A part of it at a random place, both sides shorter by the same share."""
    left_over = 1 - random.uniform(*CUT)
    height, width = (round(side * left_over) for side in picture.shape)
    top, left = random.integers(picture.shape[0] - height + 1), random.integers(picture.shape[1] - width + 1)
    return np.ascontiguousarray(picture[top : top + height, left : left + width])
