"""A linear probe: what a few labelled examples of each class are worth in a space."""

import numpy as np
import torch
from torch.nn import functional as F

# Of the logits, as a cosine is at most 1; and how much of its norm the classifier pays for.
SCALE, DECAY = 20.0, 1e-3
ROUNDS = 100


def fit_probe(vectors: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Multinomial logistic regression on unit vectors (n, dim) with int classes (n,) below `count`.

    Returns float32 (count, dim + 1), the last column the bias. Deterministic: it starts at the classes'
    means and goes to the optimum of a convex loss.
    """
    x = F.normalize(torch.from_numpy(np.asarray(vectors, np.float32)), dim=1)
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    target = torch.from_numpy(np.asarray(classes, np.int64))
    weight = torch.zeros(count, x.shape[1])
    weight.index_add_(0, target, x)
    weight = (weight / torch.bincount(target, minlength=count).clamp(min=1)[:, None]).requires_grad_(True)
    optimizer = torch.optim.LBFGS([weight], max_iter=ROUNDS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(SCALE * x @ weight.T, target) + DECAY * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return weight.detach().numpy()


def probe(weight: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The class int64 (n,) that a probe gives to each vector (n, dim)."""
    return np.argmax(vectors @ weight[:, :-1].T + weight[:, -1], axis=1)


def draw_shots(
    classes: np.ndarray, allowed: np.ndarray, shots: int | None, rng: np.random.Generator
) -> np.ndarray:
    """Rows of `shots` examples a class among the allowed (bool (n,)), where there are as many; None: all."""
    rows = [np.flatnonzero(allowed & (classes == name)) for name in np.unique(classes)]
    return np.concatenate([r if shots is None else rng.permutation(r)[:shots] for r in rows])
