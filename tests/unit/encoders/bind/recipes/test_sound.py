"""Sounds to learn from: augmented ones stay sounds, mixtures add energies, and a tower learns from them."""

import numpy as np
import pytest
import torch
from sixsense.encoders.bind.recipes.sound import (
    RATE_HZ,
    SCHEDULES,
    WINDOW,
    SoundTask,
    _added,
    augmented,
    phrases,
    window_of,
)
from sixsense.encoders.bind.recipes.synthesis import SYNTHESISED
from sixsense.encoders.preprocess.audio import MEAN, STD


@pytest.mark.parametrize("name", SYNTHESISED)
def test_synthesised_sounds_are_finite_and_the_same_again(name):
    one, again = (SYNTHESISED[name](np.random.default_rng(7), RATE_HZ) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (RATE_HZ,)
    assert np.isfinite(one).all()


def test_augmented_sounds_are_two_seconds_within_full_scale():
    for seed in range(6):
        wave = augmented(np.random.default_rng(seed), np.sin(np.arange(WINDOW + RATE_HZ) / 5))
        assert (wave.shape, wave.dtype) == ((WINDOW,), np.float32)
        assert 0 < np.abs(wave).max() <= 1
    assert np.isfinite(augmented(np.random.default_rng(0), np.zeros(WINDOW))).all()


def test_a_window_is_taken_where_something_is_heard():
    wave = np.zeros(10 * RATE_HZ)
    wave[6 * RATE_HZ : 7 * RATE_HZ] = 1
    heard = [window_of(np.random.default_rng(seed), wave).max() for seed in range(20)]
    assert np.mean(heard) > 0.8
    assert len(window_of(np.random.default_rng(0), wave[:100])) == WINDOW


def test_energies_are_added():
    loud, quiet = (np.full((1, 2, 2), (np.log(energy) - MEAN) / STD) for energy in (3.0, 1.0))
    mixed = _added(loud, quiet, np.array([0.5]))
    np.testing.assert_allclose(np.exp(mixed * STD + MEAN), 2.0, rtol=1e-6)
    np.testing.assert_allclose(_added(loud, quiet, np.array([1.0])), loud)


@pytest.fixture
def build(tmp_path):
    """Twelve views of each class, and where their texts lie: random directions."""
    random, rows = np.random.default_rng(0), []
    for kind, _ in enumerate(phrases()):
        tone = np.zeros((64, 102), np.float16)
        tone[3 * kind : 3 * kind + 2] = 1
        rows += [(tone + random.uniform(-0.1, 0.1), kind) for _ in range(12)]
    mels, kinds = zip(*rows, strict=True)
    folds = np.tile([1, 4], len(rows) // 2)
    features = 3 + 2 * random.standard_normal((len(rows), 1024))
    features[:, 0] = 7
    np.savez(
        tmp_path / "sounds.npz",
        mels=np.stack(mels),
        classes=kinds,
        folds=folds,
        scores=np.zeros((len(rows), 521)),
        embeddings=features.astype(np.float16),
    )
    return tmp_path


def test_the_tower_learns_and_its_task_is_the_same_again(build):
    random = np.random.default_rng(1)
    texts = {name: random.standard_normal((3, 256)).astype(np.float32) for name in phrases()}
    texts = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in texts.items()}
    labels = random.standard_normal((521, 256)).astype(np.float32)
    task = SoundTask(build, texts, labels, held_out=4)
    again = SoundTask(build, texts, labels, held_out=4)
    assert task.identity == again.identity
    for one, other in zip(task.batch(5), again.batch(5), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    batch = task.batch(0)
    assert batch.mels.shape[1:] == (1, 64, 102)
    torch.testing.assert_close(batch.shares.sum(dim=1), torch.ones(len(batch.mels)))
    assert not batch.embeddings[:, 0].any()
    assert batch.embeddings.mean().abs() < 0.1
    assert 0.7 < batch.embeddings.std() < 1
    optimizer = torch.optim.AdamW(task.module.parameters(), lr=SCHEDULES[0].rate)
    losses = []
    for step in range(4):
        loss = task.loss(task.batch(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(weight.grad is not None for weight in task.module.parameters())
    task.module.eval()
    assert 0 <= task.evaluate()["accuracy"] <= 1
