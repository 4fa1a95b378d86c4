"""What the app Sensor Logger pushes, as rows of motion in order: its JSON, its signs, batches that overtake.

As its author documents in github.com/tszheichoi/awesome-sensor-logger (PUSHING, UNITS, COORDINATES,
CROSSPLATFORM): `time` is Unix-epoch nanoseconds of the phone, acceleration m/s^2 without gravity, gravity by
itself, rotation rad/s. Unless "Standardise Units & Frames" is on, iOS has acceleration and gravity the other
way round in all three axes; rotation is alike.
"""

import heapq
from collections import Counter, deque
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .errors import SourceError
from .sample import NS

SIGNS = {"android": 1.0, "ios": -1.0}
"""What makes each platform's acceleration specific force: at rest, +g on the axis that points up."""
WANTED = ("accelerometer", "gravity", "totalacceleration", "gyroscope")
GRAVITY_NS = NS
"""Acceleration further than this from any gravity cannot be completed."""
MAX_GRAVITY = 10_000
LIMIT = 1e6
"""No acceleration or rotation is as large as this."""
MAX_HELD = 100_000
"""Rows that may wait to be put in order; what comes beyond is dropped and counted."""


class PushError(SourceError):
    """A push that is none of Sensor Logger's."""


class Row(NamedTuple):
    """One measurement: nanoseconds of the phone's clock, and its three axes."""

    time_ns: int
    xyz: tuple[float, float, float]


class _Push(msgspec.Struct):
    payload: list[Any]
    deviceId: str = ""  # noqa: N815


class Push(NamedTuple):
    """One push: the phone, rows by sensor, and how many entries of wanted sensors were malformed."""

    device: str
    rows: list[tuple[str, Row]]
    malformed: int


def parse(body: bytes) -> Push:
    """A push from its bytes; sensors that are not wanted are passed over. Raises PushError."""
    try:
        push = msgspec.json.decode(body, type=_Push)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PushError(
            f"this is no push of Sensor Logger ({error}); it is JSON with a list `payload`"
        ) from error
    wanted = [entry for entry in push.payload if isinstance(entry, dict) and _name(entry) in WANTED]
    rows = [(_name(entry), row) for entry in wanted if (row := _row(entry)) is not None]
    malformed = len(wanted) - len(rows) + sum(not isinstance(entry, dict) for entry in push.payload)
    return Push(push.deviceId, rows, malformed)


def _name(entry: dict[str, Any]) -> str:
    return str(entry.get("name", "")).lower()


def _row(entry: dict[str, Any]) -> Row | None:
    time_ns, values = entry.get("time"), entry.get("values")
    if not isinstance(time_ns, int) or not 0 <= time_ns < 1 << 62 or not isinstance(values, dict):
        return None
    x, y, z = (_number(values.get(axis)) for axis in "xyz")
    return None if x is None or y is None or z is None else Row(time_ns, (x, y, z))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and abs(value) < LIMIT else None


class Motion:
    """Puts rows in order and completes acceleration with gravity.

    A row waits `lateness_ns` after it arrived for those that it overtook. Acceleration is the sum of
    accelerometer and gravity (at its time, interpolated), or totalacceleration from a phone that sends it.
    """

    def __init__(self, platform: str, lateness_ns: int) -> None:
        self._sign, self._lateness_ns = SIGNS[platform], lateness_ns
        self._held: dict[str, list[tuple[Row, int]]] = {name: [] for name in WANTED}
        self._gravity: deque[Row] = deque(maxlen=MAX_GRAVITY)
        self._has_total = False
        self.refused: Counter[str] = Counter()

    def add(self, push: Push, now_ns: int) -> None:
        """Take a push that arrived now."""
        self.refused["malformed"] += push.malformed
        for name, row in push.rows:
            if sum(map(len, self._held.values())) >= MAX_HELD:
                self.refused["overflow"] += 1
                continue
            self._has_total |= name == "totalacceleration"
            heapq.heappush(self._held[name], (row, now_ns))

    @property
    def holding(self) -> bool:
        """Rows are waiting."""
        return any(self._held.values())

    def release(self, now_ns: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The rows whose wait is over, by modality: phone times int64 (n,), m/s^2 or rad/s float32 (n, 3)."""
        rows = {name: self._due(name, now_ns) for name in WANTED}
        acceleration = rows["totalacceleration"] if self._has_total else self._completed(rows)
        made = {
            "accelerometer": [Row(r.time_ns, _times(self._sign, r.xyz)) for r in acceleration],
            "gyroscope": rows["gyroscope"],
        }
        return {modality: _arrays(some) for modality, some in made.items() if some}

    def _due(self, name: str, now_ns: int) -> list[Row]:
        held = self._held[name]
        times = [row.time_ns for row, arrived_ns in held if arrived_ns <= now_ns - self._lateness_ns]
        newest_ns, due = max(times, default=-1), list[Row]()
        while held and held[0][0].time_ns <= newest_ns:
            due.append(heapq.heappop(held)[0])
        return due

    def _completed(self, rows: dict[str, list[Row]]) -> list[Row]:
        """Accelerometer plus gravity at its times; what has no gravity near is counted."""
        accelerometer = rows["accelerometer"]
        self._gravity.extend(rows["gravity"])
        if not accelerometer or not self._gravity:
            self.refused["no gravity"] += len(accelerometer)
            return []
        known = sorted(self._gravity)
        at = np.array([row.time_ns for row in accelerometer])
        when = np.array([row.time_ns for row in known])
        near = np.clip(np.searchsorted(when, at), 0, len(when) - 1)
        gap = np.minimum(np.abs(when[near] - at), np.abs(when[np.maximum(near - 1, 0)] - at))
        gravity = _interpolated(at, when, np.array([row.xyz for row in known]))
        while self._gravity and self._gravity[0].time_ns < at[-1] - GRAVITY_NS:
            self._gravity.popleft()
        self.refused["no gravity"] += int((gap > GRAVITY_NS).sum())
        summed = np.array([row.xyz for row in accelerometer]) + gravity
        return [
            Row(int(t), (x, y, z))
            for t, (x, y, z), g in zip(at, summed.tolist(), gap, strict=True)
            if g <= GRAVITY_NS
        ]


def _interpolated(at: np.ndarray, when: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    x, xp = (at - at[0]).astype(np.float64), (when - at[0]).astype(np.float64)
    return np.stack([np.interp(x, xp, column) for column in xyz.T], axis=1)


def _times(sign: float, xyz: tuple[float, float, float]) -> tuple[float, float, float]:
    return sign * xyz[0], sign * xyz[1], sign * xyz[2]


def _arrays(rows: list[Row]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([r.time_ns for r in rows], np.int64), np.array([r.xyz for r in rows], np.float32)
