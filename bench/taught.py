"""Is a class taught by 1, 2, 4 or 8 examples found better than by its name? Average precision, held out.

python bench/taught.py SHARED [--model mini] [--on pictures sounds activities] [--words 0.5]

Every class is a standing query, made of its name alone, or of examples and its name as `sixsense teach` makes
it, and ranks everything that is held out. Means over classes and over ten draws of examples; intervals of
95 % are of the difference to the name, by resampling classes.

pictures: 40 classes of Tiny-ImageNet, which no tower has learnt from; half of each is for examples.
sounds, activities: ESC-10's fourth fold, people 16 to 18 of the activity set; examples are from the others.
The shipped towers learnt from them: give `--model BUILD/held-out/mini.safetensors` of `bench/mini.py`.
"""

import argparse
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from sixsense.encoders.bind.recipes import motion, sound
from sixsense.encoders.card import ModelCard
from sixsense.encoders.encode import Encoder
from sixsense.encoders.model import load_model
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.query import Query
from sixsense.fusion.space import centre
from sixsense.launch.asking import WORDS

COUNTS, DRAWS, RESAMPLES = (1, 2, 4, 8), 10, 2000
FOLD, PEOPLE = 4, (16, 17, 18)


class Side(NamedTuple):
    """Unit rows of one modality, float32 (n, dim), and the class of each."""

    rows: np.ndarray
    classes: np.ndarray


class Held(NamedTuple):
    """Classes by their names, what examples are drawn from, and what is ranked."""

    modality: str
    names: list[str]
    examples: Side
    ranked: Side


def average_precision(scores: np.ndarray, right: np.ndarray) -> float:
    """Of float (n,) scores; at least one is right."""
    hits = right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def tiny_pictures(shared: Path, encoder: Encoder) -> Iterator[tuple[str, Held]]:
    """Every fifth class."""
    folder = shared / "data" / "tiny_imagenet"
    words = dict(line.split("\t", 1) for line in (folder / "words.txt").read_text().splitlines())
    rows: dict[str, list[np.ndarray]] = {}
    with tarfile.open(folder / "train_30_per_class.tar") as tar:
        members = [member for member in tar if member.isfile()]
        wanted = sorted({member.name.split("/")[-2] for member in members})[::5]
        for member in members:
            name, file = member.name.split("/")[-2], tar.extractfile(member)
            if name in wanted and file is not None:
                bgr = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
                rgb = np.ascontiguousarray(bgr[:, :, ::-1])
                rows.setdefault(name, []).append(encoder.model.embed_image([rgb])[0])
    names = [words[name].split(",")[0] for name in wanted]
    halves = [(rows[name][::2], rows[name][1::2]) for name in wanted]
    yield (
        "Tiny-ImageNet",
        Held("vision", names, _side(one for one, _ in halves), _side(two for _, two in halves)),
    )


def esc_sounds(shared: Path, encoder: Encoder) -> Iterator[tuple[str, Held]]:
    clips = sound.recorded(shared)
    names = sorted({name for name, _, _ in clips})
    sides: list[Side] = []
    for held in (False, True):
        those = [[wave for name, fold, wave in clips if name == n and (fold == FOLD) == held] for n in names]
        sides.append(_side([encoder.model.embed_audio([(w, 16_000)])[0] for w in some] for some in those))
    yield "ESC-10", Held("audio", [name.replace("_", " ") for name in names], *sides)


def activities(shared: Path, encoder: Encoder) -> Iterator[tuple[str, Held]]:
    """Windows of a second of which one class is most, two seconds apart."""
    names = list(motion.phrases())
    found: dict[bool, list[tuple[np.ndarray, int]]] = {False: [], True: []}
    stamps = np.arange(motion.INSTANTS) * 10_000_000
    for rows, classes, person in motion.activities(shared):
        for start in range(0, len(rows) - motion.INSTANTS, 2 * motion.INSTANTS):
            inside = np.bincount(classes[start : start + motion.INSTANTS], minlength=len(names))
            if inside.max() >= motion.MAJORITY * motion.INSTANTS:
                window = rows[start : start + motion.INSTANTS]
                row = encoder.model.embed_imu([window], [stamps])[0]
                found[person in PEOPLE].append((row, int(inside.argmax())))
    present = sorted({one for _, one in found[True]})
    sides = [
        _side([row for row, one in found[held] if one == name] for name in present) for held in (False, True)
    ]
    yield "activities", Held("imu", [names[one].replace("_", " ") for one in present], *sides)


def _side(by_class: Iterator[Sequence[np.ndarray]]) -> Side:
    parts = list(by_class)
    classes = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return Side(np.stack([row for part in parts for row in part]), classes)


def precisions(held: Held, encoder: Encoder, count: int, words: float) -> np.ndarray:
    """Of each class that has so many examples, float (classes, draws): 0 examples are the name alone."""
    card, rng = encoder.model.card, np.random.default_rng(count)
    ranked = np.stack([centre(row, card.means.get(held.modality)) for row in held.ranked.rows])
    texts = encoder.model.embed_text(held.names)
    found: list[list[float]] = []
    for number, text in enumerate(texts):
        those = np.flatnonzero(held.examples.classes == number)
        if len(those) < max(COUNTS):
            continue
        draws = range(DRAWS if count else 1)
        chosen = [rng.choice(those, count, replace=False) for _ in draws]
        vectors = [_query(held, card, text, held.examples.rows[some], words) for some in chosen]
        right = held.ranked.classes == number
        found.append([average_precision(ranked @ vector, right) for vector in vectors])
    return np.array(found)


def _query(held: Held, card: ModelCard, text: np.ndarray, shown: np.ndarray, words: float) -> np.ndarray:
    share = words if len(shown) else 1.0
    parts = [Part((1 - share) / len(shown), held.modality, row) for row in shown]
    return compose(Query(name="taught"), [*parts, Part(share, "text", text)], card).vector


def report(what: str, held: Held, encoder: Encoder, words: float) -> None:
    name = precisions(held, encoder, 0, words)
    if not len(name):
        print(f"{what}: no class has {max(COUNTS)} examples")
        return
    print(f"{what}, {len(name)} classes, {len(held.ranked.rows)} held out: by name {name.mean():.3f}")
    for count in COUNTS:
        taught = precisions(held, encoder, count, words)
        better = taught.mean(axis=1) - name[:, 0]
        drawn = np.random.default_rng(0).choice(better, (RESAMPLES, len(better))).mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        print(
            f"  {count} examples {taught.mean():.3f}, {better.mean():+.3f} [{low:+.3f}, {high:+.3f}]",
            flush=True,
        )


SETS: dict[str, Callable[[Path, Encoder], Iterator[tuple[str, Held]]]] = {
    "pictures": tiny_pictures,
    "sounds": esc_sounds,
    "activities": activities,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--on", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--words", type=float, nargs="+", default=[WORDS])
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    encoder = Encoder(load_model(given.model, device="cpu"))
    for name in given.on:
        for what, held in SETS[name](given.shared, encoder):
            for words in given.words:
                report(f"{what}, words {words:g}", held, encoder, words)


if __name__ == "__main__":
    main()
