"""Bytes from outside: whatever comes, a message or a WireError; whatever is sent, the same comes back."""

import json
from pathlib import Path

import hypothesis.extra.numpy as arrays
import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.nodes.wire import control
from sixsense.nodes.wire.envelope import decode, encode
from sixsense.nodes.wire.errors import WireError
from sixsense.nodes.wire.health import Ledger
from sixsense.nodes.wire.topics import parse_pattern, parse_topic
from sixsense.sensors.sample import Sample

VECTORS = Path(__file__).parent.parent / "wire" / "vectors"


def _load(name: str):
    return json.loads((VECTORS / f"{name}.json").read_text())


def _frames(hexes: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in hexes]


NAMES = sorted(path.stem for path in VECTORS.glob("*.json") if path.stem not in ("rejected", "control"))
VALID = [_frames(_load(name)["frames"]) for name in NAMES]
REQUESTS = [_frames(case["request"]) for case in _load("control")]
REPLIES = [_frames(case["reply"]) for case in _load("control")]

WIRE_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn, messages: list[list[bytes]]) -> list[bytes]:
    """A valid message with bytes changed, frames lost or doubled, or one header value replaced."""
    frames = list(draw(st.sampled_from(messages)))
    header_at = 1 if frames[0].endswith(b"/") else 0
    kind = draw(st.sampled_from(["bytes", "cut", "frames", "value"]))
    at = draw(st.integers(0, len(frames) - 1))
    if kind == "bytes":
        frame = bytearray(frames[at])
        for _ in range(draw(st.integers(1, 4))):
            if frame:
                frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
        frames[at] = bytes(frame)
    elif kind == "cut":
        frames[at] = frames[at][: draw(st.integers(0, len(frames[at])))]
    elif kind == "frames":
        frames = draw(st.lists(st.sampled_from(frames), max_size=5))
    else:
        header = msgpack.unpackb(frames[header_at])
        key = draw(st.sampled_from(sorted(header)))
        if isinstance(header[key], dict) and header[key] and draw(st.booleans()):
            header[key][draw(st.sampled_from(sorted(header[key])))] = draw(WIRE_VALUES)
        else:
            header[key] = draw(WIRE_VALUES)
        frames[header_at] = msgpack.packb(header)
    return frames


@settings(max_examples=1500, deadline=None)
@given(damaged(VALID) | st.lists(st.binary(max_size=64), max_size=4))
def test_decoding_gives_a_message_that_can_be_sent_on_or_a_wire_error(frames: list[bytes]) -> None:
    try:
        robot, message = decode(frames)
    except WireError:
        return
    assert encode(message, robot=robot)[0] == frames[0]


@settings(max_examples=500, deadline=None)
@given(damaged(REQUESTS) | st.lists(st.binary(max_size=64), max_size=4))
def test_every_request_gets_an_answer(frames: list[bytes]) -> None:
    reply = control.answer(frames, lambda request: control.make_error(request.id, "heard"))
    assert control.parse_reply(reply).error


@settings(max_examples=500, deadline=None)
@given(damaged(REPLIES) | st.lists(st.binary(max_size=64), max_size=4))
def test_a_reply_is_read_or_a_wire_error(frames: list[bytes]) -> None:
    try:
        reply = control.parse_reply(frames)
        messages = control.split_messages(reply)
    except WireError:
        return
    assert reply.id >= 0
    assert [frame for message in messages for frame in message] == list(reply.payloads)
    assert all(messages)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=80) | st.text("abr1/_. -", max_size=30).map(lambda text: f"match/{text}".encode()))
def test_a_topic_that_is_read_is_matched_by_its_own_pattern(frame: bytes) -> None:
    try:
        topic = parse_topic(frame)
    except WireError:
        return
    if topic.kind != "hello":
        assert frame.startswith(parse_pattern(frame.decode()).prefix)
        assert parse_pattern(frame.decode()).matches(topic)


@settings(max_examples=200, deadline=None)
@given(
    arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6)),
    st.integers(0, 2**62),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=8), st.integers(-(2**63), 2**63 - 1), max_size=4),
)
def test_a_sample_comes_back_as_it_was(data, stamp_ns: int, rate_hz: float, units: str, trace: dict) -> None:
    names = {"stream": "d", "modality": "depth", "encoding": "32FC1", "epoch": 1, "seq": 0, "item": 0}
    sample = Sample(data=data, stamp_ns=stamp_ns, rate_hz=rate_hz, units=units, trace=trace, **names)
    frames = encode(sample, robot="r1")

    decoded = decode(frames)[1]

    assert decoded.data.tobytes() == data.tobytes()
    assert decoded.data.shape == data.shape
    for field in ("stamp_ns", "rate_hz", "units", "trace"):
        assert getattr(decoded, field) == getattr(sample, field)
    assert encode(decoded, robot="r1") == frames


@given(st.lists(st.integers(0, 60), unique=True, min_size=1).map(sorted), st.data())
def test_received_and_lost_add_up_to_what_was_sent(kept: list[int], data: st.DataObject) -> None:
    ledger, repeats = Ledger(), data.draw(st.lists(st.sampled_from(kept), max_size=5))
    accepted = sum(ledger.accept("t", 1, seq) for seq in sorted(kept + repeats))
    assert accepted == len(kept)
    assert accepted + ledger.lost.get("t", 0) == kept[-1] - kept[0] + 1


def test_the_damage_does_reach_the_messages_inside() -> None:
    """A header value of another type is refused by its path, so the fuzz goes deeper than the header."""
    frames = list(VALID[NAMES.index("fused")])
    header = msgpack.unpackb(frames[1])
    header["parts"][0]["share"] = "all"
    with pytest.raises(WireError, match=r"parts\[0\].share"):
        decode([frames[0], msgpack.packb(header), *frames[2:]])
