"""The sound tower: a small residual conv net over a log-mel spectrogram."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..preprocess.audio import MEAN, STD
from .shape import SoundShape

# What `preprocess.audio` fills up with: a log energy of 0.
PADDING = (0.0 - MEAN) / STD
LOUDEST, FAINTEST = 20.0, 1e-7


class SoundTower(nn.Module):
    """Log-mel, float32 (n, 1, 128, 204), to (n, meaning).

    The louder, the longer a row is: of a recording's clips, those say more in which something is heard.
    """

    def __init__(self, shape: SoundShape) -> None:
        super().__init__()
        first, *others = shape.widths
        self.stem = nn.Sequential(nn.Conv2d(1, first, 5, 2, 2, bias=False), nn.BatchNorm2d(first), nn.ReLU())
        self.stages = nn.Sequential(*(Stage(a, b) for a, b in zip(shape.widths, others, strict=False)))
        wide = shape.features
        self.last = nn.Sequential(
            nn.Conv2d(shape.widths[-1], wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()
        )
        self.head = nn.Linear(2 * wide, shape.meaning)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.pooled(F.avg_pool2d(x, 2)), dim=1) * loudness(x)

    def pooled(self, x: Tensor) -> Tensor:
        """The same from spectrograms that are halved already, (n, 1, 64, 102)."""
        return self.head(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """What is there all the time, and what is there once, (n, 2 * features), of (n, 1, 64, 102)."""
        x = self.last(self.stages(self.stem(x))).mean(dim=2)
        return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)


def loudness(x: Tensor) -> Tensor:
    """The square root of the amplitude of log-mels (n, 1, 128, t), (n, 1), without frames that only pad."""
    real = (x != PADDING).any(dim=2).squeeze(1)
    # What is louder than any full-scale sound is as loud as that; no sound is so faint that it says nothing.
    energy = (x * STD + MEAN).clamp(max=LOUDEST).exp().mean(dim=2).squeeze(1)
    mean = (energy * real).sum(dim=1, keepdim=True) / real.sum(dim=1, keepdim=True).clamp(min=1)
    return mean.clamp(min=FAINTEST) ** 0.25


class Stage(nn.Module):
    """A strided convolution and a residual one."""

    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(narrow, wide, 3, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()
        )
        self.again = nn.Sequential(nn.Conv2d(wide, wide, 3, 1, 1, bias=False), nn.BatchNorm2d(wide))

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return F.relu(x + self.again(x))
