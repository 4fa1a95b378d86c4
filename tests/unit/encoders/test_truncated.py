"""A weights file that was cut off anywhere: the first key that is not whole is named, never another."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sixsense.encoders.architecture import Architecture, Trunk
from sixsense.encoders.errors import ModelError
from sixsense.encoders.loading import check_weights
from sixsense.encoders.truncated import first_cut_key

SIZES = {"a.weight": 1000, "b": 500, "c": 1000, "d": 0, "e": 3000}
STATE = {
    key: torch.zeros(n, dtype=torch.float16 if key in "bd" else torch.float32) for key, n in SIZES.items()
}
STATE["f"] = torch.zeros(())


def saved(path: Path) -> Path:
    torch.save(STATE, path) if path.suffix == ".pth" else save_file(STATE, path)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_first_key_that_is_not_whole_is_named(tmp_path, suffix):
    whole = saved(tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"cut{suffix}"
    named: list[str] = []
    for size in range(0, len(whole) + 1, 97):
        path.write_bytes(whole[:size])
        key = first_cut_key(path)
        named += [key] if key is not None and key not in named[-1:] else []
    order = list(STATE) if suffix == ".pth" else ["a.weight", "c", "e", "f", "b", "d"]
    assert named == sorted(set(named), key=order.index)
    assert {key for key in order if STATE[key].nbytes > 97} <= set(named)
    assert first_cut_key(saved(tmp_path / f"whole{suffix}")) is None


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_rubbish_names_nothing(tmp_path, suffix):
    rng = np.random.default_rng(0)
    whole = saved(tmp_path / f"whole{suffix}").read_bytes()[:3000]
    path = tmp_path / f"rubbish{suffix}"
    for size in (0, 1, 8, 100):
        path.write_bytes(rng.bytes(size))
        assert first_cut_key(path) is None
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            damaged[at] = rng.integers(256)
        path.write_bytes(damaged)
        first_cut_key(path)
    assert first_cut_key(tmp_path / "none.pth") is None


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_model_that_is_cut_off_says_where(tmp_path, suffix):
    path = saved(tmp_path / f"w{suffix}")
    path.write_bytes(path.read_bytes()[:5000])
    wide = Architecture(8, {"imu": Trunk(8, 1, 2)})
    with pytest.raises(
        ModelError, match=r"w\.\w+: [bc] is not whole, the file is cut off after 5000 bytes; fetch"
    ):
        check_weights(path, wide)
