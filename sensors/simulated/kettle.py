"""The kettle on the counter: always there, and hot while it boils."""

import numpy as np

from ..sample import NS
from .building import room_of
from .furniture import TINTS
from .room import Ellipsoid
from .script import Script

_BOILING_KELVIN = 368.0
_RAMP_NS = NS // 2
_COLD_K = 0.8
# Centre and radii in m, from where it stands.
_PARTS = (
    ("vivid", (0.0, 0.0, 0.13), (0.11, 0.10, 0.13)),
    ("dark", (0.0, 0.0, 0.28), (0.035, 0.035, 0.03)),
    ("vivid", (0.12, -0.02, 0.17), (0.06, 0.025, 0.04)),
)


def kettle(script: Script, t_ns: int) -> list[tuple[Ellipsoid, float]]:
    """Its ellipsoids in world coordinates, each with its heading (rad)."""
    room = room_of(script)
    x, y, z = room.counter
    kelvin = room.kelvin + _COLD_K + (_BOILING_KELVIN - room.kelvin) * _heat(script, t_ns)
    parts: list[tuple[Ellipsoid, float]] = []
    for tint, centre, radii in _PARTS:
        at = (x + centre[0], y + centre[1], z + centre[2])
        parts.append((Ellipsoid("kettle", at, radii, TINTS[tint].at(room.traits[25]), kelvin), 0.0))
    return parts


def _heat(script: Script, t_ns: int) -> float:
    """From 0 to 1 as it is switched on, and back before it has ended."""
    for boiling in script.during(t_ns, t_ns + 1, "kettle"):
        return float(np.clip(min(t_ns - boiling.start_ns, boiling.end_ns - t_ns) / _RAMP_NS, 0, 1))
    return 0.0
