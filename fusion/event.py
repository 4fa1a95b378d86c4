"""An event: what one standing query has seen since its score rose, and the hysteresis that ends it."""

from typing import Literal

import msgspec

from ..sensors.sample import NS
from .query import Query

Phase = Literal["begin", "update", "end"]

UPDATE_RISE = 0.5
UPDATE_NS = NS


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A query at one tick, where it stands out most: the score, what is above `off`, and the window.

    `margin` is how far the score is above `on`, `per_h` how often an hour the background would reach it
    (`calibrated`: by what was learnt here). `holds` says whether any modality is at `off` or above,
    `shares` how much each of those stands out above it.
    """

    score: float
    margin: float
    per_h: float
    calibrated: bool
    holds: bool
    cosine: float
    shares: dict[str, float]
    input: str
    embedding_seq: int
    start_ns: int
    end_ns: int


class Event(msgspec.Struct, kw_only=True):
    """A rise of one query's score. `number` is 0 until it has lasted `min_s` and is published.

    `below_ns` is the first tick of the present stretch below `off` (None while the score holds). `peak` is
    the reading with the largest margin so far, `now` the newest. `told_*` say what was published last.
    """

    begin_ns: int
    last_ns: int
    now: Reading
    peak: Reading
    modalities: tuple[str, ...]
    below_ns: int | None = None
    number: int = 0
    told_ns: int = 0
    told_peak: float = 0.0


def begin(stamp_ns: int, reading: Reading) -> Event:
    """Open an event at the first tick whose score is at `on` or above."""
    modalities = tuple(sorted(reading.shares))
    return Event(begin_ns=stamp_ns, last_ns=stamp_ns, now=reading, peak=reading, modalities=modalities)


def observe(event: Event, stamp_ns: int, reading: Reading | None) -> None:
    """Take in a tick's reading; None, when the tick has nothing to compare, counts as below `off`."""
    event.now = reading or event.now
    if reading is None or not reading.holds:
        event.below_ns = stamp_ns if event.below_ns is None else event.below_ns
        return
    event.last_ns, event.below_ns = stamp_ns, None
    event.modalities = tuple(sorted({*event.modalities, *reading.shares}))
    if reading.margin > event.peak.margin:
        event.peak = reading


def phase(event: Event, stamp_ns: int, query: Query) -> Phase | None:
    """Say what the event does at this tick, after `observe`; None where there is nothing to tell.

    It ends at the first tick by which it has been below `off` for `hold_s`, measured between ticks: a gap
    without ticks ends nothing. An update is told when the peak has risen by UPDATE_RISE deviations since
    the last message, or UPDATE_NS after it.
    """
    if event.below_ns is not None and stamp_ns - event.below_ns >= round(query.hold_s * NS):
        return "end"
    if not event.number:
        lasted = event.below_ns is None and stamp_ns - event.begin_ns >= round(query.min_s * NS)
        return "begin" if lasted else None
    risen = event.peak.margin >= event.told_peak + UPDATE_RISE
    return "update" if risen or stamp_ns - event.told_ns >= UPDATE_NS else None
