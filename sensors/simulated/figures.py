"""Who and what comes into the room: people, dogs and balls, bodies of ellipsoids on their way in and out."""

from typing import NamedTuple

import numpy as np

from ..sample import NS
from .building import room_of
from .furniture import Tint
from .room import Colour, Ellipsoid, Point, Room
from .script import Happening, Script
from .split import between, finely


class Limb(NamedTuple):
    """A part of a body in its own frame: x ahead, y to its left, z up from the floor it stands on (m).

    `swing` is how far it moves ahead at its furthest with each stride.
    """

    centre: Point
    radii: Point
    tint: str
    kelvin: float
    swing: float = 0.0


class Figure(NamedTuple):
    """A kind of body: its limbs, for each tint what it can be, strides a second, and how its size varies."""

    limbs: tuple[Limb, ...]
    tints: dict[str, tuple[Tint, ...]]
    stride_hz: tuple[float, float]
    scale: tuple[float, float]
    stout: tuple[float, float]


_SKIN = (
    Tint((0.045, 0.075), (0.30, 0.48), (0.75, 0.92)),
    Tint((0.045, 0.07), (0.45, 0.62), (0.30, 0.58)),
)
_HAIR = (Tint((0.04, 0.1), (0.3, 0.6), (0.08, 0.35)), Tint((0.08, 0.13), (0.1, 0.5), (0.5, 0.8)))
_CLOTH = (
    Tint((0.0, 1.0), (0.45, 0.85), (0.45, 0.9)),
    Tint((0.0, 1.0), (0.0, 0.2), (0.2, 0.9)),
)
_DARK = (Tint((0.0, 1.0), (0.1, 0.5), (0.12, 0.42)),)
_FUR = (
    Tint((0.05, 0.11), (0.4, 0.7), (0.3, 0.7)),
    Tint((0.06, 0.1), (0.02, 0.2), (0.12, 0.9)),
)
_VIVID = (Tint((0.0, 1.0), (0.65, 0.95), (0.6, 0.95)),)

PERSON = Figure(
    limbs=(
        Limb((0.0, 0.0, 1.60), (0.105, 0.085, 0.13), "skin", 307.2),
        Limb((-0.03, 0.0, 1.66), (0.10, 0.092, 0.10), "hair", 303.5),
        Limb((0.0, 0.0, 1.46), (0.06, 0.06, 0.09), "skin", 307.0),
        Limb((0.0, 0.0, 1.17), (0.135, 0.21, 0.32), "shirt", 303.0),
        Limb((0.0, 0.0, 0.88), (0.13, 0.175, 0.16), "trousers", 301.5),
        Limb((0.0, 0.095, 0.46), (0.085, 0.085, 0.46), "trousers", 300.8, 0.13),
        Limb((0.0, -0.095, 0.46), (0.085, 0.085, 0.46), "trousers", 300.8, -0.13),
        Limb((0.0, 0.245, 1.13), (0.06, 0.058, 0.31), "shirt", 302.5, -0.08),
        Limb((0.0, -0.245, 1.13), (0.06, 0.058, 0.31), "shirt", 302.5, 0.08),
        Limb((0.02, 0.255, 0.80), (0.05, 0.04, 0.08), "skin", 305.5, -0.08),
        Limb((0.02, -0.255, 0.80), (0.05, 0.04, 0.08), "skin", 305.5, 0.08),
    ),
    tints={"skin": _SKIN, "hair": _HAIR, "shirt": _CLOTH, "trousers": _DARK},
    stride_hz=(0.75, 1.05),
    scale=(0.88, 1.1),
    stout=(0.9, 1.25),
)
DOG = Figure(
    limbs=(
        Limb((0.0, 0.0, 0.42), (0.33, 0.13, 0.14), "fur", 303.5),
        Limb((0.26, 0.0, 0.50), (0.13, 0.10, 0.14), "fur", 303.8),
        Limb((0.42, 0.0, 0.62), (0.12, 0.09, 0.10), "fur", 304.5),
        Limb((0.54, 0.0, 0.58), (0.09, 0.05, 0.05), "muzzle", 306.5),
        Limb((0.38, 0.08, 0.70), (0.04, 0.02, 0.09), "muzzle", 304.0),
        Limb((0.38, -0.08, 0.70), (0.04, 0.02, 0.09), "muzzle", 304.0),
        Limb((0.24, 0.08, 0.18), (0.05, 0.045, 0.19), "fur", 301.5, 0.08),
        Limb((0.24, -0.08, 0.18), (0.05, 0.045, 0.19), "fur", 301.5, -0.08),
        Limb((-0.24, 0.08, 0.18), (0.055, 0.05, 0.19), "fur", 301.5, -0.08),
        Limb((-0.24, -0.08, 0.18), (0.055, 0.05, 0.19), "fur", 301.5, 0.08),
        Limb((-0.40, 0.0, 0.55), (0.05, 0.03, 0.16), "fur", 300.5),
    ),
    tints={"fur": _FUR, "muzzle": _DARK},
    stride_hz=(1.5, 2.2),
    scale=(0.8, 1.15),
    stout=(0.9, 1.2),
)
BALL = Figure(
    limbs=(Limb((0.0, 0.0, 0.17), (0.17, 0.17, 0.17), "skin", 0.0),),
    tints={"skin": _VIVID},
    stride_hz=(0.0, 0.0),
    scale=(0.75, 1.3),
    stout=(1.0, 1.0),
)
FIGURES = {"person": PERSON, "dog": DOG, "ball": BALL}
"""By happening. A limb at 0 K is as warm as the room."""

_PLACE = ((0.15, 1.35), (0.9, 1.9))
_WAY = np.array((0.0, 0.1, 0.35, 0.65, 0.9, 1.0))
_FACING_SOUTH = -np.pi / 2

Body = tuple[Ellipsoid, float]


def place(room: Room, shown: Happening) -> tuple[float, float]:
    """Where in the room (x, y in m) this one stops for a while."""
    (x0, x1), (y0, y1) = _PLACE
    across = between(shown.character[0], x0, x1)
    return room.side * across, between(shown.character[1], y0, y1) + room.north - 3.0


def second_place(room: Room, shown: Happening) -> tuple[float, float]:
    """Where it goes on to before it leaves: for every other one, the same."""
    x, y = place(room, shown)
    if finely(shown.character[4]) < 0.5:
        return x, y
    (x0, x1), _ = _PLACE
    return room.side * (x0 + x1) - x, y + between(shown.character[4], -0.2, 0.4)


def whereabouts(room: Room, shown: Happening, t_ns: int) -> tuple[float, float, float]:
    """x, y (m) and heading (rad) at `t_ns`: from behind the wall through the door, and back again."""
    phase = (t_ns - shown.start_ns) / (shown.end_ns - shown.start_ns)
    hidden = (room.door + room.side * 0.9, room.north + 0.5)
    doorway = (room.door, room.north + 0.15)
    stops = np.array((hidden, doorway, place(room, shown), second_place(room, shown), doorway, hidden))
    leg = min(max(int(np.searchsorted(_WAY, phase, side="right")) - 1, 0), len(_WAY) - 2)
    share = (phase - _WAY[leg]) / (_WAY[leg + 1] - _WAY[leg])
    step = stops[leg + 1] - stops[leg]
    x, y = (stops[leg] + step * share).tolist()
    heading = float(np.arctan2(step[1], step[0])) if step.any() else _FACING_SOUTH
    return x, y, heading


def bodies(script: Script, t_ns: int) -> list[Body]:
    """The ellipsoids of whoever is about at `t_ns`, in world coordinates, each with its heading (rad)."""
    room = room_of(script)
    shown = (one for one in script.during(t_ns, t_ns + 1) if one.name in FIGURES)
    return [part for one in shown for part in _body(room, one, FIGURES[one.name], t_ns)]


def _body(room: Room, shown: Happening, figure: Figure, t_ns: int) -> list[Body]:
    x, y, heading = whereabouts(room, shown, t_ns)
    cos, sin = float(np.cos(heading)), float(np.sin(heading))
    look = shown.character
    size, stout = between(look[2], *figure.scale), between(look[3], *figure.stout)
    walking = (x, y) not in (place(room, shown), second_place(room, shown))
    strides = between(look[5], *figure.stride_hz) * (t_ns - shown.start_ns) / NS
    swing = walking * between(look[6], 0.8, 1.4) * float(np.sin(2 * np.pi * strides))
    colours = _colours(figure, look)
    parts: list[Body] = []
    for limb in figure.limbs:
        ahead = size * (limb.centre[0] + swing * limb.swing)
        left = size * stout * limb.centre[1]
        centre = (x + cos * ahead - sin * left, y + sin * ahead + cos * left, size * limb.centre[2])
        radii = (size * stout * limb.radii[0], size * stout * limb.radii[1], size * limb.radii[2])
        kelvin = limb.kelvin or room.kelvin - 0.5
        parts.append((Ellipsoid(limb.tint, centre, radii, colours[limb.tint], kelvin), heading))
    return parts


def _colours(figure: Figure, look: tuple[float, ...]) -> dict[str, Colour]:
    """A colour for each of the figure's tints, from as many traits."""
    colours: dict[str, Colour] = {}
    for trait, (name, choices) in zip(
        (look[7], look[6], look[4], look[5]), figure.tints.items(), strict=False
    ):
        shade = choices[int(finely(look[2] + trait) * len(choices))]
        colours[name] = shade.at(trait)
    return colours
