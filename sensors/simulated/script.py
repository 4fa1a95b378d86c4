"""What happens when in the simulated world: the ground truth."""

from functools import lru_cache
from typing import NamedTuple

import msgspec

from ..sample import NS
from .noise import keyed

MINUTE_NS = 60 * NS
_SHIFT_S = 0.8
_STRETCH = 0.1


class Kind(NamedTuple):
    """A kind of happening, and the modalities it can be sensed in."""

    modalities: tuple[str, ...]


class Cue(NamedTuple):
    """A row of the script: what starts at which second of every minute, and for how long."""

    name: str
    start_s: float
    seconds: float


KINDS = {
    "alarm": Kind(("audio", "vision")),
    "person": Kind(("vision", "depth", "thermal")),
    "bump": Kind(("imu", "audio")),
}

# No two rows meet, and none leaves its minute, whatever the shift and the stretch.
CUES = (
    Cue("alarm", 3.0, 4.0),
    Cue("bump", 10.0, 0.8),
    Cue("person", 14.0, 6.0),
    Cue("alarm", 24.0, 4.0),
    Cue("bump", 31.0, 0.8),
    Cue("person", 34.5, 6.0),
    Cue("bump", 43.5, 0.8),
    Cue("alarm", 46.4, 4.0),
    Cue("person", 52.5, 6.0),
)


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happens in `[start_ns, end_ns)`, and where it can be sensed.

    `character` are four numbers in [0, 1) that make this one differ from the others of its kind.
    """

    name: str
    start_ns: int
    end_ns: int
    modalities: tuple[str, ...]
    character: tuple[float, float, float, float] = (0.5, 0.5, 0.5, 0.5)


class Script:
    """The minute of CUES for ever, each time with other starts, lengths and characters.

    Times are nanoseconds since the script's start; nothing happens before 0.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def during(self, from_ns: int, to_ns: int, name: str | None = None) -> list[Happening]:
        """What overlaps `[from_ns, to_ns)`, in order; only happenings called `name` if given."""
        minutes = range(max(0, from_ns // MINUTE_NS), -(-to_ns // MINUTE_NS))
        found = (happening for minute in minutes for happening in _minute(self.seed, minute))
        return [
            happening
            for happening in found
            if happening.start_ns < to_ns
            and happening.end_ns > from_ns
            and (name is None or happening.name == name)
        ]


@lru_cache(maxsize=64)
def _minute(seed: int, minute: int) -> tuple[Happening, ...]:
    draws = keyed(seed, "script", minute).random((len(CUES), 6)).tolist()
    return tuple(_vary(cue, minute, draw) for cue, draw in zip(CUES, draws, strict=True))


def _vary(cue: Cue, minute: int, draw: list[float]) -> Happening:
    start_s = cue.start_s + _SHIFT_S * (2 * draw[0] - 1)
    seconds = cue.seconds * (1 + _STRETCH * (2 * draw[1] - 1))
    start_ns = minute * MINUTE_NS + round(start_s * NS)
    return Happening(
        name=cue.name,
        start_ns=start_ns,
        end_ns=start_ns + round(seconds * NS),
        modalities=KINDS[cue.name].modalities,
        character=(draw[2], draw[3], draw[4], draw[5]),
    )
