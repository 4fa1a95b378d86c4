"""What the shipped model makes of real recordings that none of its towers learnt from."""

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mini_held_out import FOLD, PEOPLE
from mini_rows import Given, Row, by_sets, hits, sets_of, tell, texts_of
from sixsense.encoders.bind.recipes import sight, sound, views
from sixsense.encoders.bind.recipes.texts import paraphrases
from sixsense.encoders.data.given import Data, Wanted
from sixsense.encoders.data.vectors import embed_items
from sixsense.encoders.evaluate.intervals import share
from sixsense.encoders.evaluate.scores import class_shares
from sixsense.encoders.model import Model
from sixsense.launch.recipe import load_templates

# Tiny-ImageNet's dogs, cars and birds, by the beginnings of their names.
ANIMALS = {
    "a dog": ("Chihuahua", "Yorkshire", "German shepherd", "golden retriever", "Labrador", "standard poodle"),
    "a car": ("sports car", "convertible", "beach wagon", "limousine"),
    "a bird": ("goose", "albatross", "black stork", "king penguin"),
}


class Heard(NamedTuple):
    """Vectors float32 (n, dim), their classes and their sources."""

    vectors: np.ndarray
    classes: list[str]
    sources: list[str]


def heard(given: Given) -> Heard:
    """The held-out fold of ESC-10."""
    folder = given.shared / "data" / "esc10"
    return _embedded(given.held_out, f"audio:{folder}", f"{FOLD}/", folds=True)


def felt(given: Given) -> Heard:
    """Windows of the people who were held out; classes as the recipe calls them."""
    found = _embedded(given.held_out, f"imu:{given.shared / 'data' / 'spsw_har'}", _people())
    return found._replace(classes=[name.lower() for name in found.classes])


def _people() -> tuple[str, ...]:
    return tuple(f"s{person:02}" for person in PEOPLE)


def _embedded(model: Model, argument: str, sources: str | tuple[str, ...], *, folds: bool = False) -> Heard:
    modality = argument.partition(":")[0]
    data = Data([argument], Wanted((modality,), model.card.windows, folds, imu=model.card.imu))
    items = (item for item in data.items() if item.source.startswith(sources))
    found = [
        (vector, item.key, item.source) for item, vector in embed_items(model, items, data.left_out, tell)
    ]
    for cause, count in data.left_out.items():
        tell(f"{argument}, all of it: left out {count} {cause}")
    vectors, classes, named = zip(*found, strict=True)
    return Heard(np.stack(vectors), list(classes), list(named))


def sounds(given: Given) -> Iterator[Row]:
    """ESC-10's held-out fold through texts."""
    model, found = given.held_out, heard(given)
    names = {name: (name.replace("_", " "),) for name in sorted(set(found.classes))}
    texts = {
        "class name as text": texts_of(model, names),
        "class name in the prompts of `sixsense eval`": texts_of(model, names, load_templates()["audio"]),
        "central text of the class's phrases": texts_of(
            model, {name: sound.phrases()[name] for name in names}
        ),
    }
    for what, rows in texts.items():
        right = hits(found.vectors, found.classes, rows, list(names))
        goal = "0.93" if what == "class name as text" else ""
        yield Row("real", f"ESC-10, fold {FOLD} held out, {what}", share(right, found.sources), goal)
    several = sets_of(paraphrases()["sounds"])
    whole, spread = by_sets(model, *found, several)
    what = f"ESC-10, {len(several)} sets of paraphrases never trained on"
    yield Row("real", what, whole, "0.85", spread)


def activities(given: Given) -> Iterator[Row]:
    """Windows of people never seen. (Their windows are not independent: the interval is too narrow.)"""
    model, found = given.held_out, felt(given)
    names = {name: (name.replace("_", " "),) for name in sorted(set(found.classes))}
    right = hits(found.vectors, found.classes, texts_of(model, names), list(names))
    by_person = class_shares(right, np.array(found.sources))
    persons = ", ".join(f"{value:.2f}" for value in by_person.values())
    what = f"activities, {len(by_person)} people held out"
    yield Row("real", f"{what}, label as text", share(right), "0.94", f"by person {persons}")
    recalls = class_shares(right, np.array(found.classes))
    worst = min(recalls, key=recalls.__getitem__)
    of_worst = share(right[np.array(found.classes) == worst])
    yield Row("real", f"{what}, least recall ({worst.replace('_', ' ')})", of_worst, "0.78")
    # Each window a source of its own, as above.
    windows = [str(number) for number in range(len(right))]
    whole, spread = by_sets(
        model, found.vectors, found.classes, windows, sets_of(paraphrases()["activities"])
    )
    yield Row("real", f"{what}, paraphrases never trained on", whole, "", spread)


def things(given: Given) -> Iterator[Row]:
    """Caltech-101's pictures that were never learnt from."""
    found, known = caltech(given.shared)
    names = [name.replace("_", " ").lower() for name in known.names]
    rows = np.flatnonzero(known.held)
    vectors = seen(given.model, [found[row].jpeg for row in rows])
    classes = [names[known.labels[row]] for row in rows]
    texts = {name: (name,) for name in names}
    for what, templates in {"by name": ("{}",), "in `eval`'s prompts": load_templates()["vision"]}.items():
        right = hits(vectors, classes, texts_of(given.model, texts, templates), names)
        goal = "0.70" if what == "by name" else ""
        yield Row("real", f"Caltech-101, {len(names)} classes, held-out pictures, {what}", share(right), goal)
    yield _new_things(given, [picture.jpeg for picture in found], known)


def _new_things(given: Given, jpegs: Sequence[bytes], known: sight.Pictures) -> Row:
    """What a vision tower that was never shown the new classes makes of them."""
    names = [name.replace("_", " ").lower() for name in known.names]
    rows = np.flatnonzero(known.labels >= known.first_new)
    vectors = seen(given.held_out, [jpegs[row] for row in rows])
    new = names[known.first_new :]
    texts = texts_of(given.held_out, {name: (name,) for name in new})
    right = hits(vectors, [names[known.labels[row]] for row in rows], texts, new)
    what = f"Caltech-101, {len(new)} classes never shown, among {len(new)}, by name"
    return Row("real", what, share(right), "0.25", f"chance {1 / len(new):.2f}")


def caltech(shared: Path) -> tuple[list[views.Picture], sight.Pictures]:
    found = views.pictures(shared / "data" / "caltech101" / "train.tar")
    return found, sight.pictures_of([picture.label for picture in found])


def seen(model: Model, jpegs: Sequence[bytes]) -> np.ndarray:
    return np.concatenate([model.embed_image([_decoded(jpeg)]) for jpeg in jpegs])


def _decoded(jpeg: bytes) -> np.ndarray:
    import cv2

    return np.ascontiguousarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1])


def animals(given: Given) -> Iterator[Row]:
    """Pictures of 64 pixels that nothing of ours has learnt from: dog, car or bird?"""
    texts = {name: (name,) for name in ANIMALS}
    rows = texts_of(given.model, texts)
    for name, jpegs in _tiny(given.shared / "data" / "tiny_imagenet").items():
        right = hits(seen(given.model, jpegs), [name] * len(jpegs), rows, list(texts))
        yield Row("real", f"Tiny-ImageNet, {name} among the three texts (evaluation only)", share(right))


def _tiny(folder: Path) -> Mapping[str, list[bytes]]:
    words = dict(line.split("\t") for line in (folder / "words.txt").read_text().splitlines())
    kinds = {
        code: kind
        for code, names in words.items()
        for kind, wanted in ANIMALS.items()
        if any(name.strip().startswith(wanted) for name in names.split(","))
    }
    found: dict[str, list[bytes]] = {kind: [] for kind in ANIMALS}
    with tarfile.open(next(folder.glob("*.tar"))) as tar:
        for member in tar:
            code = next((part[:9] for part in member.name.split("/") if part[:9] in kinds), None)
            if member.isfile() and code is not None:
                found[kinds[code]].append(tar.extractfile(member).read())
    return found
