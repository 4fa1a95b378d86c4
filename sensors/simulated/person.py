"""The simulated person: a body of ellipsoids, and the way it walks in and out."""

import numpy as np

from ..sample import NS
from .room import Colour, Ellipsoid
from .script import Happening, Script

_SKIN: Colour = (222, 172, 140)
_HAIR: Colour = (52, 38, 30)
_TROUSERS: Colour = (44, 52, 82)
_SHOES: Colour = (34, 30, 30)
_SHIRTS: tuple[Colour, ...] = ((186, 44, 48), (40, 110, 178), (222, 170, 44), (70, 140, 84))

# Centres are in the body's own frame: x ahead, y to its left, z up from the floor it stands on.
_BODY = (
    Ellipsoid("head", (0.0, 0.0, 1.60), (0.105, 0.085, 0.13), _SKIN, 307.2),
    Ellipsoid("hair", (-0.03, 0.0, 1.66), (0.10, 0.092, 0.10), _HAIR, 303.5),
    Ellipsoid("neck", (0.0, 0.0, 1.46), (0.06, 0.06, 0.09), _SKIN, 307.0),
    Ellipsoid("shirt", (0.0, 0.0, 1.17), (0.135, 0.21, 0.32), _SHIRTS[0], 303.0),
    Ellipsoid("hips", (0.0, 0.0, 0.88), (0.13, 0.175, 0.16), _TROUSERS, 301.5),
    Ellipsoid("left leg", (0.0, 0.095, 0.46), (0.085, 0.085, 0.46), _TROUSERS, 300.8),
    Ellipsoid("right leg", (0.0, -0.095, 0.46), (0.085, 0.085, 0.46), _TROUSERS, 300.8),
    Ellipsoid("left arm", (0.0, 0.245, 1.13), (0.06, 0.058, 0.31), _SHIRTS[0], 302.5),
    Ellipsoid("right arm", (0.0, -0.245, 1.13), (0.06, 0.058, 0.31), _SHIRTS[0], 302.5),
    Ellipsoid("left hand", (0.02, 0.255, 0.80), (0.05, 0.04, 0.08), _SKIN, 305.5),
    Ellipsoid("right hand", (0.02, -0.255, 0.80), (0.05, 0.04, 0.08), _SKIN, 305.5),
)
_STRIDE = {"left leg": 0.13, "right leg": -0.13, "left arm": -0.08, "right arm": 0.08}
_STRIDE_HZ = 0.9

_HIDDEN, _DOORWAY = (1.98, 3.5), (1.1, 3.15)
_PLACE = ((0.15, 1.35), (0.9, 1.9))
_WAY = (0.0, 0.1, 0.35, 0.65, 0.9, 1.0)
_FACING_SOUTH = -np.pi / 2


def place(person: Happening) -> tuple[float, float]:
    """Where in the room (x, y in m) this person stops and stands for a while."""
    (x0, x1), (y0, y1) = _PLACE
    return x0 + (x1 - x0) * person.character[0], y0 + (y1 - y0) * person.character[1]


def whereabouts(person: Happening, t_ns: int) -> tuple[float, float, float]:
    """x, y (m) and heading (rad) at `t_ns`: from behind the wall through the door, and back again."""
    phase = (t_ns - person.start_ns) / (person.end_ns - person.start_ns)
    stops = np.array((_HIDDEN, _DOORWAY, place(person), place(person), _DOORWAY, _HIDDEN))
    leg = int(np.searchsorted(_WAY, phase, side="right")) - 1
    leg = min(max(leg, 0), len(_WAY) - 2)
    share = (phase - _WAY[leg]) / (_WAY[leg + 1] - _WAY[leg])
    step = stops[leg + 1] - stops[leg]
    x, y = (stops[leg] + step * share).tolist()
    heading = float(np.arctan2(step[1], step[0])) if step.any() else _FACING_SOUTH
    return x, y, heading


def bodies(script: Script, t_ns: int) -> list[tuple[Ellipsoid, float]]:
    """The ellipsoids of whoever is about at `t_ns`, in world coordinates, each with its heading (rad)."""
    people = script.during(t_ns, t_ns + 1, "person")
    return [part for person in people for part in _body(person, t_ns)]


def _body(person: Happening, t_ns: int) -> list[tuple[Ellipsoid, float]]:
    x, y, heading = whereabouts(person, t_ns)
    cos, sin = float(np.cos(heading)), float(np.sin(heading))
    walking = (x, y) != place(person)
    swing = walking * float(np.sin(2 * np.pi * _STRIDE_HZ * (t_ns - person.start_ns) / NS))
    shirt = _SHIRTS[int(person.character[2] * len(_SHIRTS))]
    parts: list[tuple[Ellipsoid, float]] = []
    for part in _BODY:
        ahead = part.centre[0] + swing * _STRIDE.get(part.name, 0.0)
        left = part.centre[1]
        centre = (x + cos * ahead - sin * left, y + sin * ahead + cos * left, part.centre[2])
        colour = shirt if part.colour == _SHIRTS[0] else part.colour
        parts.append((part._replace(centre=centre, colour=colour), heading))
    return parts
