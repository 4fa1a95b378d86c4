"""Kaldi's log-mel filter bank with ImageBind's constants, in torch."""

import math

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
    """float32 (n,) at 16 kHz, n >= 400, to natural-log mel energies (1 + (n - 400) // 160, 128).

    Kaldi's `compute-fbank-feats` with a Hann window, no dither and no partial frames: each frame loses its
    mean, is pre-emphasised, windowed, and its power spectrum summed by triangles on the mel scale.
    """
    frames = wave.unfold(0, FRAME, SHIFT)
    frames = frames - frames.mean(dim=1, keepdim=True)
    before = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
    power = torch.fft.rfft((frames - PREEMPHASIS * before) * _HANN, FFT).abs() ** 2
    return (power @ _TRIANGLES).clamp(min=FLOOR).log()


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


_HANN = (0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(FRAME, dtype=torch.float64) / (FRAME - 1))).float()
_TRIANGLES = _triangles()
