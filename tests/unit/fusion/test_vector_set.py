"""An index of other vectors as queries: what is refused, and the offset that is removed."""

import numpy as np
import pytest
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.errors import QueryError
from sixsense.fusion.vector_set import ENOUGH, check_sample, make_set, set_queries


def rows(count: int, dim: int = 4, offset: float = 2.0) -> np.ndarray:
    """Vectors in a narrow cone, as of one modality."""
    rng = np.random.default_rng(count)
    return (rng.standard_normal((count, dim)) + offset).astype(np.float32)


def names(count: int) -> list[str]:
    return [f"{index}.jpg" for index in range(count)]


def standing(query, card):
    (term,) = query.terms
    assert np.linalg.norm(term.vector) == pytest.approx(1, abs=1e-6)
    assert (term.modality, term.space_id) == ("vision", "toy")
    return compose(query, [Part(1.0, term.modality, term.vector)], card)


@pytest.mark.parametrize("count", [5, ENOUGH])
def test_what_is_matched_is_the_vector_without_its_sets_offset(make, count: int) -> None:
    mean = make.towards(0.5, 1, 0, 1) * np.float32(0.8)
    card = make.card(means={"vision": mean})
    given = make_set(names(count), rows(count))
    queries = set_queries(given, card, modality="vision", at_most_per_h=6.0)
    assert [query.name for query in queries] == names(count)
    assert queries[0].at_most_per_h == 6.0
    own = given.vectors.mean(axis=0, dtype=np.float64) if count >= ENOUGH else mean
    for query, row in zip(queries, given.vectors, strict=True):
        wanted = (row - own) / np.linalg.norm(row - own)
        np.testing.assert_allclose(standing(query, card).vector, wanted, atol=1e-5)


def test_a_card_without_means_and_some_of_the_ids(make) -> None:
    given = make_set(names(3), rows(3))
    (query,) = set_queries(given, make.card(), modality="vision", wanted=["1.jpg"])
    np.testing.assert_allclose(standing(query, make.card()).vector, given.vectors[1], atol=1e-6)


def test_another_dimension_or_modality_is_refused(make) -> None:
    with pytest.raises(QueryError, match=r"5 numbers a vector, of vision; toy has 4"):
        set_queries(make_set(["a"], rows(1, 5)), make.card(), modality="vision")
    with pytest.raises(QueryError, match="of smell; toy has 4, of vision, audio, text"):
        set_queries(make_set(["a"], rows(1)), make.card(), modality="smell")


@pytest.mark.parametrize(
    ("ids", "vectors", "why"),
    [
        ([], np.zeros((0, 4), np.float32), "0 ids"),
        (["a"], rows(2), r"1 ids with vectors float32 \(2, 4\)"),
        (["a"], np.ones(4, np.float32), "give floats"),
        (["a"], np.ones((1, 4), np.int64), "give floats"),
        (["a", "a"], rows(2), "'a' is empty or there twice"),
        (["a", ""], rows(2), "'' is empty or there twice"),
        (["a", "b"], np.array([[1, 0], [np.nan, 0]], np.float32), "1 of 2 vectors are zero .* that of 'b'"),
        (["a", "b"], np.array([[1, 0], [0, 0]], np.float32), "1 of 2 vectors are zero"),
        (["a", "b"], np.array([[np.inf, 0], [1, 0]]), "that of 'a'"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(ids, vectors, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        make_set(ids, vectors)


def test_a_sample_tells_whether_the_space_is_the_same() -> None:
    given = make_set(["a", "b"], np.eye(4, dtype=np.float32)[:2] * 7)
    same = np.array([1, 0, 0, 0], np.float32)
    assert check_sample(given, {"a": same}) == 1.0
    off = np.array([0.05, np.sqrt(1 - 0.0025), 0, 0], np.float32)
    with pytest.raises(QueryError, match=r"'b' embedded here has the cosine 0\.9987"):
        check_sample(given, {"a": same, "b": off})
    with pytest.raises(QueryError, match=r"nan"):
        check_sample(given, {"a": np.full(4, np.nan, np.float32)})
    with pytest.raises(QueryError, match="has no 'c'"):
        check_sample(given, {"c": same})
    with pytest.raises(QueryError, match="have 4 numbers, this space 3"):
        check_sample(given, {"a": same[:3]})
    with pytest.raises(QueryError, match="no pair"):
        check_sample(given, {})
