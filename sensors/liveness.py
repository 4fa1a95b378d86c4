"""Liveness: what state each stream of a live device is in, as a pure function of events and times."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from .clock_offset import ClockEstimate
from .sample import NS

SensorState = Literal["STARTING", "RUNNING", "STALE", "RECONNECTING", "FAILED"]
Action = Literal["open", "reset", "close"]

STALE_PERIODS = 4
FAST_STALE_NS = 400_000_000
"""A stream of 8 Hz and more is STALE within 500 ms: this, and the 100 ms at most until somebody looks."""
FAST_HZ = 8.0
HOPELESS_NS = 2 * NS
"""A device of which nothing has come for so long after every stream was STALE is opened again."""
START_NS = 5 * NS
"""How long after it was opened a device may take until its first reading."""
BACK_OFF_NS = (1 * NS, 2 * NS, 4 * NS)
"""How long to wait before the first, second and every later attempt to open it again."""
RESET_FROM = 2
"""From this attempt on, a device that can be reset is."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A stream came into a state, or one that runs got or lost a fault; `reason` "" is all well."""

    stream: str
    at_ns: int
    state: SensorState
    reason: str = ""


class SensorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A live stream: its state since when and why, and its items a second as measured (None: not yet).

    `clock` is that of another machine's sensor (None: not yet, or one of this machine).
    """

    state: SensorState
    since_ns: int
    reason: str = ""
    rate_hz: float | None = None
    rate_ok: bool = True
    clock: ClockEstimate | None = None


def stale_after_ns(rate_hz: float, idle_ns: int) -> int:
    """How long a stream, whose readings normally come `idle_ns` late, may be silent before it is STALE."""
    periods = FAST_STALE_NS if rate_hz >= FAST_HZ or rate_hz <= 0 else round(STALE_PERIODS * NS / rate_hz)
    return max(periods, idle_ns)


class Liveness:
    """One device. `opened`, `broke`, `delivered` and `troubled` tell it what happened, `tick` the time.

    `tick` returns what is to be done with the device now; `changes` what its streams' states became, once.
    """

    def __init__(self, stale_after: Mapping[str, int], now_ns: int) -> None:
        self._stale_after = dict(stale_after)
        self._states: dict[str, Change] = {}
        self._changes: list[Change] = []
        self._last_ns = dict.fromkeys(stale_after, now_ns)
        self._open_at_ns: int | None = now_ns
        self._opened_ns: int | None = None
        self._attempts = 0
        self._is_over = False
        for stream in stale_after:
            self._become(stream, now_ns, "STARTING")

    def opened(self, now_ns: int) -> None:
        """The device is open; its first readings are awaited."""
        self._opened_ns = now_ns

    def broke(self, now_ns: int, reason: str, *, fatal: bool = False) -> None:
        """The device could not be opened, or went away; it is closed. `fatal`: trying again cannot help."""
        self._opened_ns = None
        self._is_over = fatal
        for stream in self._states:
            self._become(stream, now_ns, "FAILED" if fatal else "RECONNECTING", reason)
        if not fatal:
            self._open_at_ns = now_ns + BACK_OFF_NS[min(self._attempts, len(BACK_OFF_NS) - 1)]
            self._attempts += 1

    def delivered(self, stream: str, now_ns: int) -> bool:
        """A good reading came; True when the stream runs again with it."""
        self._last_ns[stream] = now_ns
        self._attempts = 0
        if self._states[stream].state == "RUNNING":
            return False
        self._become(stream, now_ns, "RUNNING")
        return True

    def troubled(self, stream: str, now_ns: int, reason: str) -> None:
        """A stream that runs has something wrong with it (its rate, its content), or nothing more."""
        if self._states[stream].state == "RUNNING":
            self._become(stream, now_ns, "RUNNING", reason)

    def tick(self, now_ns: int, why: Mapping[str, str] | None = None) -> Action | None:
        """Time has passed; `why` says of streams what came instead of good readings."""
        if self._is_over:
            return None
        if self._open_at_ns is not None:
            return self._opening(now_ns)
        for stream, change in self._states.items():
            since_ns = now_ns - self._last_ns[stream]
            if change.state == "RUNNING" and since_ns > self._stale_after[stream]:
                reason = (why or {}).get(stream) or f"nothing for {since_ns / NS:.1f} s"
                self._become(stream, now_ns, "STALE", reason)
        if self._opened_ns is not None and self._is_hopeless(now_ns):
            reasons = [text for stream in self._states if (text := (why or {}).get(stream))]
            self.broke(now_ns, reasons[0] if reasons else "it is open, and gives nothing")
            return "close"
        return None

    def changes(self) -> list[Change]:
        """What changed since the last call."""
        changes, self._changes = self._changes, []
        return changes

    def current(self) -> list[Change]:
        """Every stream's state, since when, and the newest reason."""
        return list(self._states.values())

    def _opening(self, now_ns: int) -> Action | None:
        assert self._open_at_ns is not None
        if now_ns < self._open_at_ns:
            return None
        self._open_at_ns = None
        return "reset" if self._attempts >= RESET_FROM else "open"

    def _is_hopeless(self, now_ns: int) -> bool:
        """Whether every stream has been silent for so long that the device must be opened again."""
        assert self._opened_ns is not None
        return all(
            change.state != "RUNNING"
            and now_ns - max(self._last_ns[stream] + self._stale_after[stream], self._opened_ns)
            > (HOPELESS_NS if change.state == "STALE" else START_NS)
            for stream, change in self._states.items()
        )

    def _become(self, stream: str, now_ns: int, state: SensorState, reason: str = "") -> None:
        """Each transition is told once: further reasons for a state are kept, and are no transitions."""
        before = self._states.get(stream)
        if before is not None and before.state == state and (state != "RUNNING" or before.reason == reason):
            self._states[stream] = msgspec.structs.replace(before, reason=reason)
            return
        self._states[stream] = Change(stream=stream, at_ns=now_ns, state=state, reason=reason)
        self._changes.append(self._states[stream])
