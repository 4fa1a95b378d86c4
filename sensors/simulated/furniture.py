"""What stands in simulated rooms: furniture, built of boxes and ellipsoids, and how it is arranged."""

from colorsys import hsv_to_rgb
from typing import NamedTuple

from .room import Colour, Point, Span
from .split import OWNERS, Split, between, finely


class Tint(NamedTuple):
    """A range of colours: hue, saturation, value, each in [0, 1]."""

    hue: Span
    saturation: Span
    value: Span

    def at(self, trait: float) -> Colour:
        """One of its colours: the hue goes with the trait, the rest with where in its cell it is."""
        fine = finely(trait)
        rgb = hsv_to_rgb(
            between(trait, *self.hue) % 1, between(1 - fine, *self.saturation), between(fine, *self.value)
        )
        return (round(255 * rgb[0]), round(255 * rgb[1]), round(255 * rgb[2]))


TINTS = {
    "wood": Tint((0.04, 0.11), (0.30, 0.65), (0.32, 0.72)),
    "fabric": Tint((0.0, 1.0), (0.15, 0.60), (0.28, 0.70)),
    "metal": Tint((0.5, 0.7), (0.0, 0.10), (0.35, 0.85)),
    "white": Tint((0.05, 0.16), (0.0, 0.06), (0.86, 0.96)),
    "clay": Tint((0.0, 0.12), (0.25, 0.70), (0.40, 0.80)),
    "leaf": Tint((0.22, 0.40), (0.40, 0.75), (0.28, 0.55)),
    "vivid": Tint((0.0, 1.0), (0.60, 0.95), (0.55, 0.95)),
    "wall": Tint((0.0, 1.0), (0.02, 0.26), (0.66, 0.92)),
    "floor": Tint((0.02, 0.14), (0.10, 0.60), (0.30, 0.75)),
    "card": Tint((0.07, 0.11), (0.35, 0.50), (0.55, 0.75)),
    "screen": Tint((0.45, 0.95), (0.35, 0.70), (0.25, 0.60)),
    "dark": Tint((0.0, 1.0), (0.0, 0.25), (0.10, 0.25)),
}


class Part(NamedTuple):
    """A box (or an ellipsoid that fills it, when `round`) of a piece of furniture, in its place's own frame:
    away from the wall, along it, up (m). `warmer` than the room, in K."""

    low: Point
    high: Point
    tint: str
    pattern: str = "plain"
    warmer: float = 0.0
    glows: bool = False
    round: bool = False


PIECES: dict[str, tuple[Part, ...]] = {
    "sofa": (
        Part((0, 0, 0), (0.8, 1.7, 0.42), "fabric", "weave", 0.3),
        Part((0, 0, 0.42), (0.25, 1.7, 0.85), "fabric", "weave", 0.2),
    ),
    "armchair": (
        Part((0, 0.15, 0), (0.75, 0.75, 0.42), "fabric", "weave", 0.2),
        Part((0, 0.15, 0.42), (0.2, 0.75, 1.0), "fabric", "weave", 0.1),
        Part((0, 0, 0), (0.75, 0.15, 0.6), "fabric", "weave"),
        Part((0, 0.75, 0), (0.75, 0.9, 0.6), "fabric", "weave"),
    ),
    "bed": (
        Part((0, 0, 0), (0.95, 1.8, 0.3), "wood", "planks"),
        Part((0, 0.04, 0.3), (0.93, 1.76, 0.5), "white", "weave", 0.4),
        Part((0.2, 1.35, 0.5), (0.75, 1.7, 0.6), "fabric", "plain", 0.4),
    ),
    "shelf": (Part((0, 0, 0), (0.4, 1.7, 1.9), "wood", "books"),),
    "bookcase": (
        Part((0, 0, 0), (0.35, 0.8, 2.1), "wood", "books"),
        Part((0, 0.9, 0), (0.35, 1.7, 1.2), "wood", "books"),
    ),
    "wardrobe": (Part((0, 0, 0), (0.6, 1.4, 2.05), "wood", "panels"),),
    "drawers": (
        Part((0, 0, 0), (0.45, 1.1, 0.8), "wood", "panels"),
        Part((0.1, 0.2, 0.8), (0.35, 0.45, 1.1), "vivid"),
        Part((0.12, 0.6, 0.8), (0.32, 0.95, 0.95), "card"),
    ),
    "desk": (
        Part((0, 0, 0.71), (0.7, 1.4, 0.75), "wood", "planks"),
        Part((0.05, 0.02, 0), (0.65, 0.08, 0.71), "metal"),
        Part((0.05, 1.32, 0), (0.65, 1.38, 0.71), "metal"),
        Part((0.15, 0.4, 0.80), (0.19, 1.0, 1.18), "screen", "picture", 9.0, glows=True),
    ),
    "fridge": (
        Part((0, 0, 0), (0.65, 0.65, 1.75), "white", "panels", -1.0),
        Part((0, 0.8, 0), (0.6, 1.4, 0.85), "metal", "panels", 2.0),
        Part((0.1, 0.9, 0.85), (0.5, 1.3, 0.87), "dark", "plain", 35.0),
    ),
    "television": (
        Part((0, 0, 0), (0.4, 1.5, 0.45), "wood", "panels"),
        Part((0.12, 0.2, 0.55), (0.18, 1.3, 1.2), "screen", "picture", 11.0, glows=True),
    ),
    "plant": (
        Part((0.1, 0.1, 0), (0.42, 0.42, 0.38), "clay", "plain", -1.2),
        Part((0.0, 0.0, 0.35), (0.52, 0.50, 1.15), "leaf", warmer=-1.8, round=True),
        Part((0.1, 0.05, 0.9), (0.5, 0.42, 1.45), "leaf", warmer=-2.0, round=True),
    ),
    "cactus": (
        Part((0.12, 0.12, 0), (0.40, 0.40, 0.3), "clay", "plain", -1.0),
        Part((0.15, 0.15, 0.2), (0.37, 0.37, 1.1), "leaf", warmer=-1.2, round=True),
    ),
    "boxes": (
        Part((0.02, 0.02, 0), (0.5, 0.48, 0.4), "card", "panels"),
        Part((0.1, 0.08, 0.4), (0.45, 0.4, 0.72), "card", "panels"),
    ),
    "floor lamp": (
        Part((0.15, 0.15, 0), (0.4, 0.4, 0.04), "dark"),
        Part((0.26, 0.26, 0.04), (0.29, 0.29, 1.45), "metal"),
        Part((0.12, 0.12, 1.45), (0.43, 0.43, 1.75), "white", "plain", 22.0, glows=True),
    ),
    "bin": (Part((0.1, 0.1, 0), (0.4, 0.4, 0.55), "metal", "ribs"),),
    "table": (
        Part((0, 0, 0.70), (1.3, 0.7, 0.75), "wood", "planks", 0.2),
        Part((0.04, 0.04, 0), (0.11, 0.11, 0.7), "wood"),
        Part((1.19, 0.04, 0), (1.26, 0.11, 0.7), "wood"),
        Part((1.19, 0.59, 0), (1.26, 0.66, 0.7), "wood"),
        Part((0.4, 0.5, 0.80), (0.95, 0.54, 1.15), "screen", "picture", 9.0, glows=True),
        Part((1.05, 0.15, 0.75), (1.13, 0.23, 0.85), "vivid", "plain", 28.0),
    ),
    "low table": (
        Part((0, 0, 0.36), (1.1, 0.6, 0.42), "wood", "planks"),
        Part((0.1, 0.1, 0), (1.0, 0.5, 0.36), "dark"),
        Part((0.2, 0.2, 0.42), (0.5, 0.4, 0.47), "vivid", "books"),
        Part((0.7, 0.15, 0.42), (0.94, 0.39, 0.66), "clay", round=True),
    ),
    "chair": (
        Part((0.3, 0.1, 0.0), (0.36, 0.16, 0.45), "wood"),
        Part((0.72, 0.1, 0.0), (0.78, 0.16, 0.45), "wood"),
        Part((0.3, 0.1, 0.45), (0.78, 0.58, 0.5), "wood", "planks"),
        Part((0.3, 0.52, 0.5), (0.78, 0.58, 1.0), "wood", "ribs"),
    ),
    "crate": (
        Part((0.1, 0, 0), (0.8, 0.5, 0.5), "wood", "planks"),
        Part((0.2, 0.05, 0.5), (0.6, 0.45, 0.9), "vivid", round=True),
    ),
    "stool": (
        Part((0.3, 0.1, 0.55), (0.7, 0.5, 0.6), "vivid"),
        Part((0.46, 0.26, 0), (0.54, 0.34, 0.55), "metal"),
    ),
    "pouf": (Part((0.2, 0.05, 0), (0.8, 0.65, 0.4), "vivid", round=True, warmer=0.2),),
}


class Arrangement(NamedTuple):
    """Which piece stands at the west wall, at the east wall, in the corner by the door, and in the middle."""

    west: str
    east: str
    corner: str
    middle: str


ARRANGEMENTS = (
    Arrangement("desk", "wardrobe", "plant", "chair"),
    Arrangement("bed", "bookcase", "floor lamp", "low table"),
    Arrangement("armchair", "shelf", "boxes", "table"),
    Arrangement("sofa", "television", "cactus", "pouf"),
    Arrangement("fridge", "drawers", "bin", "table"),
    Arrangement("sofa", "shelf", "plant", "table"),
    Arrangement("shelf", "sofa", "boxes", "crate"),
    Arrangement("wardrobe", "armchair", "plant", "stool"),
    Arrangement("television", "bed", "floor lamp", "chair"),
    Arrangement("bookcase", "desk", "bin", "low table"),
    Arrangement("drawers", "fridge", "cactus", "crate"),
    Arrangement("desk", "sofa", "boxes", "low table"),
)
"""Owned by the splits as the rows of `split.OWNERS`."""


def arrangements(split: Split) -> list[Arrangement]:
    """Those of a split."""
    return [row for row, owner in zip(ARRANGEMENTS, OWNERS, strict=True) if owner == split]
