"""How far a replay is, and how long it will still take: a line at each tenth of the way."""

from ..fusion.fused import Fused
from ..sensors.sample import NS
from .board import Message

PARTS = 10


class Remaining:
    """Told every message of a replay of `duration_ns` from `start_ns` on, and the present time in seconds."""

    def __init__(self, start_ns: int, duration_ns: int) -> None:
        self._start_ns, self._duration_ns = start_ns, duration_ns
        self._told = 0
        self._began: tuple[float, float] | None = None

    def line(self, message: Message, now_s: float) -> str:
        """What to say after this message; "" where nothing new is to be said. A loop says so of its first
        round only."""
        if not isinstance(message, Fused) or self._duration_ns <= 0:
            return ""
        done = (message.stamp_ns - self._start_ns) / self._duration_ns
        if self._began is None:
            self._began = now_s, done
        part = int(PARTS * done)
        if part <= self._told or done >= 1:
            return ""
        self._told = part
        begun_s, begun = self._began
        left_s = (now_s - begun_s) / (done - begun) * (1 - done) if done > begun else 0.0
        whole_s = self._duration_ns / NS
        return f"{100 * part // PARTS} % of {clock(whole_s)}, {clock(left_s)} left"


def clock(seconds: float) -> str:
    """Seconds as 1:05 or 2:01:05."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
