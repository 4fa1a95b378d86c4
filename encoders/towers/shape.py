"""Sizes of the towers of a small model, read from its weights' metadata (no torch)."""

from typing import Annotated, Any

import msgspec

from ..errors import ModelError

Size = Annotated[int, msgspec.Meta(ge=1)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every tower's sizes have in common: how many numbers it says of what something means."""

    meaning: Size = 256


class TextShape(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`vocabulary` counts token ids, of which 0 pads; `blocks` are transformer blocks of `heads` heads."""

    vocabulary: Size
    width: Size = 256
    blocks: Size = 4
    heads: Size = 4

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")


class SoundShape(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Channels of the stages, each of which halves both time and pitch; `features` are what is looked for at
    every place after them."""

    widths: tuple[Size, ...] = (24, 48, 96, 160)
    features: Size = 512


class MotionShape(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Channels of the stages; each but the first halves time, of which there are `instants` in a window."""

    widths: tuple[Size, ...] = (48, 96, 160, 224)
    instants: Size = 100


class PictureShape(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes of a picture tower.

    `widths` are the channels of the stem and of the three stages, at strides 2, 4, 8 and 16 of 112 pixels;
    `blocks` the residual blocks of each stage; `features` what is averaged over the picture; `layout`
    the second part of the row, and `layout_share` its share of the squared length.
    """

    channels: int
    widths: tuple[int, int, int, int]
    blocks: tuple[int, int, int]
    features: int
    layout: int = 0
    layout_share: float = 0.0


class TowerShapes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One tower a modality; None: the model has none."""

    vision: PictureShape | None = None
    text: TextShape | None = None
    audio: SoundShape | None = None
    depth: PictureShape | None = None
    thermal: PictureShape | None = None
    imu: MotionShape | None = None


class TowersShape(msgspec.Struct, frozen=True, kw_only=True):
    """The shared dimension, the towers, and the merges of the text tower's tokenizer, each "left right"."""

    dim: int
    towers: TowerShapes
    merges: tuple[str, ...] = ()

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(name for name, shape in self.each().items() if shape is not None)

    def each(self) -> dict[str, Shape | None]:
        """Every modality's shape, or None."""
        return {name: getattr(self.towers, name) for name in TowerShapes.__struct_fields__}

    def only(self, modalities: tuple[str, ...]) -> "TowersShape":
        """The same model with these towers alone. Raises ModelError for a modality that it has not."""
        for modality in modalities:
            if modality not in self.modalities:
                raise ModelError(
                    f"no modality {modality!r} in this model; it has {', '.join(self.modalities)}"
                )
        kept = {name: shape for name, shape in self.each().items() if name in modalities}
        return msgspec.structs.replace(self, towers=msgspec.convert(kept, TowerShapes))


FAMILY = "towers"


class _Config(msgspec.Struct):
    """The architecture's part of a config.json of this family."""

    dim: Size
    towers: TowerShapes
    merges: tuple[str, ...] = ()


def parse_shape(config: bytes, where: str) -> TowersShape | None:
    """Read a config that says `"family": "towers"`; None for one of another family.

    Raises ModelError with `where` for anything missing or impossible.
    """
    try:
        if msgspec.json.decode(config, type=dict[str, Any]).get("family") != FAMILY:
            return None
        read = msgspec.json.decode(config, type=_Config)
    except msgspec.MsgspecError as error:
        raise ModelError(f"{where}: {error}") from error
    shape = TowersShape(dim=read.dim, towers=read.towers, merges=read.merges)
    if not shape.modalities:
        raise ModelError(
            f"{where}: no tower; give at least one of {', '.join(TowerShapes.__struct_fields__)}"
        )
    return shape


def format_shape(shape: TowersShape) -> dict[str, Any]:
    """The fields that `parse_shape` reads back as the same shape."""
    return {"family": FAMILY} | msgspec.to_builtins(shape)
