"""Pictures of any size, type and content are 224 x 224 finite numbers, or refused with the reason."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.encoders import preprocess
from sixsense.encoders.errors import InputError

QUICK = settings(max_examples=40, deadline=None)
SIDES = st.one_of(st.sampled_from([1, 2, 13, 223, 224, 225, 480, 640]), st.integers(1, 640))
SEEDS = st.integers(0, 99)
KINDS = st.sampled_from(["noise", "constant", "clipped"])


def drawn(kind: str, height: int, width: int, seed: int) -> np.ndarray:
    """In [0, 1], (height, width): noise, one value, or cut off at both ends."""
    rng = np.random.default_rng(seed)
    if kind == "constant":
        return np.full((height, width), rng.random())
    return (rng.random((height, width)) * (4 if kind == "clipped" else 1) - 1.5 * (kind == "clipped")).clip(
        0, 1
    )


def seen(function, picture: np.ndarray, channels: int) -> torch.Tensor | None:
    """What becomes of it; None where it is refused, as all that is too long is."""
    height, width = picture.shape[:2]
    if max(height, width) > 32 * min(height, width):
        with pytest.raises(InputError, match="longer than 32 to 1"):
            function(picture)
        return None
    features = function(picture)
    assert features.shape == (channels, 224, 224)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()
    return features


@given(SIDES, SIDES, KINDS, SEEDS)
@QUICK
def test_colour_of_any_size(height, width, kind, seed):
    grey = (255 * drawn(kind, height, width, seed)).astype(np.uint8)
    features = seen(preprocess.image, np.stack([grey, grey, grey], axis=2), 3)
    if features is not None and kind == "constant":
        assert float(features.std(dim=(1, 2)).max()) < 1e-5


@given(SIDES, SIDES, KINDS, SEEDS, st.floats(0, 0.99), st.sampled_from(["f2", "f4", "f8", "u2"]))
@QUICK
def test_distances_of_any_size_with_holes_in_them(height, width, kind, seed, holes, dtype):
    metres = 0.3 + 9 * drawn(kind, height, width, seed)
    missing = np.random.default_rng(seed + 1).random(metres.shape) < holes
    missing[0, 0] = False
    given_as = (1000 * metres).astype("u2") if dtype == "u2" else metres.astype(dtype)
    given_as[missing] = 0 if dtype == "u2" else [np.nan, np.inf, -1, 0][seed % 4]
    features = seen(preprocess.depth, given_as, 1)
    if features is not None and kind == "constant":
        assert float(features.std()) < 1e-4
    flat = seen(lambda picture: preprocess.depth(picture, preset="standardised"), given_as, 1)
    assert flat is None or kind != "constant" or float(flat.abs().max()) < 1e-2


@given(SIDES, SIDES, KINDS, SEEDS, st.floats(0, 0.99), st.sampled_from(["f2", "f4", "f8", "u2", "u1"]))
@QUICK
def test_temperatures_of_any_size_with_holes_in_them(height, width, kind, seed, holes, dtype):
    unit = drawn(kind, height, width, seed)
    kelvin = 250 + 100 * unit
    picture = {"u2": 100 * kelvin, "u1": 255 * unit}.get(dtype, kelvin).astype(dtype)
    missing = np.random.default_rng(seed + 1).random(unit.shape) < holes
    missing[0, 0] = False
    if dtype != "u1":
        picture[missing] = 0 if dtype == "u2" else np.nan
    for preset in ("fixed", "minmax"):
        features = seen(lambda one, preset=preset: preprocess.thermal(one, preset), picture, 1)
        assert features is None or (float(features.min()) >= 0 and float(features.max()) <= 1)


@given(
    SIDES, SIDES, st.sampled_from([preprocess.depth, preprocess.thermal]), st.sampled_from([np.nan, -np.inf])
)
@QUICK
def test_pictures_of_nothing_are_refused(height, width, function, value):
    with pytest.raises(InputError, match=r"none of \d+ pixels|longer than 32 to 1"):
        function(np.full((height, width), value, np.float32))


@given(st.sampled_from([(0, 5, 3), (5, 0, 3), (0, 0, 3)]))
@QUICK
def test_pictures_without_pixels_are_refused(shape):
    with pytest.raises(InputError, match="empty"):
        preprocess.image(np.zeros(shape, np.uint8))
    for function in (preprocess.depth, preprocess.thermal):
        with pytest.raises(InputError, match="empty"):
            function(np.zeros(shape[:2], np.float32))
