"""Motions to learn from: evenly timed rows, turned without losing length, windows of what they mostly are."""

import numpy as np
import pytest
import torch
from sixsense.encoders.bind.recipes.motion import (
    INSTANTS,
    Motions,
    MotionTask,
    _turned,
    evenly,
    phrases,
    starts_of,
)


def test_rows_that_came_in_bursts_are_evenly_timed():
    true = np.arange(0, 3000, 10.0)
    rows = np.repeat(true[:, None], 6, axis=1)
    bursts = np.ceil(true / 50) * 50
    even = evenly(rows, bursts)
    assert len(even) == pytest.approx(300, abs=3)
    np.testing.assert_allclose(np.diff(even[:, 0]), 10, rtol=0.02)


def test_turning_keeps_lengths_and_the_angle_between_force_and_turn():
    x = np.random.default_rng(0).standard_normal((5, 20, 6))
    turned = _turned(np.random.default_rng(1), x)
    for part in (slice(0, 3), slice(3, 6)):
        np.testing.assert_allclose(
            np.linalg.norm(turned[..., part], axis=2), np.linalg.norm(x[..., part], axis=2)
        )
    dots = (x[..., :3] * x[..., 3:]).sum(axis=2)
    np.testing.assert_allclose((turned[..., :3] * turned[..., 3:]).sum(axis=2), dots)
    assert not np.allclose(turned, x)


def test_windows_never_span_recordings_and_are_of_what_they_mostly_are():
    classes = np.array([0] * 150 + [1] * 50 + [2] * 120)
    motions = Motions(np.zeros((320, 6), np.float32), classes, np.zeros(320), np.array([200, 320]))
    starts, kinds = starts_of(motions, 10)
    assert not any(start < 200 < start + INSTANTS for start in starts)
    # At 90 and 100 the first recording is 60 % and 50 % of class 0.
    assert dict(zip(starts.tolist(), kinds.tolist(), strict=True)) == {
        **dict.fromkeys(range(0, 100, 10), 0),
        **dict.fromkeys(range(200, 230, 10), 2),
    }


@pytest.fixture
def build(tmp_path):
    count, t = 240, np.arange(240) / 100
    rows = [np.stack([np.sin(2 * np.pi * (kind + 1) * t + i) for i in range(6)], axis=1) for kind in range(9)]
    np.savez(
        tmp_path / "motions.npz",
        rows=np.concatenate(rows).astype(np.float32),
        classes=np.repeat(np.arange(9), count),
        people=np.repeat(np.arange(9) % 3, count),
        ends=np.arange(1, 10) * count,
    )
    return tmp_path


def test_the_tower_learns_and_people_held_out_are_not_trained_on(build):
    random = np.random.default_rng(1)
    texts = {name: random.standard_normal((3, 256)).astype(np.float32) for name in phrases()}
    task = MotionTask(build, texts, held_out=(2,))
    x, shares = task.batch(3)
    assert x.shape[1:] == (6, INSTANTS)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(len(shares)))
    assert not shares[:, 2::3].any()
    optimizer = torch.optim.AdamW(task.module.parameters(), lr=2e-3)
    losses = []
    for step in range(4):
        loss = task.loss(task.batch(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    task.module.eval()
    figures = task.evaluate()
    assert set(list(phrases())[2::3]) | {"accuracy"} == set(figures)
