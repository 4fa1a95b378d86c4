"""Kaldi's log-mel filter bank with ImageBind's constants, in torch."""

import math
from functools import cache

import torch
from torch import Tensor

RATE_HZ = 16000
FRAME = 400
SHIFT = 160
FFT = 512
BINS = 128
LOW_HZ, HIGH_HZ = 20.0, 8000.0
PREEMPHASIS = 0.97
FLOOR = torch.finfo(torch.float32).eps


def log_mel(wave: Tensor) -> Tensor:
    """float32 (..., n) at 16 kHz, n >= 400, to natural-log mel energies (..., 1 + (n - 400) // 160, 128).

    Kaldi's `compute-fbank-feats` with a Hann window, no dither and no partial frames: each frame loses its
    mean, is pre-emphasised, windowed, and its power spectrum summed by triangles on the mel scale. On a CPU
    a frame's bits depend on its own samples alone.
    """
    hann, taps, weights = _constants(wave.device)
    frames = wave.unfold(-1, FRAME, SHIFT)
    frames = frames - frames.mean(dim=-1, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
    power = torch.fft.rfft((frames - PREEMPHASIS * before) * hann, FFT).abs() ** 2
    energies = _mel_energies(power.flatten(0, -2), taps, weights)
    return energies.clamp(min=FLOOR).log().unflatten(0, power.shape[:-1])


class LogMelStream:
    """`log_mel` of a sound that comes in chunks: the same frames, bit for bit, each as soon as it can be."""

    def __init__(self) -> None:
        self._rest = torch.empty(0)

    def push(self, wave: Tensor) -> Tensor:
        """The next float32 (n,) at 16 kHz to the frames that it completes, (k, 128)."""
        wave = torch.cat([self._rest, wave])
        count = max(0, 1 + (len(wave) - FRAME) // SHIFT)
        self._rest = wave[count * SHIFT :].clone()
        return log_mel(wave) if count else torch.empty(0, BINS)


def _mel_energies(power: Tensor, taps: Tensor, weights: Tensor) -> Tensor:
    """(n, 257) to (n, 128), one FFT bin of every triangle after the other.

    As fast as the matrix product with the triangles, which are nearly all zeros, and unlike it the same for
    one frame as for many.
    """
    bins = power.T.contiguous()
    energies = power.new_zeros(BINS, len(power))
    for at, weight in zip(taps, weights, strict=True):
        energies += bins.index_select(0, at) * weight[:, None]
    return energies.T


def _mel(hertz: Tensor) -> Tensor:
    return 1127.0 * (1.0 + hertz / 700.0).log()


def _triangles() -> Tensor:
    """(257, 128): how much of each FFT bin goes into each mel bin. The fourth triangle falls between two
    FFT bins and stays empty, and the Nyquist bin belongs to none, as in Kaldi."""
    low, high = _mel(torch.tensor([LOW_HZ, HIGH_HZ], dtype=torch.float64))
    edges = low + (high - low) / (BINS + 1) * torch.arange(BINS + 2, dtype=torch.float64)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    bins = _mel(RATE_HZ / FFT * torch.arange(FFT // 2, dtype=torch.float64))[:, None]
    weights = torch.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clamp(min=0)
    return torch.cat([weights, torch.zeros(1, BINS)]).float()


def _taps(triangles: Tensor) -> tuple[Tensor, Tensor]:
    """The j-th FFT bin of each triangle and its weight, (taps, 128) each; shorter triangles end in zeros."""
    inside = triangles > 0
    taps = inside.long().argmax(dim=0) + torch.arange(int(inside.sum(dim=0).max()))[:, None]
    taps = taps.clamp(max=len(triangles) - 1)
    return taps, triangles.gather(0, taps)


@cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The window (400,), and the triangles' taps and weights; kept, because graphs refer to them."""
    instants = torch.arange(FRAME, dtype=torch.float64)
    hann = (0.5 - 0.5 * torch.cos(2 * math.pi * instants / (FRAME - 1))).float()
    taps, weights = _taps(_triangles())
    return hann.to(device), taps.to(device), weights.to(device)
