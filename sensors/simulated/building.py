"""From a world's seed to its room: size, walls, floor, light, and where the furniture goes."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import count

from .furniture import PIECES, TINTS, Part, arrangements
from .noise import keyed
from .room import BEACON, GLASS, Box, Colour, Ellipsoid, Light, Point, Room
from .script import Script
from .split import Split, between, finely, owned

ROOMS: dict[Split, int] = {"train": 96, "validation": 16, "test": 16}
"""How many rooms each split has; a seed lives in one of them."""

USUAL_KELVIN = 293.0
_TRAITS = 32
_FLOORS = ("planks", "tiles", "carpet", "parquet")
_WALLS = ("plaster", "plaster", "stripes", "bricks")
_DOOR_HALF_M, _DOOR_M = 0.5, 2.1
_SOUTH, _HALL_M = -3.0, 1.2

Placing = Callable[[float, float], tuple[float, float]]


def room_of(script: Script) -> Room:
    """The room that a script happens in."""
    return room(script.split, int(script.keyed("room", 0).integers(ROOMS[script.split])))


@lru_cache(maxsize=128)
def room(split: Split, number: int) -> Room:
    """Room `number` of a split."""
    chance = keyed(number, f"{split}/rooms", 0)
    traits = tuple(owned(chance.random(_TRAITS), split).tolist())
    own = arrangements(split)
    side = 1 if finely(traits[31]) < 0.5 else -1
    plan = _Plan(traits)
    chosen = own[number % len(own)]
    boxes, plants = list(_shell(plan)), []
    for trait, piece, place in zip(traits[16:20], chosen, _places(plan), strict=True):
        for thing in _pieces(PIECES[piece], place, trait, plan.kelvin):
            boxes.append(thing) if isinstance(thing, Box) else plants.append(thing)
    return Room(
        split=split,
        number=number,
        boxes=tuple(_mirrored_box(box, side) for box in boxes),
        plants=tuple(leaf._replace(centre=_mirrored(leaf.centre, side)) for leaf in plants),
        lights=tuple(light._replace(position=_mirrored(light.position, side)) for light in _lights(plan)),
        ambient=plan.ambient,
        north=plan.north,
        door=side * plan.door,
        side=side,
        kelvin=plan.kelvin,
        beacon=_mirrored((plan.door, plan.north - 0.06, 2.32), side),
        counter=_mirrored((-0.02, plan.north - 0.21, 0.85), side),
        window=_mirrored((plan.window, plan.north, 1.6), side),
        traits=traits,
    )


class _Plan:
    """The measures of a room that stand in more than one place."""

    def __init__(self, traits: tuple[float, ...]) -> None:
        self.traits = traits
        self.half = between(traits[0], 3.15, 4.2)
        self.north = between(traits[1], 2.7, 3.5)
        self.height = between(traits[2], 2.5, 3.0)
        self.door = between(traits[3], 0.95, 1.4)
        self.window = between(traits[4], -2.0, -1.85)
        self.window_half = between(traits[5], 0.55, 0.8)
        self.kelvin = USUAL_KELVIN + between(traits[6], -2.5, 2.5)
        self.daylight = between(traits[7], 0.25, 1.5)
        self.lamp = between(traits[8], 0.75, 1.25)
        warm = between(traits[9], -0.12, 0.12)
        self.lamp_tint = (1 + warm, 1.0, 1 - 1.4 * warm)
        ambient = between(traits[10], 0.24, 0.36)
        self.ambient = (ambient, ambient, 1.06 * ambient)


def _shell(plan: _Plan) -> Iterator[Box]:
    """Floor, walls, door, window and what hangs on the walls. Boxes may touch but never overlap: the raster
    paints them far to near."""
    t, w, n, h, d = plan.traits, plan.half, plan.north, plan.height, plan.door
    floor, hall = TINTS["floor"].at(t[11]), TINTS["wall"].at(t[13])
    wall, side_wall, white = TINTS["wall"].at(t[12]), TINTS["wall"].at(t[14]), TINTS["white"].at(t[15])
    covering, paper = _FLOORS[int(finely(t[11]) * 4)], _WALLS[int(finely(t[12]) * 4)]
    left, right = d - _DOOR_HALF_M, d + _DOOR_HALF_M
    back = n + _HALL_M
    k = plan.kelvin
    pane, ledge = plan.window - plan.window_half, plan.window + plan.window_half
    outside = k - between(t[20], 4, 14)
    yield Box("floor", (-w - 0.1, _SOUTH - 0.1, -0.1), (w + 0.1, back + 0.1, 0.0), floor, covering, k - 1.0)
    yield Box("ceiling", (-w - 0.1, _SOUTH - 0.1, h), (w + 0.1, back + 0.1, h + 0.1), white, "plain", k + 1.2)
    yield Box("west wall", (-w - 0.1, _SOUTH - 0.1, 0.0), (-w, back + 0.1, h), side_wall, "plaster", k - 0.4)
    yield Box("east wall", (w, _SOUTH - 0.1, 0.0), (w + 0.1, back + 0.1, h), side_wall, paper, k + 0.2)
    yield Box("south wall", (-w, _SOUTH - 0.1, 0.0), (w, _SOUTH, h), wall, "plaster", k)
    yield Box("hall", (-w, back, 0.0), (w, back + 0.1, h), hall, "plaster", k - 1.4)
    yield Box("wall left of the door", (-w, n, 0.0), (left, n + 0.1, h), wall, paper, k - 0.2)
    yield Box("wall right of the door", (right, n, 0.0), (w, n + 0.1, h), wall, paper, k - 0.2)
    yield Box("wall above the door", (left, n, _DOOR_M), (right, n + 0.1, h), wall, paper, k)
    yield Box("left door post", (left - 0.08, n - 0.04, 0.0), (left, n, 2.1), white, "plain", k - 0.4)
    yield Box("right door post", (right, n - 0.04, 0.0), (right + 0.08, n, 2.1), white, "plain", k - 0.4)
    yield Box("lintel", (left - 0.08, n - 0.04, 2.1), (right + 0.08, n, 2.18), white, "plain", k - 0.2)
    sky = _sky(plan)
    yield Box(GLASS, (pane, n - 0.03, 0.95), (ledge, n, 2.2), sky, "sky", outside, glows=True)
    yield Box("sill", (pane - 0.1, n - 0.18, 0.89), (ledge + 0.1, n, 0.95), white, "plain", k - 3.5)
    radiator = k + between(t[21], 3, 26)
    yield Box(
        "radiator", (pane + 0.1, n - 0.14, 0.12), (ledge - 0.1, n - 0.03, 0.72), white, "ribs", radiator
    )
    bulb = TINTS["white"].at(t[22])
    yield Box("lamp", (-0.6, 0.5, h - 0.06), (0.6, 0.75, h), bulb, "plain", k + 13.0, glows=True)
    frame = TINTS["vivid"].at(t[23])
    edge = min(w - 0.1, d + _DOOR_HALF_M + 1.2)
    yield Box("picture", (d + 0.75, n - 0.03, 1.2), (edge, n, 1.85), frame, "picture", k - 0.1)
    yield Box(BEACON, (d - 0.08, n - 0.12, 2.25), (d + 0.08, n - 0.04, 2.39), (120, 20, 18), "plain", k + 1.5)
    yield Box("poster", (-0.7, _SOUTH, 1.0), (0.6, _SOUTH + 0.03, 1.9), frame, "picture", k - 0.1)
    counter = TINTS["wood"].at(t[24])
    yield Box("counter", (-0.36, n - 0.42, 0.0), (0.30, n, 0.85), counter, "panels", k + 0.1)


def _sky(plan: _Plan) -> Colour:
    """What the window shows: from dusk to bright day."""
    share = min(1.0, 0.35 + 0.6 * plan.daylight)
    return (round(190 * share), round(215 * share), round(245 * share))


def _lights(plan: _Plan) -> Iterator[Light]:
    lamp = [2.3 * plan.lamp * tint for tint in plan.lamp_tint]
    yield Light((0.0, 0.62, plan.height - 0.2), (lamp[0], lamp[1], lamp[2]))
    day = plan.daylight
    yield Light((plan.window, plan.north - 0.3, 1.6), (1.1 * day, 1.3 * day, 1.6 * day))
    yield Light((plan.door + 0.1, plan.north + 0.8, 2.3), (0.5, 0.48, 0.42))


def _places(plan: _Plan) -> tuple[Placing, Placing, Placing, Placing]:
    """Where the four pieces of an arrangement stand: from their own frame to the room's."""
    w, n = plan.half, plan.north
    return (
        lambda away, along: (-w + away, 0.2 + along),
        lambda away, along: (w - away, 0.1 + along),
        lambda away, along: (w - away, n - along),
        lambda across, along: (-1.95 + across, 1.05 + along),
    )


def _pieces(
    parts: tuple[Part, ...], place: Placing, trait: float, kelvin: float
) -> Iterator[Box | Ellipsoid]:
    length = between(trait, 0.85, 1.1)
    for part, number in zip(parts, count()):
        one = place(part.low[0], part.low[1] * length)
        other = place(part.high[0], part.high[1] * length)
        low = (min(one[0], other[0]), min(one[1], other[1]), part.low[2])
        high = (max(one[0], other[0]), max(one[1], other[1]), part.high[2])
        colour = TINTS[part.tint].at((trait + (number > 0) * 0.5) % 1)
        surface = kelvin + part.warmer
        if part.round:
            yield _filling(low, high, colour, surface)
        else:
            yield Box("furniture", low, high, colour, part.pattern, surface, part.glows)


def _filling(low: Point, high: Point, colour: Colour, kelvin: float) -> Ellipsoid:
    centre = tuple((a + b) / 2 for a, b in zip(low, high, strict=True))
    radii = tuple((b - a) / 2 for a, b in zip(low, high, strict=True))
    return Ellipsoid(
        "piece", (centre[0], centre[1], centre[2]), (radii[0], radii[1], radii[2]), colour, kelvin
    )


def _mirrored(point: Point, side: int) -> Point:
    return (side * point[0], point[1], point[2])


def _mirrored_box(box: Box, side: int) -> Box:
    if side > 0:
        return box
    return box._replace(low=(-box.high[0], *box.low[1:]), high=(-box.low[0], *box.high[1:]))
