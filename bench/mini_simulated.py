"""What the shipped model makes of simulated worlds that it did not learn from."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import events
import numpy as np
from mini_pairs import same_kind
from mini_rows import Given, Row, hits, share_of, texts_of
from sixsense.encoders.bind.recipes import motion, scenes, sound
from sixsense.encoders.bind.recipes.synthesis import RATE_HZ, SYNTHESISED
from sixsense.encoders.encode import Encoder
from sixsense.encoders.evaluate.intervals import share
from sixsense.encoders.evaluate.scores import class_shares
from sixsense.launch.config import load_config
from sixsense.launch.queries import config_queries
from sixsense.sensors.simulated.excerpt import excerpts
from sixsense.sensors.simulated.kinds import ACTIVITIES, KINDS
from sixsense.sensors.simulated.senses import INFO

SOUNDS, MOTIONS, MOMENTS, VOICES, SEED = 300, 240, 240, 40, 77
# What is both heard and seen, by what the recipes call the sound and the picture.
SHARED = {"alarm": ("alarm", "alarm"), "dog": ("dog_bark", "dog")}
WINDOW_NS = 10_000_000
MINUTES = (*range(9100, 9104), *range(9200, 9208))
CAMERAS = {"vision": "camera", "thermal": "thermal", "depth": "depth"}


def worlds_heard(given: Given) -> Iterator[Row]:
    """Sounds of test worlds through phrases that nothing was trained on."""
    vectors, classes = _sounds(given)
    named = [row for row, name in enumerate(classes) if name != "quiet"]
    texts = {name: KINDS[_kind(name)].unseen for name in sorted({classes[row] for row in named})}
    right = hits(vectors[named], [classes[row] for row in named], texts_of(given.model, texts), list(texts))
    what = f"test worlds, sounds of {len(texts)} kinds through phrases never trained on"
    yield Row("simulated", what, share(right))


def _sounds(given: Given) -> tuple[np.ndarray, list[str]]:
    """The middle two seconds of excerpts, and what happens in them."""
    found = [
        (given.model.embed_audio([(wave[RATE_HZ * 15 // 100 :][: sound.WINDOW], RATE_HZ)])[0], name)
        for name, wave in sound.simulated("test", SOUNDS, seed=SEED)
    ]
    return np.stack([vector for vector, _ in found]), [name for _, name in found]


def _kind(name: str) -> str:
    """What the simulated world calls a class of the recipes."""
    return next((ours for ours, theirs in sound.SIMULATED.items() if theirs == name), name)


def worlds_felt(given: Given) -> Iterator[Row]:
    """Motions of test worlds through phrases that nothing was trained on."""
    stamps = np.arange(motion.INSTANTS) * WINDOW_NS
    named = dict(enumerate(motion.phrases()))
    found = [
        (given.model.embed_imu([rows[: motion.INSTANTS]], [stamps])[0], named[int(kinds[0])])
        for rows, kinds, _ in motion.simulated("test", MOTIONS, seed=SEED)
    ]
    classes = [name for _, name in found]
    theirs = {ours: world for world, ours in motion.SIMULATED.items()}
    texts = {name: (KINDS | ACTIVITIES)[theirs.get(name, name)].unseen for name in sorted(set(classes))}
    vectors = np.stack([vector for vector, _ in found])
    right = hits(vectors, classes, texts_of(given.model, texts), list(texts))
    by_kind = ", ".join(
        f"{name} {value:.2f}" for name, value in class_shares(right, np.array(classes)).items()
    )
    yield Row("simulated", "test worlds, motions through phrases never trained on", share(right), "", by_kind)


def worlds_seen(given: Given) -> Iterator[Row]:
    """Pictures of test worlds through phrases that nothing was trained on; and sounds that find them."""
    vectors, wanted = _pictures(given)
    for modality, stream in CAMERAS.items():
        names = (*scenes.SEEN, scenes.EMPTY)
        classes = [names[place] for place in scenes.shown(stream, wanted)]
        texts = {name: KINDS[name].unseen if name in KINDS else scenes.ROOM for name in sorted(set(classes))}
        right = hits(vectors[modality], classes, texts_of(given.model, texts), list(texts))
        yield Row("simulated", f"test worlds, {stream} through phrases never trained on", share(right))
    yield from _heard_and_seen(given, vectors["vision"], [(*scenes.SEEN, scenes.EMPTY)[i] for i in wanted])


def _heard_and_seen(given: Given, pictures: np.ndarray, shown: Sequence[str]) -> Iterator[Row]:
    vectors, classes = _sounds(given)
    heard = [(vectors[i], kind) for kind, (said, _) in SHARED.items() for i in _places(classes, said)]
    seen = [(pictures[i], kind) for kind, (_, name) in SHARED.items() for i in _places(shown, name)]
    cosines = np.stack([vector for vector, _ in heard]) @ np.stack([vector for vector, _ in seen]).T
    kinds = [kind for _, kind in heard], [kind for _, kind in seen]
    named = ", ".join(SHARED)
    yield same_kind("simulated", f"test worlds, sound to picture P@1 over {named}", cosines, *kinds)
    yield same_kind("simulated", f"test worlds, picture to sound P@1 over {named}", cosines.T, *kinds[::-1])


def _places(names: Sequence[str], name: str) -> np.ndarray:
    return np.flatnonzero(np.array(names) == name)


def _pictures(given: Given) -> tuple[Mapping[str, np.ndarray], np.ndarray]:
    """Vectors of the three cameras at the same moments, and what happens: its place in (*SEEN, EMPTY)."""
    model, info = given.model, INFO["depth"]
    rows: dict[str, list[np.ndarray]] = {modality: [] for modality in CAMERAS}
    wanted: list[int] = []
    asked = (*scenes.SEEN, None)
    found = excerpts("test", scenes.STREAMS, scenes.MOMENT_NS, seed=SEED, wanted=asked)
    for one in islice(found, MOMENTS):
        wanted.append(asked.index(one.wanted))  # type: ignore[arg-type]
        rows["vision"].append(model.embed_image([one.data["camera"]])[0])
        rows["thermal"].append(model.embed_thermal([one.data["thermal"]])[0])
        fx = info.fx * 640 / info.width
        rows["depth"].append(model.embed_depth([one.data["depth"]], fx=fx, baseline=info.baseline)[0])
    return {modality: np.stack(vectors) for modality, vectors in rows.items()}, np.array(wanted)


def synthesised(given: Given) -> Iterator[Row]:
    """Engines and birds, of which there are no recordings at hand: dog, car or bird?"""
    texts = {name: (f"a {name}",) for name in ("dog", "car", "bird")}
    rows = texts_of(given.model, texts)
    for name in ("car", "bird"):
        waves = [
            SYNTHESISED[name](np.random.default_rng([SEED, voice]), sound.WINDOW) for voice in range(VOICES)
        ]
        vectors = given.model.embed_audio([(wave.astype(np.float32), RATE_HZ) for wave in waves])
        right = hits(vectors, [name] * VOICES, rows, list(texts))
        yield Row("simulated", f"synthesised sounds of a {name} among the three texts", share(right))


def demo(given: Given) -> Iterator[Row]:
    """The demo's watches (see `events.py`), with all sensors and without each."""
    encoder = Encoder(given.model)
    asked = events.standing(encoder, config_queries(load_config(str(_demo()))))
    minutes = [events.minute(encoder, "test", seed) for seed in MINUTES]
    what = f"the demo's watches, {len(minutes)} minutes of test worlds"
    for without in ("", *events.STREAMS):
        whole = events.total(list(events.measure(encoder.model.card, asked, minutes, without).values()))
        some = f", without {without}" if without else ""
        goal = "0.80" if without else "0.90"
        precision = share_of(whole.precision, whole.events)
        yield Row("simulated", f"{what}{some}, precision", precision, goal)
        yield Row("simulated", f"{what}{some}, recall", share_of(whole.recall, whole.happenings), goal)


def _demo() -> Path:
    return Path(__file__).parent.parent / "configs" / "demo.toml"
