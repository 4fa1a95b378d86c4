"""Depth between machines: what comes out of a PNG is what went in, and what is no such picture is refused."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sixsense.nodes.packed import packed, unpacked
from sixsense.nodes.wire.envelope import decode, encode
from sixsense.nodes.wire.errors import WireError
from sixsense.sensors.sample import Progress, Sample


def depth(data: np.ndarray, encoding: str = "16UC1") -> Sample:
    return Sample(
        stream="depth", modality="depth", epoch=1, seq=1, item=1, stamp_ns=1, encoding=encoding, data=data
    )


@settings(deadline=None)
@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_every_picture_comes_back_bit_for_bit(picture: np.ndarray) -> None:
    frames = encode(depth(picture), robot="r")
    small = packed(depth(picture), frames)
    assert small is not None
    assert unpacked(small) == frames


def test_a_picture_of_a_room_takes_a_third() -> None:
    rows, columns = np.mgrid[:480, :640]
    noise = np.random.default_rng(0).normal(0, 2, rows.shape)
    picture = (1500 + columns + rows + 200 * np.sin(columns / 40) + noise).astype(np.uint16)
    small = packed(depth(picture), encode(depth(picture), robot="r"))
    assert small is not None
    assert len(small[2]) < picture.nbytes / 2


def test_all_else_travels_as_it_is() -> None:
    metres = depth(np.ones((3, 4), np.float32), "32FC1")
    empty = depth(np.zeros((0, 4), np.uint16))
    for message in (metres, empty, Progress(stream="depth", epoch=1, t_ns=5)):
        assert packed(message, encode(message, robot="r")) is None


@given(st.binary(max_size=40))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="malformed packed picture"):
        unpacked([b"t", b"h", data])


@pytest.mark.parametrize("picture", [np.zeros((3, 4), np.uint8), np.zeros((3, 4, 3), np.uint16)])
def test_another_kind_of_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(WireError, match="expected uint16 in 1"):
        unpacked([b"t", b"h", cv2.imencode(".png", picture)[1].tobytes()])


def test_another_size_than_the_header_says_is_refused() -> None:
    frames = encode(depth(np.zeros((3, 4), np.uint16)), robot="r")
    other = cv2.imencode(".png", np.zeros((3, 5), np.uint16))[1].tobytes()
    with pytest.raises(WireError, match="30 bytes"):
        decode(unpacked([*frames[:2], other]))
