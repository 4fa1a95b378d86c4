"""Onsets: when a clap, a flash or a tap begins in a trace of activity, and how well that can be known."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from .activity import Trace
from .sample import NS

Kind = Literal["vision", "audio", "imu"]

APART_NS = 250_000_000
"""Two events are at least so far apart; a nearer one is the echo of the stronger."""
QUIET_NS = 20_000_000
"""An event begins after so much quiet: a blow swings through zero for shorter."""
MOST = 30
LEAST_SHARE = 0.25
"""What is weaker than this share of the third strongest is none of the three."""
NOISE_TIMES = 6.0
EDGE_SHARE = 0.2
"""An event begins where it has risen to this share of its peak."""
RISE_NS = 1_500_000
"""How much longer one blow takes to rise in a sound, or in a body, than another (standard uncertainty)."""
APPROACH_SHARE = 0.3
"""Hands that come together move two frames before they meet at no less than this share of their fastest."""

FULL_SHARE = 0.8
"""Hands move on as long as they have this share of their fastest."""


class Onset(NamedTuple):
    """When an event began, and the standard uncertainty of that, both in ns."""

    t_ns: float
    sigma_ns: float


def onsets(trace: Trace, kind: Kind) -> list[Onset]:
    """The strongest events of a trace, at most MOST, in order."""
    if len(trace.values) < 5:
        return []
    rise = trace.values - _floor(trace)
    noise = 1.4826 * float(np.median(np.abs(rise - np.median(rise))))
    threshold = max(NOISE_TIMES * noise, 1e-9)
    found = [BEGINS[kind](trace, rise, peak, threshold) for peak in _peaks(trace, rise, threshold)]
    return _distinct(sorted(onset for onset in found if onset is not None))


def _floor(trace: Trace) -> np.ndarray:
    """The background at each instant: the 20th percentile of each second, in between by straight lines."""
    second = (trace.times_ns - trace.times_ns[0]) // NS
    # A last part of a second joins the one before.
    second = np.minimum(second, max(0, int(trace.times_ns[-1] - trace.times_ns[0]) // NS - 1))
    parts = [second == number for number in np.unique(second)]
    middles = [float(np.mean(trace.times_ns[part] - trace.times_ns[0])) for part in parts]
    levels = [float(np.percentile(trace.values[part], 20)) for part in parts]
    return np.interp(trace.times_ns - trace.times_ns[0], middles, levels)


def _peaks(trace: Trace, rise: np.ndarray, threshold: float) -> list[int]:
    """The indices of the strongest rises, APART_NS apart, strongest first."""
    left, peaks = rise.copy(), list[int]()
    while len(peaks) < MOST:
        peak = int(np.argmax(left))
        third = rise[peaks[2]] if len(peaks) > 2 else 0.0
        if left[peak] <= max(threshold, LEAST_SHARE * third):
            break
        peaks.append(peak)
        left[np.abs(trace.times_ns - trace.times_ns[peak]) < APART_NS] = -np.inf
    return peaks


def _edge(trace: Trace, rise: np.ndarray, peak: int, threshold: float) -> Onset | None:
    """Where the activity of a peak rose out of the quiet before; None where the trace begins in it."""
    level = min(max(EDGE_SHARE * rise[peak], threshold / 2), 0.9 * rise[peak])
    quiet = max(1, round(QUIET_NS / trace.gap_ns))
    first = index = peak
    while first - index < quiet:
        if index == 0:
            return None
        index -= 1
        if rise[index] > level:
            first = index
    low, high = rise[first - 1], rise[first]
    share = float((level - low) / (high - low))
    step_ns = float(trace.times_ns[first] - trace.times_ns[first - 1])
    t_ns = float(trace.times_ns[first - 1]) + share * step_ns
    return Onset(t_ns, float(np.hypot(step_ns / np.sqrt(12), RISE_NS)))


def _frame(trace: Trace, rise: np.ndarray, peak: int, threshold: float) -> Onset | None:  # noqa: ARG001
    """When what a picture shows first happened, to a part of a frame.

    A flash that begins while a frame is exposed is shown by it in part and by the next one whole: the mean
    of the two changes, each in the middle of its two frames, weighted by their size, is when it began; with
    a short exposure it is the middle of the time in which it can have begun. Hands that come together are
    fastest just before they meet: they met when the motion stopped.
    """
    least = FULL_SHARE * rise[peak]
    while peak + 1 < len(rise) and rise[peak + 1] >= least:
        peak += 1
    if peak < 2 or peak + 1 >= len(rise):
        return None
    times = trace.times_ns.astype(float)
    earlier, before, now, after = np.maximum(rise[peak - 2 : peak + 2], 0).tolist()
    step_ns = times[peak + 1] - times[peak]
    if min(earlier, before) > APPROACH_SHARE * now:
        return Onset(times[peak] + step_ns * after / now, step_ns / 2)
    other, weight = (peak - 1, before) if before > after else (peak + 1, after)
    # A scene that moves anyway changes in the frames beside the flash as well.
    moving = float(np.median(np.maximum(rise[peak - 2 : peak + 3], 0)))
    now, weight = now - moving, max(0.0, weight - moving)
    middle, beside = ((times[at] + times[at - 1]) / 2 for at in (peak, other))
    return Onset((now * middle + weight * beside) / max(now + weight, 1e-9), step_ns / np.sqrt(12))


def _distinct(found: list[Onset]) -> list[Onset]:
    """Without those that two peaks of one event share."""
    return [one for before, one in zip([None, *found], found, strict=False) if _apart(before, one)]


def _apart(before: Onset | None, one: Onset) -> bool:
    return before is None or one.t_ns - before.t_ns > APART_NS / 5


BEGINS: dict[Kind, Callable[[Trace, np.ndarray, int, float], Onset | None]] = {
    "vision": _frame,
    "audio": _edge,
    "imu": _edge,
}
