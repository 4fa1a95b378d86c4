"""The simulated room: what stands where, its colours, patterns and temperatures."""

from typing import NamedTuple

Point = tuple[float, float, float]
Colour = tuple[int, int, int]


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


DOOR = (0.6, 1.6)
"""Where the door's opening in the north wall (y = 3) begins and ends, x in m."""

BEACON = (1.1, 2.94, 2.32)
"""The alarm's beacon and beeper, above the door."""

WINDOW = "window"
"""Glass: depth cameras do not see it."""

_WALL, _WOOD, _WHITE = (214, 203, 184), (150, 105, 66), (235, 233, 228)

# Boxes may touch but never overlap: the raster paints them far to near.
BOXES = (
    Box("floor", (-3.6, -3.1, -0.1), (3.6, 4.3, 0.0), (168, 124, 82), "planks", 292.0),
    Box("ceiling", (-3.6, -3.1, 2.7), (3.6, 4.3, 2.8), (238, 236, 230), "plain", 294.2),
    Box("west wall", (-3.6, -3.1, 0.0), (-3.5, 4.3, 2.7), (176, 190, 186), "plaster", 292.6),
    Box("east wall", (3.5, -3.1, 0.0), (3.6, 4.3, 2.7), (206, 186, 160), "plaster", 293.2),
    Box("south wall", (-3.5, -3.1, 0.0), (3.5, -3.0, 2.7), _WALL, "plaster", 293.0),
    Box("hall", (-3.5, 4.2, 0.0), (3.5, 4.3, 2.7), (120, 126, 140), "plaster", 291.6),
    Box("wall left of the door", (-3.5, 3.0, 0.0), (DOOR[0], 3.1, 2.7), _WALL, "plaster", 292.8),
    Box("wall right of the door", (DOOR[1], 3.0, 0.0), (3.5, 3.1, 2.7), _WALL, "plaster", 292.8),
    Box("wall above the door", (DOOR[0], 3.0, 2.1), (DOOR[1], 3.1, 2.7), _WALL, "plaster", 293.0),
    Box("left door post", (0.52, 2.96, 0.0), (DOOR[0], 3.0, 2.1), _WHITE, "plain", 292.6),
    Box("right door post", (DOOR[1], 2.96, 0.0), (1.68, 3.0, 2.1), _WHITE, "plain", 292.6),
    Box("door lintel", (0.52, 2.96, 2.1), (1.68, 3.0, 2.18), _WHITE, "plain", 292.8),
    Box(WINDOW, (-2.7, 2.97, 0.95), (-1.1, 3.0, 2.2), (190, 215, 245), "sky", 283.5, glows=True),
    Box("sill", (-2.8, 2.82, 0.89), (-1.0, 3.0, 0.95), _WHITE, "plain", 289.5),
    Box("radiator", (-2.5, 2.86, 0.12), (-1.3, 2.97, 0.72), (226, 226, 222), "ribs", 316.0),
    Box("lamp", (-0.6, 0.5, 2.64), (0.6, 0.75, 2.7), (255, 250, 235), "plain", 306.0, glows=True),
    Box("picture", (2.1, 2.97, 1.2), (3.0, 3.0, 1.85), (196, 120, 60), "picture", 292.9),
    Box("beacon", (1.02, 2.88, 2.25), (1.18, 2.96, 2.39), (120, 20, 18), "plain", 294.5),
    Box("table top", (-1.9, 1.0, 0.70), (-0.5, 1.75, 0.75), _WOOD, "planks", 293.4),
    Box("table leg", (-1.85, 1.05, 0.0), (-1.78, 1.12, 0.7), (90, 62, 40), "plain", 292.8),
    Box("table leg", (-0.62, 1.05, 0.0), (-0.55, 1.12, 0.7), (90, 62, 40), "plain", 292.8),
    Box("table leg", (-0.62, 1.63, 0.0), (-0.55, 1.70, 0.7), (90, 62, 40), "plain", 292.8),
    Box("screen", (-1.5, 1.5, 0.80), (-0.95, 1.54, 1.15), (60, 90, 130), "picture", 303.0, glows=True),
    Box("mug", (-0.75, 1.15, 0.75), (-0.67, 1.23, 0.85), (40, 90, 150), "plain", 321.0),
    Box("shelf", (3.1, 0.4, 0.0), (3.5, 2.2, 1.9), (122, 84, 52), "books", 293.0),
    Box("sofa", (-3.5, 0.2, 0.0), (-2.7, 2.1, 0.42), (72, 96, 84), "weave", 293.3),
    Box("sofa back", (-3.5, 0.2, 0.42), (-3.25, 2.1, 0.85), (72, 96, 84), "weave", 293.2),
    Box("flower pot", (2.5, 2.3, 0.0), (2.85, 2.65, 0.4), (164, 84, 58), "plain", 291.8),
)

PLANT = (
    Ellipsoid("leaves", (2.68, 2.48, 0.75), (0.26, 0.24, 0.38), (58, 112, 52), 291.2),
    Ellipsoid("leaves", (2.55, 2.40, 1.15), (0.20, 0.18, 0.26), (74, 132, 60), 291.0),
)

LIGHTS = (
    Light((0.0, 0.62, 2.5), (2.3, 2.15, 1.85)),
    Light((-1.9, 2.7, 1.6), (1.1, 1.3, 1.6)),
    Light((1.4, 3.8, 2.4), (0.5, 0.48, 0.42)),
)
AMBIENT = (0.30, 0.30, 0.32)

AIR_KELVIN_PER_M = 0.4
"""How much warmer a wall is a metre higher: warm air rises (usual stratification 0.2 to 1 K/m)."""
