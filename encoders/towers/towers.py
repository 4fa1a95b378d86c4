"""Towers: one small network a modality, behind the same face as ImageBind."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from ..imagebind import IMAGE_SIDE, check_input
from .motion import MotionTower
from .picture import PictureTower
from .shape import MotionShape, PictureShape, Shape, SoundShape, TextShape, TowersShape
from .sound import SoundTower
from .text import TextTower

# With which every tower was trained: the inverse of a temperature of 0.07.
LOGIT_SCALE = 1 / 0.07

_KINDS: dict[type[Shape], Callable[[Any], nn.Module]] = {
    TextShape: TextTower,
    SoundShape: SoundTower,
    MotionShape: MotionTower,
    PictureShape: PictureTower,
}


class Towers(nn.Module):
    """The towers of `shape`. `forward` takes what `preprocess` makes, for ImageBind and for these alike."""

    def __init__(self, shape: TowersShape) -> None:
        super().__init__()
        self.architecture = shape
        self.towers = nn.ModuleDict(
            {m: _KINDS[type(tower)](tower) for m, tower in shape.each().items() if tower is not None}
        )

    def forward(self, modality: str, x: Tensor) -> Tensor:
        """Embed a batch: (n, ...) or clips (n, clips, ...) to unit rows (n, dim).

        A row of clips, or of a clip's two frames, is the direction of the sum of what the tower says of each.
        A tower that says less than `dim` numbers says 0 in the others. Raises InputError for a modality or
        shape that it does not take.
        """
        clips = x.shape[1] if x.ndim >= 5 else None
        rows = x.flatten(0, 1) if clips is not None else x
        check_input(self.architecture.modalities, modality, x, rows, self._vocabulary)
        if modality == "vision" and x.shape[-1] != IMAGE_SIDE:
            raise InputError(
                f"vision input of shape {tuple(x.shape)}; towers take pictures of {IMAGE_SIDE} pixels"
            )
        frames = 1
        if rows.ndim == 5:
            frames = rows.shape[2]
            rows = rows.transpose(1, 2).flatten(0, 1)
        mean = self.towers[modality](rows).unflatten(0, (-1, frames * (clips or 1))).mean(dim=1)
        return F.normalize(self._whole(mean), dim=-1)

    def rows(self, modality: str, x: Tensor) -> Tensor:
        """Unit rows (n, dim) of texts or single pictures and windows (n, ...), without `forward`'s checks and
        shortcuts: tensor operations only, as exporters need."""
        tower = self.towers[modality]
        return self._whole(F.normalize(tower.rows(x) if isinstance(tower, TextTower) else tower(x), dim=-1))

    def logit_scale(self, modality: str) -> float:
        """The inverse temperature that a modality was trained with."""
        if modality not in self.towers:
            raise InputError(f"no {modality!r} tower is loaded; loaded are {', '.join(self.towers)}")
        return LOGIT_SCALE

    def _whole(self, rows: Tensor) -> Tensor:
        return F.pad(rows, (0, self.architecture.dim - rows.shape[1]))

    @property
    def _vocabulary(self) -> int:
        text = self.architecture.towers.text
        return text.vocabulary if text is not None else 0
