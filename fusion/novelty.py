"""Novelty: what a modality was like in the last hours, in bounded memory, and how unlike it a vector is."""

import msgspec
import numpy as np

from ..sensors.sample import NS
from .errors import QueryError

MOST = 256
"""Leaders kept. When there are as many, those that lie close become one, and the radius grows."""
RADIUS, GROWTH = 0.1, 1.5
"""Within 1 - cosine of so much, a vector is like a leader; the factor by which that grows."""
SETTLE_NS = 10 * NS
"""What began less than this ago is not known yet: something new stays new for so long."""
WARM_NS = 60 * NS
"""Nothing is called new before so much was seen."""
_NEVER = -(2**63)


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What is saved of a memory: float16 bytes of its leaders, int64 bytes of their stamps (start, last,
    previous of each), its radius and the first stamp."""

    leaders: bytes
    stamps: bytes
    radius: float
    since_ns: int | None


class Memory:
    """Leaders of all that was seen within `hours`: online leader clustering (Hartigan 1975, section 3.2).

    A vector belongs to its nearest leader when that is within the radius, else it is one itself. When there
    are MOST, the radius grows and leaders within it are merged (Charikar et al. 1997, "Incremental
    clustering and dynamic information retrieval"): nothing is forgotten before its time, it is only told
    apart less finely. Vectors are centred and of unit length, float64 (dim,); stamps never go back.
    """

    def __init__(self, dim: int, hours: float) -> None:
        self.hours = hours
        self._rows = np.zeros((0, dim))
        self._stamps = np.zeros((0, 3), np.int64)
        self._radius = RADIUS
        self._since_ns: int | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(self, stamp_ns: int, vector: np.ndarray, hours: float) -> float | None:
        """The cosine to the nearest of what was seen from `hours` to SETTLE_NS ago; -1 for nothing.

        None while less than WARM_NS was seen.
        """
        if self._since_ns is None or stamp_ns - self._since_ns < WARM_NS:
            return None
        known = self._known(stamp_ns, stamp_ns - round(hours * 3600 * NS))
        return float(np.max(self._cosines(vector)[known], initial=-1.0))

    def add(self, stamp_ns: int, vector: np.ndarray) -> None:
        """Take in what was seen; forget what is older than `hours`."""
        self._since_ns = stamp_ns if self._since_ns is None else self._since_ns
        self._keep(self._stamps[:, 1] >= stamp_ns - round(self.hours * 3600 * NS))
        cosines = self._cosines(vector)
        best = int(np.argmax(cosines)) if len(cosines) else -1
        if best >= 0 and cosines[best] >= 1 - self._radius:
            start, last, previous = self._stamps[best]
            again = stamp_ns - last >= SETTLE_NS
            self._stamps[best] = (stamp_ns, stamp_ns, last) if again else (start, stamp_ns, previous)
            return
        # Rounded as they are saved, so that a restored memory is the same one.
        rounded = vector.astype(np.float16).astype(np.float64)
        self._rows = np.concatenate([self._rows, rounded[None]])
        self._stamps = np.concatenate([self._stamps, [[stamp_ns, stamp_ns, _NEVER]]])
        while len(self._rows) > MOST:
            self._radius *= GROWTH
            self._merge()

    def saved(self) -> Remembered:
        return Remembered(
            leaders=self._rows.astype("<f2").tobytes(),
            stamps=self._stamps.astype("<i8").tobytes(),
            radius=self._radius,
            since_ns=self._since_ns,
        )

    def restore(self, saved: Remembered, now_ns: int) -> None:
        """Go on from `saved()`, unless that is of a run later than `now_ns`, which says nothing of this one.

        Raises QueryError where its parts do not fit together.
        """
        rows, stamps = check_remembered(saved, self._rows.shape[1])
        if len(stamps) and stamps[:, 1].max() > now_ns:
            return
        self._rows, self._stamps = rows, stamps
        self._radius, self._since_ns = saved.radius, saved.since_ns

    def _known(self, now_ns: int, from_ns: int) -> np.ndarray:
        """Which leaders (n,) were seen between `from_ns` and SETTLE_NS ago."""
        start, last, previous = self._stamps.T
        settled_ns = now_ns - SETTLE_NS
        gone = last <= settled_ns
        return np.where(gone, last >= from_ns, (start <= settled_ns) | (previous >= from_ns))

    def _cosines(self, vector: np.ndarray) -> np.ndarray:
        return np.sum(self._rows * vector, axis=-1)

    def _keep(self, wanted: np.ndarray) -> None:
        if not wanted.all():
            self._rows, self._stamps = self._rows[wanted], self._stamps[wanted]

    def _merge(self) -> None:
        """Let every leader, oldest first, swallow the later ones within the radius."""
        wanted = np.ones(len(self._rows), bool)
        for row in range(len(self._rows)):
            if wanted[row]:
                close = self._cosines(self._rows[row]) >= 1 - self._radius
                for other in map(int, np.flatnonzero(close & wanted)):
                    if other > row:
                        self._stamps[row] = _united(self._stamps[row], self._stamps[other])
                        wanted[other] = False
        self._keep(wanted)


def check_remembered(saved: Remembered, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Leaders, float64 (n, dim), and their stamps, int64 (n, 3). Raises QueryError where they do not fit."""
    count, odd = divmod(len(saved.stamps), 24)
    fits = not odd and count <= MOST and len(saved.leaders) == 2 * dim * count
    rows = np.frombuffer(saved.leaders if fits else b"", "<f2").reshape(-1, dim).astype(np.float64)
    began = saved.since_ns or 0
    if not (fits and np.isfinite(rows).all() and 0 < saved.radius < np.inf and abs(began) < -_NEVER):
        raise QueryError(f"a saved memory of {count} leaders does not fit together")
    return rows, np.frombuffer(saved.stamps, "<i8").reshape(count, 3).astype(np.int64)


def _united(one: np.ndarray, other: np.ndarray) -> tuple[int, int, int]:
    """When either of two was seen: begin and end of the newest visit, and the last time before that."""
    earlier, later = sorted(([int(x) for x in one], [int(x) for x in other]), key=lambda stamps: stamps[1])
    start, last, previous = later
    if start - earlier[1] < SETTLE_NS:
        return min(start, earlier[0]), last, max(previous, earlier[2])
    return start, last, max(previous, earlier[1])
