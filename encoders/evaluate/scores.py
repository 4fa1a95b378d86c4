"""Who finds what belongs to it: hits of retrieval and of zero-shot classification, case by case."""

import numpy as np


def ranks(similarity: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """int64 (n,): how many columns come before each row's best relevant one; -1 for a row that has none.

    `similarity` float (n, m), `relevant` bool (n, m). A wrong column of equal similarity comes first, so
    that a space in which everything is the same finds nothing.
    """
    best = np.where(relevant, similarity, -np.inf).max(axis=1, keepdims=True)
    before = ((similarity >= best) & ~relevant).sum(axis=1)
    return np.where(relevant.any(axis=1), before, -1)


def chance(relevant: np.ndarray, k: int) -> float:
    """The mean probability that a row has one of its relevant columns among k drawn without looking."""
    columns = relevant.shape[1]
    missed = np.ones(len(relevant))
    wrong = columns - relevant.sum(axis=1).astype(np.float64)
    for drawn in range(min(k, columns)):
        missed *= np.clip(wrong - drawn, 0, None) / (columns - drawn)
    return float(np.mean(1 - missed[relevant.any(axis=1)])) if relevant.any() else 0.0


def class_shares(hits: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """The share of hits in each class: its recall."""
    return {str(name): float(hits[classes == name].mean()) for name in np.unique(classes)}
