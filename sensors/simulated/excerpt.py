"""Excerpts of simulated worlds, each with what happens in it: examples to train and measure models on."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import SourceError
from ..modalities import MODALITIES
from ..sample import NS
from .alarm import beeping
from .kinds import ACTIVITIES, KINDS
from .path import activities
from .script import MINUTE_NS, Happening, Script
from .senses import RATES, Senses
from .split import SPLITS, Split

_MINUTES = 60
_TRIES = 200
_ENOUGH = 0.75
_EDGE = 0.15


class Excerpt(NamedTuple):
    """`[start_ns, end_ns)` of one world, as some of its streams sense it.

    `data` by stream: camera uint8 (240, 320, 3) RGB, depth float32 (120, 160) metres, thermal float32 (120,
    160) kelvin, each one frame of its middle; microphone int16 (n, 1) at 16 kHz; imu float32 (n, 6) with
    `stamps` int64 (n,) ns. `wanted` is the happening it was chosen for, None where nothing was to happen.
    `happenings` are all that overlap it and that its streams can sense, `activities` what the robot does.
    """

    split: Split
    seed: int
    start_ns: int
    end_ns: int
    wanted: str | None
    happenings: tuple[Happening, ...]
    activities: tuple[Happening, ...]
    data: dict[str, np.ndarray]
    stamps: np.ndarray | None


def excerpts(
    split: Split,
    streams: Sequence[str],
    length_ns: int,
    *,
    seed: int = 0,
    wanted: Sequence[str | None] = (),
    per_world: int = 8,
) -> Iterator[Excerpt]:
    """Excerpts without end, the same for the same arguments: of one world after the other, `per_world` each.

    Each is of one of the happenings or activities `wanted`, all equally often, or of nothing that `streams`
    can sense (None); () stands for every happening that any of `streams` can sense, and None. An alarm is
    seen while its beacon shines; a short happening is in a long excerpt from its beginning. Raises
    SourceError for a stream, a split or a happening that does not exist.
    """
    _check(split, streams, wanted)
    modalities = {RATES[stream].modality for stream in streams}
    sensed = [name for name, kind in KINDS.items() if modalities & set(kind.modalities)]
    chosen = [*wanted] or [*sensed, None]
    chance = np.random.default_rng((seed, SPLITS.index(split)))
    while True:
        world = int(chance.integers(2**32))
        script = Script(world, split)
        senses = Senses(script)
        names = [chosen[int(pick)] for pick in chance.integers(len(chosen), size=per_world)]
        for name in names:
            start_ns = _start(script, name, modalities, length_ns, chance)
            yield _excerpt(script, senses, streams, name, start_ns, length_ns)


def _check(split: str, streams: Sequence[str], wanted: Sequence[str | None]) -> None:
    asked: tuple[tuple[str, Collection[str], Sequence[str]], ...] = (
        ("split", SPLITS, [split]),
        ("stream", RATES, streams),
        ("happening", (*KINDS, *ACTIVITIES), [name for name in wanted if name is not None]),
    )
    for what, there_are, given in asked:
        if wrong := [name for name in given if name not in there_are]:
            raise SourceError(
                f"excerpts: no {what} {wrong[0]!r} in the simulated world; {', '.join(there_are)}"
            )


def _start(
    script: Script, name: str | None, modalities: set[str], length_ns: int, chance: np.random.Generator
) -> int:
    """A beginning, so that the excerpt shows what is wanted."""
    for _ in range(_TRIES):
        from_ns = int(chance.integers(_MINUTES)) * MINUTE_NS
        if name in KINDS:
            start = _around(script.first(name, from_ns), length_ns, chance)
            if name != "alarm" or "vision" not in modalities or _lit(script, start + length_ns // 2):
                return start
            continue
        start = from_ns + int(chance.integers(MINUTE_NS - length_ns))
        now = script.during(start, start + length_ns)
        doing = {one.name for one in activities(script, start, start + length_ns)}
        if not any(modalities & set(one.modalities) for one in now) and (name is None or doing == {name}):
            return start
    raise SourceError(
        f"excerpts: found none of {length_ns / NS} s in which {name or 'nothing'} is sensed; make it shorter"
    )


def _around(shown: Happening, length_ns: int, chance: np.random.Generator) -> int:
    """A beginning so that most of the excerpt, or of the happening, is in the other."""
    edge = round(_EDGE * (shown.end_ns - shown.start_ns))
    need = min(shown.end_ns - shown.start_ns - 2 * edge, round(_ENOUGH * length_ns))
    first, last = shown.start_ns + edge + need - length_ns, shown.end_ns - edge - need
    if shown.end_ns - shown.start_ns < length_ns:
        last = min(last, shown.start_ns)
    return max(0, int(chance.integers(first, max(first, last) + 1)))


def _lit(script: Script, t_ns: int) -> bool:
    return any(beeping(alarm, t_ns) for alarm in script.during(t_ns, t_ns + 1, "alarm"))


def _excerpt(
    script: Script, senses: Senses, streams: Sequence[str], name: str | None, start_ns: int, length_ns: int
) -> Excerpt:
    end_ns = start_ns + length_ns
    modalities = {RATES[stream].modality for stream in streams}
    data: dict[str, np.ndarray] = {}
    stamps = None
    for stream in streams:
        rate = RATES[stream]
        if MODALITIES[rate.modality].item == "frame":
            message = rate.first_from(start_ns + length_ns // 2)
            data[stream] = senses.picture(message) if stream == "camera" else senses.sense(stream, message)[0]
        else:
            data[stream], rows = senses.several(
                stream, rate.first_from(start_ns), rate.complete_by(length_ns)
            )
            stamps = stamps if rows is None else rows
    now = script.during(start_ns, end_ns)
    return Excerpt(
        split=script.split,
        seed=script.seed,
        start_ns=start_ns,
        end_ns=end_ns,
        wanted=name,
        happenings=tuple(one for one in now if modalities & set(one.modalities)),
        activities=tuple(activities(script, start_ns, end_ns)),
        data=data,
        stamps=stamps,
    )
