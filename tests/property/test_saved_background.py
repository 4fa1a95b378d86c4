"""Whatever became of a file with backgrounds, it is refused at the start or a run goes on with it."""

from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sixsense.encoders.card import Background, ModelCard
from sixsense.encoders.embedding import Embedding
from sixsense.fusion import Fuser, InputRule, Match, Progress, Query
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.errors import QueryError
from sixsense.sensors.sample import NS

DIM, HOP_NS = 4, NS // 4
CARD = ModelCard(
    name="toy",
    space_id="toy",
    dim=DIM,
    trained=True,
    modalities=("vision", "text"),
    windows={},
    means={},
    backgrounds={"text/vision": Background(mean=0.0, deviation=0.5)},
)


def fuser_of() -> Fuser:
    rules = {"cam": InputRule(modality="vision", limit_ns=NS)}
    fuser = Fuser(CARD, rules, hop_ns=HOP_NS, deadline_ns=None, epoch=0)
    dog = Part(1.0, "text", np.eye(DIM, dtype=np.float32)[0])
    fuser.set_queries(
        [
            compose(Query(name="dog", at_most_per_h=6.0), [dog], CARD),
            compose(Query(name="new", asks="novelty"), [], CARD),
        ]
    )
    return fuser


def run(fuser: Fuser, first: int, count: int) -> list[object]:
    rng, told = np.random.default_rng(first), []
    for index in range(first, first + count):
        vector = rng.standard_normal(DIM)
        told += fuser.feed(
            Embedding(
                input="cam",
                modality="vision",
                epoch=0,
                seq=index,
                index=index,
                start_ns=index * HOP_NS,
                end_ns=(index + 1) * HOP_NS,
                ranges=(),
                quality=1.0,
                space_id="toy",
                vector=(vector / np.linalg.norm(vector)).astype(np.float32),
            )
        )
        told += fuser.feed(Progress(stream="cam", epoch=0, t_ns=(index + 1) * HOP_NS))
    return told


@cache
def saved() -> bytes:
    fuser = fuser_of()
    run(fuser, 1000, 400)
    return fuser.background()


def test_what_was_saved_is_taken() -> None:
    fuser = fuser_of()
    fuser.restore_background(saved())
    run(fuser, 1400, 8)
    assert fuser.hours()["dog"] > 0.01


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
@example([(0, 0)], True)
def test_a_damaged_file_never_reaches_a_tick(flips: list[tuple[int, int]], cut: bool) -> None:
    raw = bytearray(saved())
    for at, value in flips:
        raw[at % len(raw)] = value
    if cut:
        del raw[flips[0][0] % len(raw) :]
    fuser = fuser_of()
    with suppress(QueryError):
        fuser.restore_background(bytes(raw))
    assert all(np.isfinite(one.per_h) for one in run(fuser, 1400, 30) if isinstance(one, Match))
    assert fuser.background()


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    fuser = fuser_of()
    fuser.restore_background(saved())
    run(fuser, 200, 8)
    before = fuser.hours()["dog"]
    run(fuser, 208, 400)
    assert fuser.hours()["dog"] == pytest.approx(before + 100 / 3600, abs=0.003)
