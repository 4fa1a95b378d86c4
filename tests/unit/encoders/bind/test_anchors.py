"""Anchors: unit rows, the same every time, in which what means the same lies together."""

import importlib.util

import numpy as np
import pytest
from sixsense.encoders.bind.anchors import DIM, Anchors
from sixsense.encoders.bind.minilm import PACKAGE
from sixsense.encoders.errors import ModelError

needs_the_embedder = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason=f"{PACKAGE} is not installed (extra `train`)"
)
CONCEPTS = [
    f"{kind} {thing}" for kind in ("red", "loud", "small", "old") for thing in "abcdefghijklmnopqrstuvwxyz"
]


@pytest.fixture(scope="module")
def anchors() -> Anchors:
    return Anchors([*CONCEPTS, "dog", "rain", "walking", "clock", "car", "bird", "fire", "door"] * 3)


@needs_the_embedder
def test_anchors_are_unit_rows_and_the_same_every_time(anchors):
    texts = ["a barking puppy", "rain", "a much longer text than the others, about nothing at all"]
    rows = anchors(texts)
    assert (rows.shape, rows.dtype) == ((3, DIM), np.float32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(rows, anchors(texts))


@needs_the_embedder
def test_what_means_the_same_lies_together(anchors):
    rows = anchors(["a dog barks", "a barking puppy", "it is raining", "heavy rainfall"])
    cosines = rows @ rows.T
    assert cosines[0, 1] > max(cosines[0, 2:]) + 0.1
    assert cosines[2, 3] > max(cosines[2, :2]) + 0.1


@needs_the_embedder
def test_words_come_in_order_of_frequency(anchors):
    words = anchors.teacher.words
    assert len(words) > 20_000
    assert words.index("was") < words.index("mouse") < words.index("fluttering")


def test_a_missing_embedder_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"sixsense\[train\]"):
        Anchors(CONCEPTS)
