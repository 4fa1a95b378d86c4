"""A rig's five senses through the models on one device: how soon a vector is there, how many rigs it serves.

Windows are recorded from the synthetic rig beforehand, and close at their native hops: all five at once,
twice a second, which is the worst they can do.
"""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rig import Rig
from sixsense.encoders.card import DEFAULT_WINDOWS
from sixsense.encoders.model import Model, Pending
from sixsense.encoders.raw import raw
from sixsense.encoders.window import Window
from sixsense.encoders.windower import InputSpec, Windower
from sixsense.sensors.sample import NS

ORDER = ("depth", "thermal", "imu", "audio", "vision")
"""What takes the host least is begun first; a JPEG is decoded while the others are being computed."""
HOP_NS = DEFAULT_WINDOWS["vision"].hop_ns
RIGS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

Moment = Mapping[str, Window]
Models = Mapping[str, Model]


class Latency(NamedTuple):
    """Milliseconds from windows closed to vectors on the host, of each vector; how many there were."""

    p50: float
    p99: float
    worst: float
    vectors: int


class Load(NamedTuple):
    """So many rigs' windows of one moment, computed together: milliseconds, of which the host's preparing."""

    rigs: int
    ms: float
    host_ms: float


def moments(count: int) -> list[Moment]:
    """Windows of the five modalities that close at one time, for so many times of a rig's day."""
    rig = Rig()
    infos = {info.stream: info for info in rig.streams}
    windowers = {
        stream: Windower(
            InputSpec(name=stream, modality=info.modality, members=(info,)), DEFAULT_WINDOWS[info.modality]
        )
        for stream, info in infos.items()
    }
    closed: dict[int, dict[str, Window]] = {}
    for event in rig.events(0):
        for window in windowers[event.stream].feed(event):
            if isinstance(window, Window):
                closed.setdefault(window.end_ns, {})[window.modality] = window
        whole = [moment for _, moment in sorted(closed.items()) if len(moment) == len(ORDER)]
        if len(whole) >= count:
            break
    return whole[:count]


def together(models: Models, moment: Moment) -> list[float]:
    """Milliseconds until each vector of a moment was there, all modalities in flight at once."""
    closed_ns = time.perf_counter_ns()
    flying: list[Pending] = []
    for modality in ORDER:
        row, _ = raw(moment[modality])
        flying.append(models[modality].begin([row]))
    return [_landed(pending, closed_ns) for pending in flying]


def one_by_one(models: Models, moment: Moment) -> list[float]:
    """The same, each modality waited for before the next is begun."""
    closed_ns = time.perf_counter_ns()
    return [_landed(models[modality].begin([raw(moment[modality])[0]]), closed_ns) for modality in ORDER]


def _landed(pending: Pending, since_ns: int) -> float:
    pending.rows()
    return (time.perf_counter_ns() - since_ns) / 1e6


def live(models: Models, day: Sequence[Moment], seconds: float) -> dict[str, Latency]:
    """At the rig's own pace, so that the device idles between moments; the two ways take turns."""
    ways = {"together": together, "one by one": one_by_one}
    latencies: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(models, day[0])
    begun_ns = time.perf_counter_ns()
    turns = max(2, round(seconds * NS / HOP_NS))
    for turn in range(turns):
        due_ns = begun_ns + turn * HOP_NS
        time.sleep(max(0, due_ns - time.perf_counter_ns()) / NS)
        name = list(ways)[turn % 2]
        latencies[name] += ways[name](models, day[turn % len(day)])
    return {name: _latency(values) for name, values in latencies.items()}


def _latency(values: list[float]) -> Latency:
    ordered = sorted(values)
    at = min(len(ordered) - 1, int(0.99 * len(ordered)))
    return Latency(ordered[len(ordered) // 2], ordered[at], ordered[-1], len(ordered))


def loads(models: Models, day: Sequence[Moment], most: int, repetitions: int) -> list[Load]:
    """Rising numbers of rigs, until a hop is too short for them."""
    found: list[Load] = []
    for rigs in (r for r in RIGS if r <= most):
        found.append(_load(models, [day[i % len(day)] for i in range(rigs)], repetitions))
        if found[-1].ms > HOP_NS / 1e6:
            break
    return found


def _load(models: Models, rigs: Sequence[Moment], repetitions: int) -> Load:
    timed: list[tuple[float, float]] = []
    for _ in range(repetitions + 1):
        start_ns, host_ns = time.perf_counter_ns(), 0
        flying: list[Pending] = []
        for modality in ORDER:
            before_ns = time.perf_counter_ns()
            rows = [raw(moment[modality])[0] for moment in rigs]
            host_ns += time.perf_counter_ns() - before_ns
            flying.append(models[modality].begin(rows))
        for pending in flying:
            pending.rows()
        timed.append(((time.perf_counter_ns() - start_ns) / 1e6, host_ns / 1e6))
    # The first repetition records what is new to it.
    ms, host_ms = sorted(timed[1:])[repetitions // 2]
    return Load(len(rigs), ms, host_ms)


def served(found: Sequence[Load]) -> tuple[float, float]:
    """Rigs whose windows of a hop are computed within it: with one host thread preparing, and without it."""
    hop_ms = HOP_NS / 1e6
    whole = max(load.rigs * hop_ms / load.ms for load in found)
    return whole, max(load.rigs * hop_ms / max(load.ms - load.host_ms, 1e-3) for load in found)
