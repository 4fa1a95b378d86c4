"""What happens when in the simulated world: the ground truth."""

from functools import lru_cache
from itertools import count

import msgspec
import numpy as np

from ..sample import NS
from .kinds import KINDS
from .noise import keyed
from .split import Split, owned

MINUTE_NS = 60 * NS
TRAITS = 8

_TURNS = 4
_STRETCH = 0.1
_GAP_S = 1.0

_ALWAYS = tuple(name for name, kind in KINDS.items() for _ in range(kind.always))
_OTHERS = tuple(name for name, kind in KINDS.items() if not kind.always)


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happens in `[start_ns, end_ns)`, and where it can be sensed.

    `character` are numbers in [0, 1), in the cells of its split, that make this one differ from the others
    of its kind.
    """

    name: str
    start_ns: int
    end_ns: int
    modalities: tuple[str, ...]
    character: tuple[float, ...] = (0.5,) * TRAITS


class Script:
    """A minute of happenings after the other, for ever: another order, length and character each time.

    Every minute has what KINDS say it always has, and four of the others. Nothing meets anything else, and
    nothing leaves its minute. Times are nanoseconds since the script's start; nothing happens before 0.
    """

    def __init__(self, seed: int, split: Split = "test") -> None:
        self.seed = seed
        self.split: Split = split

    def keyed(self, stream: str, index: int) -> np.random.Generator:
        """What chance does in this world: the same for the same `stream` and `index`."""
        return keyed(self.seed, f"{self.split}/{stream}", index)

    def during(self, from_ns: int, to_ns: int, name: str | None = None) -> list[Happening]:
        """What overlaps `[from_ns, to_ns)`, in order; only happenings called `name` if given."""
        minutes = range(max(0, from_ns // MINUTE_NS), -(-to_ns // MINUTE_NS))
        found = (happening for minute in minutes for happening in _minute(self.seed, self.split, minute))
        return [
            happening
            for happening in found
            if happening.start_ns < to_ns
            and happening.end_ns > from_ns
            and (name is None or happening.name == name)
        ]

    def first(self, name: str, from_ns: int = 0) -> Happening:
        """The first happening called `name` that begins at or after `from_ns`."""
        for minute in count(max(0, from_ns // MINUTE_NS)):
            for happening in _minute(self.seed, self.split, minute):
                if happening.name == name and happening.start_ns >= from_ns:
                    return happening
        raise AssertionError("every kind has its turn")


@lru_cache(maxsize=256)
def _minute(seed: int, split: Split, minute: int) -> tuple[Happening, ...]:
    chance = keyed(seed, f"{split}/script", minute)
    names = chance.permutation([*_ALWAYS, *chance.choice(_OTHERS, _TURNS, replace=False)]).tolist()
    seconds = np.array([KINDS[name].seconds for name in names])
    seconds *= 1 + _STRETCH * (2 * chance.random(len(names)) - 1)
    pauses = chance.uniform(0.5, 1.5, len(names) + 1)
    spare = 60 - seconds.sum() - _GAP_S * len(pauses)
    pauses = _GAP_S + pauses * (spare / pauses.sum())
    starts = np.cumsum(pauses[:-1]) + np.concatenate(([0], np.cumsum(seconds[:-1])))
    characters = owned(chance.random((len(names), TRAITS)), split)
    return tuple(
        Happening(
            name=name,
            start_ns=minute * MINUTE_NS + round(start * NS),
            end_ns=minute * MINUTE_NS + round((start + length) * NS),
            modalities=KINDS[name].modalities,
            character=tuple(character),
        )
        for name, start, length, character in zip(
            names, starts.tolist(), seconds.tolist(), characters.tolist(), strict=True
        )
    )
