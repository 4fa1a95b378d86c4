"""Ticks for a matcher, and what it tells, in the space of `make`."""

from sixsense.fusion.combine import combine
from sixsense.fusion.match import Matcher
from sixsense.fusion.tick import Tick


def tick_of(make, index, *embeddings):
    return Tick(index * make.HOP_NS, "complete", {one.input: one for one in embeddings})


def match(make, matcher, tick, card=None):
    rules = {name: make.rule(one.modality) for name, one in tick.newest.items()}
    return matcher.match(tick, combine(tick, rules, card or make.card(), epoch=0, seq=tick.stamp_ns))


def run(make, matcher, scores, first=1):
    """Feed one vision embedding a tick with these scores (None: no embedding); return what is told."""
    told = []
    for index, score in enumerate(scores, first):
        seen = () if score is None else (make.embedding("cam", index * 250, make.scoring(score)),)
        told += match(make, matcher, tick_of(make, index, *seen))
    return told


def watching(make, *standing, card=None, from_ns=0):
    matcher = Matcher(card or make.card())
    matcher.set_queries(standing, from_ns=from_ns)
    return matcher


def told(make, matches):
    return [(one.phase, one.stamp_ns // make.HOP_NS) for one in matches]
