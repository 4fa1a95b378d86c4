"""Minutes of simulated worlds as fusion gets them, and what is asked of them, to measure scores with."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..encoders.bind.recipes import motion, sound
from ..encoders.bind.recipes.background import LENGTH_NS, START_NS, STREAMS, sensed
from ..encoders.bind.recipes.texts import words
from ..encoders.card import ModelCard
from ..encoders.embedding import Embedding
from ..encoders.encode import Encoder
from ..sensors.sample import NS
from ..sensors.simulated.kinds import ACTIVITIES, KINDS, PICTURES
from ..sensors.simulated.robot import SimulatedRobot
from ..sensors.simulated.script import Happening
from ..sensors.simulated.split import Split
from .combine import combine
from .compose import Part, compose
from .fused import Fused
from .query import Query, Standing
from .rule import InputRule
from .score import FUSED
from .tick import Tick

HOP_NS = NS // 4
LIMIT_NS = NS
ABOUT = 0.5
"""A text this close to a phrase for something that happens is about it: finding it is no false alarm."""
EXAMPLES = 4
"""Of each modality and minute."""
MARGIN_NS = NS
"""An event may still be that of a happening so long after it."""


class Minute(NamedTuple):
    """What happens in a minute of one robot, and all that fusion knows at each of its ticks."""

    happenings: list[Happening]
    ticks: list[tuple[Tick, Fused]]


class Asked(NamedTuple):
    """A query, what happenings it is about, and the minute that it is an example of (texts: -1)."""

    standing: Standing
    about: frozenset[str]
    minute: int = -1


def minute(encoder: Encoder, split: Split, seed: int) -> Minute:
    """A minute of the robot `seed`, with all of its sensors that the model knows."""
    card = encoder.model.card
    known = [modality for modality in STREAMS if modality in card.modalities]
    robot = SimulatedRobot(seed, start_ns=START_NS, seconds=LENGTH_NS / NS, streams=(), split=split)
    vectors = {modality: list(sensed(encoder, modality, split, seed)) for modality in known}
    return Minute(robot.happenings(START_NS, START_NS + LENGTH_NS), ticks_of(vectors, card))


def ticks_of(vectors: Mapping[str, Sequence[Embedding]], card: ModelCard) -> list[tuple[Tick, Fused]]:
    """The ticks of a minute whose windows' ends lie on them, by modality."""
    rules = {modality: InputRule(modality=modality, limit_ns=LIMIT_NS) for modality in vectors}
    at = {modality: {one.end_ns: one for one in ordered} for modality, ordered in vectors.items()}
    found: list[tuple[Tick, Fused]] = []
    for seq, stamp_ns in enumerate(range(START_NS + HOP_NS, START_NS + LENGTH_NS + 1, HOP_NS)):
        newest = {modality: ends[stamp_ns] for modality, ends in at.items() if stamp_ns in ends}
        tick = Tick(stamp_ns, "complete", newest)
        found.append((tick, combine(tick, rules, card, epoch=0, seq=seq)))
    return found


def texts_of() -> dict[str, set[str]]:
    """Texts, and the modalities that people would ask for them: what happens, and what does not.

    What the recipes name for a sense resembles its background more than other texts do: asked for by those, a
    rate holds for others too.
    """
    found: dict[str, set[str]] = {}
    lists = words()
    things = [name for kind in ("people", "animals", "machines", "things") for name in lists[kind]]
    given: list[tuple[Sequence[str], Collection[str]]] = [
        *((kind.phrases, kind.modalities) for kind in KINDS.values()),
        *((names[::4], ("audio",)) for names in sound.phrases().values()),
        *((names[::2], ("imu",)) for names in motion.phrases().values()),
        (things[::4], PICTURES),
    ]
    for texts, modalities in given:
        for text in texts:
            found.setdefault(text, set()).update(modalities)
    return found


def texts_asked(encoder: Encoder) -> list[Asked]:
    """A query for each of the texts; none for what the robot does all the time."""
    phrases = {name: kind.phrases for name, kind in (KINDS | ACTIVITIES).items()}
    given = texts_of()
    rows, card = encoder.model.embed_text(list(given)), encoder.model.card
    close = {
        name: (rows @ encoder.model.embed_text(list(those)).T).max(axis=1) for name, those in phrases.items()
    }
    asked: list[Asked] = []
    for index, (row, (text, modalities)) in enumerate(zip(rows, given.items(), strict=True)):
        about = {name for name, those in phrases.items() if text in those or close[name][index] >= ABOUT}
        if not about & ACTIVITIES.keys():
            query = Query(name=text, modalities=(*sorted(modalities), FUSED))
            asked.append(Asked(compose(query, [Part(1.0, "text", row)], card), frozenset(about)))
    return asked


def examples_asked(minutes: Sequence[Minute], card: ModelCard) -> list[Asked]:
    """Windows in the middle of some happenings, of each modality that senses them."""
    asked: list[Asked] = []
    for number, one in enumerate(minutes):
        for modality in (m for m in STREAMS if m in card.modalities):
            those = [happening for happening in one.happenings if modality in happening.modalities]
            for happening in those[:EXAMPLES]:
                row = _at_the_middle(one, modality, happening)
                query = Query(name=f"{modality} {number} {happening.start_ns}")
                standing = compose(query, [Part(1.0, modality, row)], card)
                asked.append(Asked(standing, frozenset((happening.name,)), number))
    return asked


def _at_the_middle(one: Minute, modality: str, happening: Happening) -> np.ndarray:
    windows = [tick.newest[modality] for tick, _ in one.ticks if modality in tick.newest]
    middle = happening.start_ns + happening.end_ns
    return min(windows, key=lambda window: abs(window.start_ns + window.end_ns - middle)).vector


def now(one: Minute, stamp_ns: int) -> set[str]:
    """What the longest window that ends there may have sensed, or the event of one lasts on."""
    since_ns = stamp_ns - 2 * NS - MARGIN_NS
    return {h.name for h in one.happenings if h.start_ns < stamp_ns and h.end_ns > since_ns}
