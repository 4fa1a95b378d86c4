"""What fusion says depends on event time alone: any order of arrival between inputs gives the same bytes."""

from collections.abc import Iterator
from random import Random

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.encoders.card import Background, ModelCard
from sixsense.encoders.embedding import Embedding, Missing
from sixsense.fusion.engine import Fuser
from sixsense.fusion.fused import Fused, Match
from sixsense.fusion.query import Query, Standing
from sixsense.fusion.rule import InputRule
from sixsense.fusion.tick import Message, Ticker
from sixsense.sensors.sample import NS, End, Progress

MS = 1_000_000
HOP_NS = 250 * MS
LOOP_NS = 60 * NS
RULES = {
    "left": InputRule(modality="vision", limit_ns=300 * MS),
    "right": InputRule(modality="vision", weight=0.7, limit_ns=800 * MS),
    "mic": InputRule(modality="audio", weight=2.0, limit_ns=1100 * MS),
}
HOPS_NS = {"left": 100 * MS, "right": 250 * MS, "mic": 400 * MS}
MODALITIES = ("vision", "audio")
CARD = ModelCard(
    name="toy",
    space_id="toy",
    dim=3,
    trained=False,
    modalities=MODALITIES,
    windows={},
    means={"vision": np.array([0.2, 0, 0.1], np.float32)},
    backgrounds={f"{a}/{b}": Background(mean=0.1, deviation=0.2) for a in MODALITIES for b in MODALITIES},
)
Script = dict[str, list[Message]]


def vector(random: Random) -> np.ndarray:
    values = np.array([random.gauss(0, 1) for _ in range(3)])
    return (values / np.sqrt(np.sum(values**2))).astype(np.float32)


def queries() -> list[Standing]:
    random = Random(1)
    asked = [Query(name=f"q{k}", on=1.5, off=0.5, min_s=0.25 * (k % 2), hold_s=0.25 * k) for k in range(4)]
    return [
        Standing(query=one, mix=(("audio", 1.0),), space_id="toy", vector=vector(random)) for one in asked
    ]


def epoch_of(name: str, epoch: int, random: Random) -> Iterator[Message]:
    """One input's messages of one epoch: windows with holes, progress after them, an end."""
    hop_ns, from_ns = HOPS_NS[name], epoch * LOOP_NS
    for index in range(random.randrange(1, 16)):
        end_ns = from_ns + index * hop_ns + 200 * MS
        basics = {
            "input": name,
            "modality": RULES[name].modality,
            "epoch": epoch,
            "seq": index,
            "index": index,
        }
        basics |= {"start_ns": end_ns - 200 * MS, "end_ns": end_ns}
        if random.random() < 0.75:
            quality = random.choice([0.0, 0.3, 1.0])
            fields = {"ranges": (), "quality": quality, "space_id": "toy", "vector": vector(random)}
            yield Embedding(**basics, **fields)
        else:
            yield Missing(**basics, cause="short")
        yield Progress(stream=name, epoch=epoch, t_ns=end_ns + random.randrange(hop_ns))
    yield End(stream=name, epoch=epoch, items=0)


@st.composite
def scripts(draw) -> Script:
    random, epochs = Random(draw(st.integers(0, 2**32))), draw(st.integers(1, 3))
    return {
        name: [message for epoch in range(epochs) for message in epoch_of(name, epoch, random)]
        for name in RULES
    }


def interleaved(script: Script, random: Random) -> Iterator[Message]:
    """Merge the inputs at random, in bursts, each in its own order."""
    waiting = {name: list(reversed(messages)) for name, messages in script.items()}
    while waiting:
        name = random.choice(sorted(waiting))
        for _ in range(random.choice([1, 1, 2, 50])):
            if waiting[name]:
                yield waiting[name].pop()
        if not waiting[name]:
            del waiting[name]


def said(messages: Iterator[Message]) -> list[Fused | Match]:
    fuser = Fuser(CARD, RULES, hop_ns=HOP_NS, deadline_ns=None, epoch=0)
    fuser.set_queries(queries())
    told = [one for message in messages for one in fuser.feed(message)]
    assert {type(one) for one in fuser.finish()} <= {Match}, "the ends of all inputs close every tick"
    return told


def as_bytes(told: list[Fused | Match]) -> bytes:
    return msgspec.msgpack.encode(told, enc_hook=lambda array: array.tobytes())


def expected_ticks(script: Script) -> list[tuple[int, dict[str, tuple[int, int]]]]:
    """The definition, read over the whole recording at once."""
    sent = [one for messages in script.values() for one in messages if isinstance(one, Embedding)]
    if not sent:
        return []
    ticks = []
    for stamp_ns in range(0, max(one.end_ns for one in sent) + 1, HOP_NS):
        newest: dict[str, tuple[int, int]] = {}
        for one in sorted(sent, key=lambda one: one.end_ns):
            if one.end_ns <= stamp_ns <= one.end_ns + RULES[one.input].limit_ns:
                newest[one.input] = one.epoch, one.seq
            elif one.end_ns <= stamp_ns:
                newest.pop(one.input, None)
        if newest or ticks:
            ticks.append((stamp_ns, newest))
    return ticks


@given(script=scripts(), random=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_any_interleaving_of_the_inputs_says_the_same_bytes(script, random):
    first = said(interleaved(script, random))
    assert as_bytes(said(interleaved(script, random))) == as_bytes(first)
    one_after_another = (message for messages in script.values() for message in messages)
    assert as_bytes(said(one_after_another)) == as_bytes(first)


@given(script=scripts(), random=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_ticks_are_those_of_the_definition(script, random):
    ticker = Ticker(RULES, hop_ns=HOP_NS, deadline_ns=None)
    ticks = [tick for message in interleaved(script, random) for tick in ticker.feed(message)]
    found = [
        (tick.stamp_ns, {name: (one.epoch, one.seq) for name, one in tick.newest.items()}) for tick in ticks
    ]
    assert found == expected_ticks(script)
    assert {tick.closed for tick in ticks} <= {"complete"}
    assert ticker.late == 0


@given(script=scripts())
@settings(max_examples=60, deadline=None)
def test_shares_sum_to_one_and_vectors_have_unit_length(script):
    for one in said(message for messages in script.values() for message in messages):
        if isinstance(one, Match):
            assert np.isfinite([one.score, one.peak, one.cosine]).all()
        elif one.vector is not None:
            assert abs(sum(part.share for part in one.parts) - 1) < 1e-12
            assert abs(np.sum(one.vector.astype(float) ** 2) - 1) < 1e-6
            assert 0 < one.coverage <= 1
        else:
            assert one.coverage == 0


def test_these_scripts_do_make_events():
    random = Random(3)
    script = {name: list(epoch_of(name, 0, random)) for name in RULES}
    phases = {one.phase for one in said(interleaved(script, random)) if isinstance(one, Match)}
    assert phases == {"begin", "update", "end"}
