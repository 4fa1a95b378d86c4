"""What is wrong with what a device delivers: one reading, its rate, or the same picture for ever."""

from collections import deque
from typing import NamedTuple

import numpy as np

from .device import Reading
from .modalities import MODALITIES
from .sample import NS, StreamInfo


class Form(NamedTuple):
    """One row: how the array of an encoding looks."""

    dtype: str
    dimensions: int


FORMS = {
    "jpeg": Form("uint8", 1),
    "rgb8": Form("uint8", 3),
    "mono8": Form("uint8", 2),
    "16UC1": Form("uint16", 2),
    "32FC1": Form("float32", 2),
    "pcm_s16": Form("int16", 2),
    "f32": Form("float32", 2),
}
FUTURE_NS = 1 * NS
"""Stamps later than this from now, or earlier than PAST_NS, are no clock of this run."""
PAST_NS = 60 * NS
RATE_OK = 0.9
RATE_WELL = 0.95
"""A rate that was wrong is right again from here: one that wavers about RATE_OK is not told each time."""
RATE_NS = 3 * NS
RATE_PERIODS = 10
STUCK_NS = {"vision": 5 * NS, "depth": 5 * NS, "thermal": 5 * NS}
"""After how long byte-identical readings are a fault. Sound may well repeat: digital silence does."""


def fault(reading: Reading, info: StreamInfo, now_ns: int) -> str:
    """Why a reading cannot be what its stream promises, or "": its cause, for counting and for a person."""
    allowed = MODALITIES[info.modality].encodings
    if reading.encoding not in allowed:
        return f"{reading.encoding!r} is no encoding of {info.modality}, which has {', '.join(allowed)}"
    return _form_fault(reading, info) or _content_fault(reading, info) or _clock_fault(reading, now_ns)


def _form_fault(reading: Reading, info: StreamInfo) -> str:
    form, data = FORMS[reading.encoding], reading.data
    if data.dtype != form.dtype or data.ndim != form.dimensions:
        return f"{data.dtype} of {data.ndim} dimensions, not {form.dtype} of {form.dimensions}"
    if data.size == 0:
        return "it is empty"
    if MODALITIES[info.modality].item != "frame":
        columns = data.shape[1]
        return f"{columns} channels, not {info.channels}" if columns != info.channels else ""
    if data.ndim > 1 and info.width and data.shape[:2] != (info.height, info.width):
        return f"{data.shape[1]}x{data.shape[0]}, not {info.width}x{info.height}"
    return ""


def _content_fault(reading: Reading, info: StreamInfo) -> str:
    data = reading.data
    if reading.encoding == "jpeg" and bytes(data[:2]) != b"\xff\xd8":
        return "no JPEG"
    if reading.encoding == "rgb8" and data.shape[2] != 3:
        return f"{data.shape[2]} colours, not 3"
    if reading.encoding == "32FC1" and not np.isfinite(data).any():
        return "no finite value in it"
    if reading.encoding == "f32" and not np.isfinite(data).all():
        return "a row that is not finite"
    rows = MODALITIES[info.modality].item == "row"
    if rows and (reading.stamps is None or reading.stamps.shape != data.shape[:1]):
        return "not one stamp a row"
    return ""


def _clock_fault(reading: Reading, now_ns: int) -> str:
    newest = reading.stamp_ns if reading.stamps is None else int(reading.stamps.max())
    oldest = reading.stamp_ns if reading.stamps is None else int(reading.stamps.min())
    if newest > now_ns + FUTURE_NS:
        return "stamped in the future"
    return "stamped too long ago" if oldest < now_ns - PAST_NS else ""


class Rate:
    """Items a second as they arrive, over the last RATE_NS or RATE_PERIODS periods, whichever is longer.

    `hz` is None until it was measured for that long; `fault` is what is wrong with it, or "". It is worded
    once, when the rate becomes wrong, so that one that wavers is not another fault each time.
    """

    def __init__(self, nominal_hz: float, idle_ns: int) -> None:
        self._nominal_hz = nominal_hz
        period_ns = round(RATE_PERIODS * NS / nominal_hz) if nominal_hz > 0 else 0
        self._over_ns = max(RATE_NS, period_ns, RATE_PERIODS * idle_ns)
        self._marks: deque[tuple[int, int]] = deque()
        self.hz: float | None = None
        self.fault = ""

    def add(self, now_ns: int, items: int) -> None:
        """`items` have come altogether by now."""
        if self._marks and now_ns - self._marks[-1][0] < self._over_ns // 50:
            return
        self._marks.append((now_ns, items))
        while len(self._marks) > 2 and now_ns - self._marks[1][0] >= self._over_ns:
            self._marks.popleft()
        (first_ns, first), (last_ns, last) = self._marks[0], self._marks[-1]
        if last_ns - first_ns >= self._over_ns:
            self._judge((last - first) * NS / (last_ns - first_ns))

    def restart(self) -> None:
        """The stream was silent: what came before says nothing of its rate."""
        self._marks.clear()
        self.hz, self.fault = None, ""

    @property
    def ok(self) -> bool:
        """Whether it is at least RATE_OK of what was promised, as far as is known."""
        return self.hz is None or self.hz >= RATE_OK * self._nominal_hz

    def _judge(self, hz: float) -> None:
        self.hz = hz
        least = RATE_WELL if self.fault else RATE_OK
        if self._nominal_hz <= 0 or least <= hz / self._nominal_hz <= 1 / least:
            self.fault = ""
        else:
            self.fault = self.fault or f"{float(f'{hz:.3g}'):g} Hz, not {self._nominal_hz:g}"


class Stuck:
    """Notices that a stream gives the same bytes again and again."""

    def __init__(self, modality: str) -> None:
        self._limit_ns = STUCK_NS.get(modality)
        self._data: np.ndarray | None = None
        self._since_ns = 0
        self._is_stuck = False

    def add(self, now_ns: int, data: np.ndarray) -> None:
        """The newest reading's data."""
        if self._limit_ns is None:
            return
        if self._data is None or not _same(self._data, data):
            self._data, self._since_ns = data, now_ns
        self._is_stuck = now_ns - self._since_ns >= self._limit_ns

    @property
    def fault(self) -> str:
        """That it is stuck, or ""."""
        limit_ns = self._limit_ns or 0
        return f"the same frame for more than {limit_ns / NS:g} s" if self._is_stuck else ""


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays are equal; most are found not to be by their first rows."""
    return np.array_equal(one[:16], other[:16]) and np.array_equal(one, other)
