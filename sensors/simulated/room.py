"""What a simulated room is made of: boxes, ellipsoids and lights, each with its colour and temperature."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .split import Split

Point = tuple[float, float, float]
Colour = tuple[int, int, int]
Span = tuple[float, float]


class Box(NamedTuple):
    """A solid box from `low` to `high` (m; x east, y north, z up), sRGB `colour`, surface at `kelvin`.

    `glows` surfaces are seen at their own colour, whatever falls on them.
    """

    name: str
    low: Point
    high: Point
    colour: Colour
    pattern: str
    kelvin: float
    glows: bool = False


class Ellipsoid(NamedTuple):
    """A solid ellipsoid around `centre` with semi-axes `radii` (m), sRGB `colour`, surface at `kelvin`."""

    name: str
    centre: Point
    radii: Point
    colour: Colour
    kelvin: float


class Light(NamedTuple):
    """A point light at `position`; `power` is its linear RGB at one metre."""

    position: Point
    power: tuple[float, float, float]


GLASS = "window"
"""The box that depth cameras do not see, and rain falls on."""

BEACON = "beacon"
"""The box that shines while the alarm sounds."""

AIR_KELVIN_PER_M = 0.4
"""How much warmer a wall is a metre higher: warm air rises (usual stratification 0.2 to 1 K/m)."""

AREA: tuple[Span, Span] = ((-1.2, 1.2), (-2.3, -0.9))
"""Where the robot drives in every room, x and y in m: the south, looking north, where the door is."""


@dataclass(frozen=True, eq=False)
class Room:
    """One room. The door is in its north wall (inner side at y = `north`), behind it a hall.

    `door` is the opening's centre x; `side` is 1, or -1 where everything is mirrored; `kelvin` the air's.
    `seen` (x) of the north wall is always in the robot's view. `traits` are numbers in [0, 1), in the cells
    of its split, for whatever else differs between rooms.
    """

    split: Split
    number: int
    boxes: tuple[Box, ...]
    plants: tuple[Ellipsoid, ...]
    lights: tuple[Light, ...]
    ambient: Point
    north: float
    door: float
    side: int
    kelvin: float
    beacon: Point
    counter: Point
    window: Point
    traits: tuple[float, ...]

    @property
    def seen(self) -> Span:
        return (-0.4, 1.4) if self.side > 0 else (-1.4, 0.4)

    @cached_property
    def face_kelvin(self) -> np.ndarray:
        """The temperature of every face, float32 (6 * boxes,)."""
        return np.repeat([box.kelvin for box in self.boxes], 6).astype(np.float32)

    def rows(self, name: str) -> list[int]:
        """The faces of the boxes called `name`."""
        return [6 * k + face for k, box in enumerate(self.boxes) if box.name == name for face in range(6)]
