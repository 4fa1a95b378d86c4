"""The released architecture at its real size, on random weights: 4.8 GB on disk and in memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sixsense.encoders.architecture import HUGE
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.loading import check_weights
from sixsense.encoders.model import load_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

INPUTS = {
    "vision": (3, 224, 224),
    "audio": (1, 128, 204),
    "depth": (1, 224, 224),
    "thermal": (1, 224, 224),
    "imu": (6, 2000),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A file with the name, keys and shapes of the released one."""
    path = tmp_path_factory.mktemp("full") / "imagebind_huge.pth"
    torch.manual_seed(0)
    with torch.device("meta"):
        keys = {key: value.shape for key, value in ImageBind(HUGE).state_dict().items()}
    torch.save({key: values(key, shape) for key, shape in keys.items()}, path)
    yield path
    path.unlink()


def values(key: str, shape: torch.Size) -> torch.Tensor:
    if key.endswith(".mask"):
        return torch.full(shape, -torch.inf).triu(1)
    if len(shape) < 2:
        return torch.ones(shape) if key.endswith("weight") else torch.zeros(shape)
    return 0.02 * torch.randn(shape)


def test_every_key_is_there_and_every_modality_runs(checkpoint: Path, shared: Path):
    state = check_weights(checkpoint, HUGE)
    assert len(state) == 1311
    assert sum(value.numel() for value in state.values()) == 1_200_786_990
    model = load_model(checkpoint, device="cpu", vocabulary=shared / "vocab" / "bpe_simple_vocab_16e6.txt.gz")
    torch.manual_seed(1)
    for modality, shape in INPUTS.items():
        check(model.forward(modality, torch.randn(2, *shape)))
    check(model.embed_text(["a dog", "rain on a tin roof"]))


def check(rows: np.ndarray) -> None:
    """Two unit vectors that differ."""
    assert rows.shape == (2, 1024)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert float(rows[0] @ rows[1]) < 0.99999
