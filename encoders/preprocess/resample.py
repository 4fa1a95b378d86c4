"""Band-limited resampling between any two rates: a Hann-windowed sinc, evaluated at its own taps only."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from ..errors import InputError

# torchaudio.functional.resample's defaults ("sinc_interp_hann"), which ImageBind's audio was made with.
ZERO_CROSSINGS = 6
ROLLOFF = 0.99
LOWEST_HZ, HIGHEST_HZ = 1000, 768_000


class Resampler:
    """From one rate to another, on one device. Raises InputError for odd rates."""

    def __init__(self, from_hz: float, to_hz: int, device: torch.device) -> None:
        if not LOWEST_HZ <= from_hz <= HIGHEST_HZ or from_hz != round(from_hz):
            raise InputError(
                f"audio: a rate of {from_hz} Hz; give whole hertz from {LOWEST_HZ} to {HIGHEST_HZ}"
            )
        common = math.gcd(round(from_hz), to_hz)
        self._step, self._phases = round(from_hz) // common, to_hz // common
        self._kernel = _kernel(self._step, self._phases).to(device)

    def count(self, samples: int) -> int:
        """How many samples so many become."""
        return -(-samples * self._phases // self._step)

    def __call__(self, wave: Tensor) -> Tensor:
        """float32 (..., n) to (..., ceil(n * to_hz / from_hz))."""
        step, phases, kernel = self._step, self._phases, self._kernel
        if step == phases:
            return wave
        taps = kernel.shape[1]
        count = self.count(wave.shape[-1])
        # Output j sits at input j * step / phases; its taps start `taps // 2 - 1` samples before that.
        padded = torch.nn.functional.pad(wave, (taps // 2 - 1, taps // 2))
        if phases == 1:
            # 48 kHz to 16 is what most microphones need; without phases nothing has to be gathered.
            return padded.unfold(-1, taps, step)[..., :count, :] @ kernel[0]
        output = torch.arange(count, device=wave.device)
        first = output * step // phases
        return (padded.unfold(-1, taps, 1)[..., first, :] * kernel[output * step % phases]).sum(dim=-1)


def resample(wave: Tensor, from_hz: float, to_hz: int) -> Tensor:
    """float32 (..., n) at `from_hz` to (..., ceil(n * to_hz / from_hz)). Raises InputError for odd rates."""
    return Resampler(from_hz, to_hz, wave.device)(wave)


@lru_cache(maxsize=8)
def _kernel(step: int, phases: int) -> Tensor:
    """(phases, taps) float32: row r is the filter for an output r / phases of a sample after its first."""
    cutoff = min(step, phases) * ROLLOFF / step
    half = math.ceil(ZERO_CROSSINGS / cutoff)
    offset = torch.arange(phases, dtype=torch.float64)[:, None] / phases
    tap = torch.arange(-half, half + 2, dtype=torch.float64)[None]
    t = ((tap - offset) * cutoff).clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = torch.cos(t * math.pi / ZERO_CROSSINGS / 2) ** 2
    return (torch.sinc(t) * window * cutoff).float()
