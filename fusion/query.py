"""A standing query: what it is made of, its vector, and when it fires."""

from typing import Literal

import msgspec
import numpy as np


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A picture, sound, clip or motion as arrays: bytes travel, paths do not.

    `data` by modality: vision uint8 (h, w, 3) or (t, h, w, 3) RGB; audio int16 (n, channels) at `rate_hz`;
    depth float32 (h, w) metres; thermal float32 (h, w) kelvin; imu float32 (n, 6) with int64 `stamps`.
    """

    modality: Literal["vision", "audio", "depth", "thermal", "imu"]
    data: np.ndarray
    stamps: np.ndarray | None = None
    rate_hz: float = 0.0
    fx: float = 0.0
    baseline: float = 0.0


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What an input was like at an instant: since the run's start, or of its timeline when `absolute`."""

    input: str
    at_ns: int
    absolute: bool = False


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a query: `weight` times a text, an example, a moment, or a vector of the space.

    One of the four; a `vector`, float32 (dim,) and of unit length, says of which `modality` and space it is.
    """

    weight: float = 1.0
    text: str | None = None
    example: Example | None = None
    moment: Moment | None = None
    vector: np.ndarray | None = None
    modality: str = ""
    space_id: str = ""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to watch for: the weighted sum of its terms, where, and the thresholds of its events.

    Scores are deviations from the background. An event begins at `on`, goes on while the score stays at
    `off` or above, ends once it has been below for `hold_s` (what is closer together is one event), and is
    dropped when shorter than `min_s`; after its end none begins for `cool_s`. With `at_most_per_h`, `on` and
    `off` are ignored: an event begins where the background would reach at most that often an hour.
    `modalities` empty means every modality the space can compare the query with, `inputs` empty every stream
    or group of streams; the fused vector is of no input.

    One that `asks` for "novelty" has no terms: it is for what is unlike everything of the last `hours`, and
    its score is ten times 1 - cosine to the nearest of that. One that asks for "disagreement" is for what the
    first of two or more `modalities` senses and the others do not: its score is how much further it stands
    out there.
    """

    name: str
    terms: tuple[Term, ...] = ()
    modalities: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    on: float = 4.0
    off: float = 2.5
    min_s: float = 0.0
    hold_s: float = 0.5
    cool_s: float = 0.0
    at_most_per_h: float | None = None
    asks: Literal["match", "novelty", "disagreement"] = "match"
    hours: float = 1.0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A query with its vector in the space `space_id`, ready to be matched; its own terms are left out.

    `vector` is float32 (dim,) of unit length: the sum of the centred terms. `mix` are their modalities, and
    the coefficients of their unit vectors in it. A query for novelty has zeros, and an empty `mix`.
    """

    query: Query
    mix: tuple[tuple[str, float], ...]
    space_id: str
    vector: np.ndarray

    @property
    def kind(self) -> str:
        """What it is made of, in words: `text`, `text and audio`."""
        return " and ".join(dict.fromkeys(modality for modality, _ in self.mix)) or self.query.asks
