"""A clip or a whole video to ImageBind's vision input: first and last frame of each clip, three crops."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from .image import SIDE, check_rgb, normalise

CLIPS = 5
CLIP_S = 2.0


def video(frames: np.ndarray, rate_hz: float | None = None) -> Tensor:
    """uint8 RGB (t, h, w, 3) to float32 (views, 3, 2, 224, 224), clip by clip and crop by crop.

    With `rate_hz` the frames are a whole video, seen as the released model sees a file: five clips of two
    seconds, spread evenly, three crops each (15 views). Without it they are one clip (3 views).
    Raises InputError.
    """
    check_rgb(frames, ndim=4)
    pairs = [(0, len(frames) - 1)] if rate_hz is None else clip_frames(len(frames), rate_hz)
    return torch.cat([_views(frames[list(pair)]) for pair in pairs])


def clip_frames(count: int, rate_hz: float) -> list[tuple[int, int]]:
    """First and last frame of each of the five clips of a video of `count` frames."""
    if not rate_hz > 0 or not math.isfinite(rate_hz) or count < 1:
        raise InputError(f"vision: {count} frames at {rate_hz} Hz are no video")
    pairs: list[tuple[int, int]] = []
    for start in clip_starts(count / rate_hz, CLIPS):
        first = min(math.ceil(rate_hz * start), count - 1)
        end = min(math.ceil(rate_hz * (start + CLIP_S)), count)
        pairs.append((first, max(end - 1, first)))
    return pairs


def clip_starts(duration_s: float, clips: int) -> list[float]:
    """Where two-second clips start, spread evenly; on anything shorter than one clip they coincide."""
    step = max(duration_s - CLIP_S, 0.0) / (clips - 1)
    return [i * step for i in range(clips)]


def _views(pair: np.ndarray) -> Tensor:
    """Two frames to three square crops along the longer side, (3, 3, 2, 224, 224)."""
    pixels = torch.tensor(np.ascontiguousarray(pair)).permute(0, 3, 1, 2).float() / 255
    height, width = pixels.shape[2:]
    short = min(height, width)
    size = [SIDE * height // short, SIDE * width // short]
    pixels = normalise(F.interpolate(pixels, size, mode="bilinear", align_corners=False))
    spare = max(size) - SIDE
    offsets = (0, math.ceil(spare / 2), spare)
    along = 2 if height > width else 3
    return torch.stack([pixels.narrow(along, offset, SIDE).transpose(0, 1) for offset in offsets])
