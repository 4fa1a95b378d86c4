"""Sound is what torchaudio, which the released model was trained with, makes of it."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest
import torch
from sixsense.encoders import preprocess
from sixsense.encoders.preprocess.audio import MEAN, STD
from sixsense.encoders.preprocess.mel import log_mel
from sixsense.encoders.preprocess.resample import resample

KALDI = {
    "htk_compat": True,
    "sample_frequency": 16000,
    "use_energy": False,
    "window_type": "hanning",
    "num_mel_bins": 128,
    "dither": 0.0,
    "frame_length": 25,
    "frame_shift": 10,
}


@pytest.fixture(scope="module")
def part() -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module of torchaudio that is Python: the compiled ones need a torch for CUDA beside them."""
    spec = find_spec("torchaudio")
    if spec is None:
        pytest.skip("compares with torchaudio: pip install torchaudio")
    package, compiled = ModuleType("torchaudio"), ModuleType("torchaudio._extension")
    package.__path__ = list(spec.submodule_search_locations or ())
    without = {"_IS_TORCHAUDIO_EXT_AVAILABLE": False, "_IS_RIR_AVAILABLE": False}
    vars(compiled).update(without, fail_if_no_align=lambda function: function)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            patch.delitem(sys.modules, name)
        patch.setitem(sys.modules, "torchaudio", package)
        patch.setitem(sys.modules, "torchaudio._extension", compiled)
        yield lambda name: import_module(f"torchaudio.{name}")


def noise(count: int, level: float = 0.1) -> torch.Tensor:
    return level * torch.randn(count, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("level", [1e-5, 0.1, 1.0])
@pytest.mark.parametrize("count", [400, 5000, 32000])
def test_log_mel(part, count, level):
    wave = noise(count, level)
    expected = part("compliance.kaldi").fbank(wave[None], **KALDI)
    torch.testing.assert_close(log_mel(wave), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 32000, 44100, 48000, 96000, 192000])
def test_resampling(part, rate_hz):
    wave = noise(rate_hz // 5)
    expected = part("functional.functional").resample(wave, rate_hz, 16000)
    # At uneven ratios torchaudio computes its filters in float32.
    torch.testing.assert_close(resample(wave, rate_hz, 16000), expected, atol=2e-5, rtol=0)


def test_a_window_as_the_released_model_takes_it(part):
    stereo = noise(2 * 44100, 0.3).repeat(2, 1).T.numpy() * np.array([1, -0.5], np.float32)
    wave = part("functional.functional").resample(torch.from_numpy(stereo[:, 0].copy()), 44100, 16000)
    expected = part("compliance.kaldi").fbank((wave - wave.mean())[None], **KALDI).T
    expected = torch.nn.functional.pad(expected, (0, 204 - expected.shape[1]))
    got = preprocess.audio(stereo, 44100)[0] * STD + MEAN
    torch.testing.assert_close(got, expected, atol=1e-2, rtol=0)
    assert float((got - expected).abs().median()) < 1e-4
