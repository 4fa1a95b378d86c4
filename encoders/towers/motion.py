"""The motion tower: a small residual conv net over a window of accelerometer and gyroscope."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .shape import MotionShape

# Gravity is 9.8 m/s^2, a brisk turn of the body 3 rad/s: both become numbers around 1.
SCALES = (10.0, 10.0, 10.0, 3.0, 3.0, 3.0)


class MotionTower(nn.Module):
    """Rows of m/s^2 and rad/s, float32 (n, 6, 2000), to (n, meaning)."""

    scales: Tensor

    def __init__(self, shape: MotionShape) -> None:
        super().__init__()
        self._instants = shape.instants
        first = shape.widths[0]
        self.register_buffer("scales", torch.tensor(SCALES)[:, None])
        # Beside the channels themselves, how strong force and turning are: no orientation changes that.
        self.stem = nn.Sequential(nn.Conv1d(8, first, 7, 1, 3, bias=False), nn.BatchNorm1d(first), nn.ReLU())
        pairs = zip(shape.widths, shape.widths[1:], strict=False)
        self.stages = nn.Sequential(*(Stage(narrow, wide) for narrow, wide in pairs))
        self.head = nn.Linear(2 * shape.widths[-1], shape.meaning)

    def forward(self, x: Tensor) -> Tensor:
        return self.pooled(F.avg_pool1d(x, x.shape[2] // self._instants))

    def pooled(self, x: Tensor) -> Tensor:
        """The same from rows at `instants` a window, (n, 6, instants)."""
        x = x / self.scales
        force = torch.linalg.vector_norm(x[:, :3], dim=1, keepdim=True) - 0.98
        turn = torch.linalg.vector_norm(x[:, 3:], dim=1, keepdim=True)
        x = self.stages(self.stem(torch.cat([x, force, turn], dim=1)))
        return self.head(torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1))


class Stage(nn.Module):
    """A strided convolution and a residual one."""

    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv1d(narrow, wide, 5, 2, 2, bias=False), nn.BatchNorm1d(wide), nn.ReLU()
        )
        self.again = nn.Sequential(nn.Conv1d(wide, wide, 3, 1, 1, bias=False), nn.BatchNorm1d(wide))

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return F.relu(x + self.again(x))
