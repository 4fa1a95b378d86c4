"""Delays: how much later one stream's stamps are than another's, from the same few events in both."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .errors import SourceError
from .onsets import Kind, Onset

LEAST_EVENTS = 3
MOST_DELAY_NS = 1e9
"""Delays beyond a second are not looked for: another clap would be taken for the one meant."""
TOLERANCE = 5.0
"""Two events are one when they differ by no more than so many standard uncertainties from what two others
differ: errors are within a frame or a row, uniform in it, so 2 sqrt(6) = 4.9 can come about."""
UNIFORM = 3**0.5
"""An error that is uniform is at most so many of its standard uncertainties."""
OTHER_NS = 100e6
"""An answer so far from another is another answer."""
REFERENCES: tuple[Kind, ...] = ("audio", "imu", "vision")
"""Which stream is taken to be right, the first of these there is: sound is stamped by counting samples."""


class UnmatchedError(SourceError):
    """The events of two streams cannot be told to be the same."""


class Delay(NamedTuple):
    """How much later, how far that may be off, both in ns; from how many events."""

    ns: float
    uncertainty_ns: float
    events: int


class Alignment(NamedTuple):
    """Every pair of streams (`later - earlier` of its key), and each stream's delay against `reference`."""

    reference: str
    pairs: dict[tuple[str, str], Delay]
    delays: dict[str, Delay]


def align(found: Mapping[str, Sequence[Onset]], kinds: Mapping[str, Kind]) -> Alignment:
    """Tie all streams together. Raises UnmatchedError when one shares no three events with any other."""
    names = sorted(found, key=lambda name: REFERENCES.index(kinds[name]))
    pairs: dict[tuple[str, str], Delay] = {}
    problems: dict[tuple[str, str], str] = {}
    for earlier, later in combinations(names, 2):
        try:
            pairs[later, earlier] = relative_delay(found[later], found[earlier])
        except UnmatchedError as error:
            problems[later, earlier] = str(error)
    delays = _tied(names, pairs)
    if loose := [name for name in names if name not in delays]:
        why = "; ".join(f"{a} and {b}: {why}" for (a, b), why in problems.items() if {a, b} & {*loose})
        raise UnmatchedError(
            f"{', '.join(loose)} cannot be compared with {names[0]}: {why}. Clap, flash or tap three times "
            "where every sensor notices it, with uneven pauses of 1 to 3 s, and be still and quiet otherwise"
        )
    return Alignment(names[0], pairs, delays)


def relative_delay(a: Sequence[Onset], b: Sequence[Onset]) -> Delay:
    """How much later the events of `a` are than those of `b`: the median over the matched ones.

    The offset is the one under which most events meet. Raises UnmatchedError when fewer than three do, or
    as many do under another offset.
    """
    if min(len(a), len(b)) < LEAST_EVENTS:
        raise UnmatchedError(f"{len(a)} and {len(b)} events were noticed, {LEAST_EVENTS} are needed")
    apart = np.subtract.outer([one.t_ns for one in a], [one.t_ns for one in b])
    sigma = np.hypot.outer([one.sigma_ns for one in a], [one.sigma_ns for one in b])
    offsets = apart[np.abs(apart) <= MOST_DELAY_NS]
    matches = [_matched(apart, sigma, offset) for offset in offsets]
    best = max(matches, key=lambda match: (match.sum(), -_spread(apart, match)), default=apart > np.inf)
    count = int(best.sum())
    if count < LEAST_EVENTS:
        raise UnmatchedError(f"only {count} of {len(a)} and {len(b)} events are the same in both")
    delay = float(np.median(apart[best]))
    for offset, match in zip(offsets, matches, strict=True):
        if match.sum() >= count and abs(float(np.median(apart[match])) - delay) > OTHER_NS:
            raise UnmatchedError(
                f"a delay of {delay / 1e6:.0f} ms and one of {offset / 1e6:.0f} ms fit {count} events alike"
            )
    bounds = UNIFORM * np.add.outer([one.sigma_ns for one in a], [one.sigma_ns for one in b])
    return Delay(delay, _uncertainty_ns(delay, apart[best], bounds[best]), count)


def _uncertainty_ns(delay: float, apart: np.ndarray, bounds: np.ndarray) -> float:
    """How far `delay`, the median of `apart` (n,), may be off.

    Each is off by at most its bound, so the truth is where all of them allow it: that does not shrink when
    events keep step with the frames and are all off alike. Nor is it less than two standard uncertainties of
    the median by what is seen to vary (pi/2 of the mean's variance, in large samples).
    """
    by_bounds = max(delay - float(np.max(apart - bounds)), float(np.min(apart + bounds)) - delay)
    by_spread = 2 * float(np.sqrt(np.pi / 2 * np.var(apart, ddof=1) / len(apart)))
    return max(by_bounds, by_spread)


def _matched(apart: np.ndarray, sigma: np.ndarray, offset: float) -> np.ndarray:
    """Which pairs of events are one under an offset, bool as `apart`: each with its nearest, both ways."""
    wrong = np.abs(apart - offset)
    near = wrong <= TOLERANCE * sigma
    return near & (wrong == wrong.min(axis=1)[:, None]) & (wrong == wrong.min(axis=0))


def _spread(apart: np.ndarray, match: np.ndarray) -> float:
    return float(np.std(apart[match])) if match.any() else np.inf


def _tied(names: Sequence[str], pairs: Mapping[tuple[str, str], Delay]) -> dict[str, Delay]:
    """Each stream's delay against the first, over the pairs whose uncertainties add up to the least."""
    both = {**pairs, **{(b, a): one._replace(ns=-one.ns) for (a, b), one in pairs.items()}}
    tied = {names[0]: Delay(0.0, 0.0, 0)}
    while True:
        steps = [
            (float(np.hypot(tied[b].uncertainty_ns, one.uncertainty_ns)), a, b)
            for (a, b), one in both.items()
            if a not in tied and b in tied
        ]
        if not steps:
            return tied
        uncertainty, name, over = min(steps)
        step = both[name, over]
        tied[name] = Delay(tied[over].ns + step.ns, uncertainty, step.events)
