"""Where the simulated robot drives and turns, when it rests, and when it is carried instead."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..sample import NS
from .building import room_of
from .kinds import ACTIVITIES, PICTURES
from .room import AREA
from .script import Happening, Script
from .split import between, owned
from .sway import CARRIED

LEG_NS = 6 * NS
_DRIVE_NS = 9 * NS // 2
_SPINS = 0.7


class Path(NamedTuple):
    """The wheels' way at n instants, float64; REP-103 axes (x east, y north, z up).

    `position`, `acceleration` (n, 3) in m and m/s^2; `yaw` (n,) rad and its rate rad/s; `speed` (n,) m/s;
    `travelled` (n,) m since the leg began.
    """

    position: np.ndarray
    acceleration: np.ndarray
    yaw: np.ndarray
    yaw_rate: np.ndarray
    speed: np.ndarray
    travelled: np.ndarray


def path_at(script: Script, t_ns: np.ndarray) -> Path:
    """The robot's path at instants `t_ns` (int64 (n,), ascending, since the script's start).

    Legs of 6 s between random waypoints: 4.5 s on a minimum-jerk profile (Flash and Hogan 1985), then
    rest; or once round on the spot; or rest alone, while the robot is carried.
    """
    leg = t_ns // LEG_NS
    first = int(leg[0])
    table = np.array([_waypoint(script, k) for k in range(first, int(leg[-1]) + 2)])
    spins = np.array([_spin(script, k) for k in range(first, int(leg[-1]) + 1)])
    start = table[leg - first]
    step = table[leg - first + 1] - start
    s, ds, dds = _minimum_jerk((t_ns - leg * LEG_NS) / _DRIVE_NS)
    turn = step[:, 2] + spins[leg - first]
    ground = step * (1, 1, 0)
    length = np.hypot(step[:, 0], step[:, 1])
    return Path(
        position=start * (1, 1, 0) + ground * s[:, None],
        acceleration=ground * dds[:, None],
        yaw=start[:, 2] + turn * s,
        yaw_rate=turn * ds,
        speed=length * ds,
        travelled=length * s,
    )


def activities(script: Script, from_ns: int, to_ns: int) -> list[Happening]:
    """What the robot does of its own in `[from_ns, to_ns)`: it drives, turns or has stopped, in order.

    While it is carried it does neither.
    """
    found: list[Happening] = []
    for leg in range(max(0, from_ns // LEG_NS), -(-to_ns // LEG_NS)):
        begin, arrived, end = leg * LEG_NS, leg * LEG_NS + _DRIVE_NS, (leg + 1) * LEG_NS
        if not _carried(script, leg):
            found.append(_doing("turn" if _spin(script, leg) else "drive", begin, arrived))
            found.append(_doing("stop", arrived, end))
    return [one for one in found if one.start_ns < to_ns and one.end_ns > from_ns]


def _doing(name: str, start_ns: int, end_ns: int) -> Happening:
    return Happening(name=name, start_ns=start_ns, end_ns=end_ns, modalities=ACTIVITIES[name].modalities)


@lru_cache(maxsize=1024)
def _carried(script: Script, leg: int) -> bool:
    return any(one.name in CARRIED for one in script.during(leg * LEG_NS, (leg + 1) * LEG_NS))


@lru_cache(maxsize=1024)
def _spin(script: Script, leg: int) -> float:
    """Once round (rad) in a leg, or 0: never while there is something to look at."""
    meanwhile = script.during(leg * LEG_NS, leg * LEG_NS + _DRIVE_NS)
    if any(PICTURES & set(one.modalities) for one in meanwhile) or _carried(script, leg):
        return 0.0
    draw = float(script.keyed("spin", leg).random())
    return 0.0 if draw > _SPINS else 2 * np.pi if draw > _SPINS / 2 else -2 * np.pi


@lru_cache(maxsize=1024)
def _waypoint(script: Script, index: int) -> tuple[float, float, float]:
    """x, y (m) and yaw (rad) at rest before leg `index`: somewhere in the area, facing the door's side.

    A leg in which the robot is carried, or turns on the spot, ends where it began.
    """
    if index and (_carried(script, index - 1) or _spin(script, index - 1)):
        return _waypoint(script, index - 1)
    along, back, gaze = owned(script.keyed("waypoint", index).random(3), script.split).tolist()
    room = room_of(script)
    x, y, aim = between(along, *AREA[0]), between(back, *AREA[1]), between(gaze, *room.seen)
    return x, y, float(np.arctan2(room.north - y, aim - x))


def _minimum_jerk(phase: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The way gone (0 to 1) and its first and second derivative in 1/s and 1/s^2; at rest from phase 1 on."""
    p = np.minimum(phase, 1.0)
    seconds = _DRIVE_NS / NS
    way = p**3 * (10 - 15 * p + 6 * p**2)
    return way, 30 * p**2 * (1 - p) ** 2 / seconds, 60 * p * (1 - p) * (1 - 2 * p) / seconds**2
