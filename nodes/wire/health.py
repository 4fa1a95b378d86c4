"""What a subscriber knows of its streams: losses, rhythm and age. Time is a parameter, in nanoseconds."""

from collections import deque
from typing import Any

from ...sensors.sample import NS

SPAN_NS = 10 * NS
HOUR_NS = 3600 * NS


def alive_limit_ns(rate_hz: float) -> int:
    """How old the newest message of a stream of `rate_hz` may be while the stream counts as alive."""
    period = NS / rate_hz
    return int(max(3 * period, min(10 * period, 0.4 * NS)))


class Ledger:
    """Counts what is missing from each topic, from the `seq` that runs in each topic and epoch."""

    def __init__(self) -> None:
        self.lost: dict[str, int] = {}
        self._newest: dict[str, tuple[int, int]] = {}

    def accept(self, topic: str, epoch: int, seq: int) -> bool:
        """Whether a message is new; counts those missing before it. A new epoch is not a gap."""
        known = self._newest.get(topic)
        if known and known[0] == epoch:
            if seq <= known[1]:
                return False
            if missing := seq - known[1] - 1:
                self.lost[topic] = self.lost.get(topic, 0) + missing
        self._newest[topic] = (epoch, seq)
        return True


class Pulse:
    """The rhythm of one topic: from its newest ten seconds; in the first second `rate_hz` of the table."""

    def __init__(self, rate_hz: float) -> None:
        self._table_hz = rate_hz
        self._beats: deque[int] = deque(maxlen=1024)

    def beat(self, at_ns: int) -> None:
        """A message arrived."""
        self._beats.append(at_ns)
        while self._beats[0] < at_ns - SPAN_NS:
            self._beats.popleft()

    def rate_hz(self, now_ns: int) -> float:
        """Messages a second, 0 when the topic is not alive or has had fewer than two."""
        return self._learnt_hz() if self.alive(now_ns) else 0.0

    def alive(self, now_ns: int) -> bool:
        """Whether the newest message is younger than the limit of the rhythm."""
        if not self._beats:
            return False
        # A burst, as after a pause, teaches no rhythm.
        has_learnt = self._beats[-1] - self._beats[0] >= NS
        rate = self._learnt_hz() if has_learnt else self._table_hz
        return now_ns - self._beats[-1] < alive_limit_ns(rate)

    def _learnt_hz(self) -> float:
        span = self._beats[-1] - self._beats[0]
        return (len(self._beats) - 1) * NS / span if span > 0 else 0.0


class ServiceTime:
    """The service's timeline against the local monotonic clock, without synchronising either.

    The quickest delivery seen is taken to have needed no time; whatever took longer has waited, be it in
    the network or because nobody read.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None

    def restart(self) -> None:
        """Forget: another service, perhaps on another machine, has taken over."""
        self._offset_ns = None

    def arrived_ns(self, published_ns: int | None, received_ns: int) -> int:
        """When a message arrived, on the local clock, even if it was read much later."""
        if published_ns is None:
            return received_ns
        offset = received_ns - published_ns
        self._offset_ns = offset if self._offset_ns is None else min(offset, self._offset_ns)
        return published_ns + self._offset_ns


def published_ns(message: Any) -> int | None:
    """When a message left its service: the last stage of its trace, or a greeting's now."""
    trace = getattr(message, "trace", None)
    return max(trace.values()) if trace else getattr(message, "now_ns", None)


def age_when_published_ns(message: Any) -> int:
    """How old a message's data was when it left: since its stamp, or since the first stage of its trace
    where stamps are on a recording's own timeline. 0 where nothing is known."""
    trace = getattr(message, "trace", None)
    if not trace:
        return 0
    first, last = min(trace.values()), max(trace.values())
    stamp = getattr(message, "stamp_ns", None) or getattr(message, "end_ns", None) or first
    return last - (stamp if 0 <= last - stamp < HOUR_NS else first)
