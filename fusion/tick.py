"""Ticks: the instants of fusion, each with the newest embedding of every input.

A tick closes when every input has progressed to it, so what it holds depends on event time alone: any order
of arrival between inputs gives the same ticks. Only a live deadline closes one earlier.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping
from typing import Literal

import msgspec

from ..encoders.embedding import Embedding, Missing
from ..sensors.sample import NEVER_NS, NS, End, Progress
from .errors import FusionError
from .rule import InputRule

Message = Embedding | Missing | Progress | End
Closed = Literal["complete", "deadline"]

# A clock that jumps by a year must not become a hundred million empty ticks.
LONGEST_GAP_NS = 120 * NS
_FOREVER = 2**63 - 1


class Tick(msgspec.Struct, frozen=True):
    """The instant `stamp_ns` and, by input, the newest embedding that is not older than its limit."""

    stamp_ns: int
    closed: Closed
    newest: dict[str, Embedding]


class InputState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one input between two messages."""

    epoch: int
    progress_ns: int
    ended: bool
    kept: tuple[Embedding, ...]


class TickerState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of all of them: the tick that closed last, the last that was not empty."""

    last_ns: int | None
    filled_ns: int | None
    latest_end_ns: int
    inputs: dict[str, InputState]


class _Input:
    """One input's embeddings that a tick may still use, and how far it has progressed."""

    def __init__(self, limit_ns: int) -> None:
        self.limit_ns = limit_ns
        self.epoch = -1
        self.progress_ns = NEVER_NS
        self.ended = False
        self._kept: list[Embedding] = []

    def enter(self, epoch: int) -> bool:
        """Go on to `epoch` if it is newer; say whether `epoch` is the newest."""
        if epoch > self.epoch:
            self.epoch, self.progress_ns, self.ended = epoch, NEVER_NS, False
        return epoch == self.epoch

    def add(self, embedding: Embedding) -> None:
        insort(self._kept, embedding, key=lambda kept: (kept.end_ns, kept.epoch, kept.seq))

    def state(self) -> InputState:
        return InputState(
            epoch=self.epoch, progress_ns=self.progress_ns, ended=self.ended, kept=tuple(self._kept)
        )

    def go_on(self, state: InputState) -> None:
        self.epoch, self.progress_ns, self.ended = state.epoch, state.progress_ns, state.ended
        self._kept = list(state.kept)

    def newest(self, stamp_ns: int) -> Embedding | None:
        """The newest embedding at `stamp_ns`; what no tick from there on can use is forgotten."""
        after = bisect_right(self._kept, stamp_ns, key=lambda kept: kept.end_ns)
        del self._kept[: max(0, after - 1)]
        if after and stamp_ns - self._kept[0].end_ns <= self.limit_ns:
            return self._kept[0]
        return None

    def first_tick(self, from_ns: int, hop_ns: int) -> int | None:
        """The first tick at or after `from_ns` that has an embedding of this input."""
        for kept in self._kept:
            stamp_ns = max(from_ns, -(-kept.end_ns // hop_ns) * hop_ns)
            if stamp_ns - kept.end_ns <= self.limit_ns:
                return stamp_ns
        return None


class Ticker:
    """Turns the messages of all inputs into closed ticks, at multiples of `hop_ns`.

    Tick T uses, for each input, the newest embedding whose window ends at or before T and is at most
    `limit_ns` older. It closes when every input's progress is at least T and an embedding with a window
    that ends at or after T is known, or live (`deadline_ns` given) at T + `deadline_ns`. The first tick is
    the first that has an embedding; after LONGEST_GAP_NS of ticks without any, so is the next.

    An input that has ended holds no tick up, until an event of a newer epoch of it arrives. In replay,
    where all inputs come from one reader and share its epochs, it does so as soon as any input is in a newer
    epoch: its own events of that epoch are still to come.

    `last_ns` is the tick that closed last (None before the first). `late` counts embeddings whose first tick
    had closed when they came; later ticks still use them.
    """

    def __init__(self, inputs: Mapping[str, InputRule], *, hop_ns: int, deadline_ns: int | None) -> None:
        if not inputs or hop_ns <= 0 or (deadline_ns is not None and deadline_ns < 0):
            raise FusionError(
                f"cannot make ticks of {len(inputs)} inputs every {hop_ns} ns, deadline {deadline_ns} ns: "
                "name at least one input, a positive hop, and a deadline of 0 or more (None in replay)"
            )
        self.hop_ns, self.deadline_ns = hop_ns, deadline_ns
        self._inputs = {name: _Input(inputs[name].limit_ns) for name in sorted(inputs)}
        self._latest_end_ns = NEVER_NS
        self.last_ns: int | None = None
        self._filled_ns: int | None = None
        self.late = 0

    @property
    def next_tick_ns(self) -> int:
        """The earliest tick that can still close (0 before the first): a new query is matched from there."""
        return 0 if self.last_ns is None else self.last_ns + self.hop_ns

    @property
    def due_ns(self) -> int | None:
        """When the next live deadline passes; None while nothing waits for one."""
        upcoming = self._upcoming()
        return None if upcoming is None or self.deadline_ns is None else upcoming + self.deadline_ns

    def feed(self, message: Message) -> list[Tick]:
        """Take one message in; return the ticks it completes, oldest first.

        Raises FusionError for an input that is not in the plan; nothing changes then.
        """
        name = message.stream if isinstance(message, Progress | End) else message.input
        if name not in self._inputs:
            raise FusionError(
                f"{type(message).__name__} of input {name!r}, but fusion was planned for "
                f"{', '.join(self._inputs)}: add it to the plan or do not send it here"
            )
        self._take(self._inputs[name], message)
        return self._close(NEVER_NS)

    def due(self, now_ns: int) -> list[Tick]:
        """Return the live ticks whose deadline has passed at `now_ns` (timeline ns), oldest first."""
        return [] if self.deadline_ns is None else self._close(now_ns - self.deadline_ns)

    def finish(self) -> list[Tick]:
        """Close every tick up to the latest window end, whatever the inputs have still promised."""
        return self._close(self._latest_end_ns)

    def resume(self, last_ns: int | None) -> None:
        """Go on after tick `last_ns` of an earlier process, with the first tick that has an embedding."""
        self.last_ns = last_ns

    def state(self) -> TickerState:
        """Everything that later ticks depend on."""
        return TickerState(
            last_ns=self.last_ns,
            filled_ns=self._filled_ns,
            latest_end_ns=self._latest_end_ns,
            inputs={name: source.state() for name, source in self._inputs.items()},
        )

    def go_on(self, state: TickerState) -> None:
        """Go on exactly as the ticker whose `state()` this is would, before the first message."""
        self.last_ns, self._filled_ns = state.last_ns, state.filled_ns
        self._latest_end_ns = state.latest_end_ns
        for name, source in state.inputs.items():
            if name in self._inputs:
                self._inputs[name].go_on(source)

    def _take(self, source: _Input, message: Message) -> None:
        current = source.enter(message.epoch)
        if isinstance(message, Embedding):
            self.late += self.last_ns is not None and message.end_ns <= self.last_ns
            self._latest_end_ns = max(self._latest_end_ns, message.end_ns)
            source.add(message)
        elif isinstance(message, Progress) and current:
            source.progress_ns = max(source.progress_ns, message.t_ns)
        elif isinstance(message, End) and current:
            source.ended = True

    def _close(self, overdue_ns: int) -> list[Tick]:
        """Close the ticks that are complete, and those at or before `overdue_ns`."""
        ticks: list[Tick] = []
        complete_ns = min(self._reached_ns(), self._latest_end_ns)
        while (stamp_ns := self._upcoming()) is not None and stamp_ns <= max(complete_ns, overdue_ns):
            ticks.append(self._tick(stamp_ns, "complete" if stamp_ns <= complete_ns else "deadline"))
        return ticks

    def _reached_ns(self) -> int:
        """How far the slowest input has progressed."""
        newest = max(source.epoch for source in self._inputs.values())
        shared = self.deadline_ns is None
        return min(
            _FOREVER if source.ended and (source.epoch == newest or not shared) else source.progress_ns
            for source in self._inputs.values()
        )

    def _upcoming(self) -> int | None:
        """The next tick to close: the following one; after a start or a long gap the first with a vector."""
        from_ns = NEVER_NS if self.last_ns is None else self.last_ns + self.hop_ns
        if self._filled_ns is not None and from_ns - self._filled_ns <= LONGEST_GAP_NS:
            return from_ns
        firsts = (source.first_tick(from_ns, self.hop_ns) for source in self._inputs.values())
        return min((stamp_ns for stamp_ns in firsts if stamp_ns is not None), default=None)

    def _tick(self, stamp_ns: int, closed: Closed) -> Tick:
        found = {name: source.newest(stamp_ns) for name, source in self._inputs.items()}
        newest = {name: embedding for name, embedding in found.items() if embedding is not None}
        self.last_ns = stamp_ns
        self._filled_ns = stamp_ns if newest else self._filled_ns
        return Tick(stamp_ns, closed, newest)
