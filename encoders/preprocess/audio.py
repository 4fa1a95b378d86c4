"""PCM to ImageBind's audio input: log-mel of two seconds, padded to 204 frames."""

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .checks import is_finite, is_numeric, not_empty
from .mel import BINS, FRAME, RATE_HZ, log_mel
from .resample import resample
from .video import CLIP_S, clip_starts

FRAMES = 204
CLIPS = 3
# AudioSet's, with which the released model was trained.
MEAN, STD = -4.268, 9.138
# Louder than any float recording that means full scale by 1: integers that somebody cast.
LOUDEST = 64.0
INT16_SCALE = 32768.0


def audio(pcm: np.ndarray, rate_hz: float, channel: int = 0) -> Tensor:
    """One window: PCM (n,) or (n, channels) to float32 (1, 128, 204).

    Floats are full scale at 1, int16 and int32 at their own; only `channel` is heard. Two seconds
    give 198 frames; the rest is silence of value 0 before normalisation, as the model was trained. What
    would be a frame beyond the 204th is cut. Raises InputError for less than 25 ms.
    """
    return _window(_mono_16k(pcm, rate_hz, channel))


def audio_clips(pcm: np.ndarray, rate_hz: float, channel: int = 0) -> Tensor:
    """A recording as the released model hears a file: (3, 1, 128, 204), two seconds each, spread evenly.

    As released, a clip loses its mean in place: where clips overlap (files below six seconds) the next one
    starts with samples that are shifted already, which shows in the frame where the shift ends.
    """
    wave = _mono_16k(pcm, rate_hz, channel).clone()
    starts = [round(start * RATE_HZ) for start in clip_starts(len(wave) / RATE_HZ, CLIPS)]
    return torch.stack([_shifted(wave[start : start + round(CLIP_S * RATE_HZ)]) for start in starts])


def _shifted(clip: Tensor) -> Tensor:
    clip -= clip.mean()
    return _window(clip)


def _mono_16k(pcm: np.ndarray, rate_hz: float, channel: int) -> Tensor:
    wave = full_scale(one_channel(pcm, channel))
    return resample(torch.from_numpy(np.ascontiguousarray(wave)), rate_hz, RATE_HZ)


def one_channel(pcm: np.ndarray, channel: int) -> np.ndarray:
    """A channel of PCM (n,) or (n, channels), (n,). Raises InputError."""
    if pcm.ndim not in (1, 2):
        raise InputError(f"audio: PCM of shape {pcm.shape}; give (n,) or (n, channels)")
    not_empty(pcm, "audio")
    channels = pcm[:, None] if pcm.ndim == 1 else pcm
    if not 0 <= channel < channels.shape[1]:
        raise InputError(f"audio: no channel {channel}; there are {channels.shape[1]}, counted from 0")
    return channels[:, channel]


def full_scale(pcm: np.ndarray) -> np.ndarray:
    """PCM of any accepted type to float32 in [-1, 1]. Raises InputError for another type or range."""
    if pcm.dtype == np.int16 or pcm.dtype == np.int32:
        return (pcm / -float(np.iinfo(pcm.dtype).min)).astype(np.float32)
    is_numeric(pcm, "audio", "f", "float PCM in [-1, 1], int16 or int32")
    is_finite(pcm, "audio")
    peak = float(np.abs(pcm).max(initial=0.0))
    if peak > LOUDEST:
        raise InputError(f"audio: float PCM up to {peak:g}; full scale is 1 (divide int16 values by 32768)")
    return pcm.astype(np.float32)


def _window(wave: Tensor) -> Tensor:
    check_length(len(wave))
    return features(wave)


def check_length(samples: int) -> None:
    """Raises InputError unless so many samples at 16 kHz hold a frame."""
    if samples < FRAME:
        raise InputError(f"audio: {samples / RATE_HZ * 1000:.1f} ms of sound; one frame needs 25 ms")


def features(wave: Tensor) -> Tensor:
    """float32 (..., n) at 16 kHz, 25 ms or more, to (..., 1, 128, 204)."""
    frames = log_mel(wave)[..., :FRAMES, :]
    padded = wave.new_zeros(*wave.shape[:-1], BINS, FRAMES)
    padded[..., : frames.shape[-2]] = frames.transpose(-1, -2)
    return ((padded - MEAN) / STD).unsqueeze(-3)
