"""`sixsense record`: a run of its own with a recorder in its plan, or a guest on a running one's rings."""

import os
import re
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import cast

import msgspec
import zmq

from ..nodes.link import GATHER_S, Inlet
from ..nodes.node import Message
from ..nodes.record import Recorder, awaited, head_of
from ..nodes.recorded import from_json
from ..nodes.spec import IngestSpec, InletSpec, NodeSpec, OutletSpec, Plan, RecordSpec
from ..nodes.wire.control import ControlClient
from ..nodes.wire.envelope import decode
from ..nodes.wire.errors import ControlError
from ..nodes.wire.status import Status
from ..nodes.wire.verbs import Description
from ..sensors.errors import SixsenseError
from ..sensors.sample import End, Progress, Sample, StreamInfo
from .signals import on_ctrl_c

NAME = "record"
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "s": 1, "min": 60, "h": 3600}
_TIMES = ("s", "min", "h")
FUSE = "fuse"
LOOK_S = 1.0
"""How often a guest looks where the nodes are, and how the service is."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: where to, which streams (empty: all), when to split, how much to leave free."""

    path: Path
    topics: tuple[str, ...] = ()
    split_bytes: int = 0
    split_s: float = 0.0
    keep_free_bytes: int = 500_000_000


def parse_split(text: str) -> tuple[int, float]:
    """`1GB` as bytes, `10min` as seconds: one of them, the other 0. Raises SixsenseError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*", text)
    unit = found[2].lower() if found else ""
    if found is None or unit not in _UNITS or float(found[1]) <= 0:
        raise SixsenseError(f"--split {text!r} is neither a size nor a time; write 1GB, 500MB, 10min or 1h")
    value = float(found[1]) * _UNITS[unit]
    return (0, value) if unit in _TIMES else (round(value), 0.0)


def record_spec(recording: Recording, streams: Collection[StreamInfo], plan: str) -> RecordSpec:
    """What the recorder is told. Raises SixsenseError for a path that is taken, or no such stream."""
    path = recording.path.absolute()
    names = [info.stream for info in streams]
    if unknown := [name for name in recording.topics if name not in names]:
        raise SixsenseError(f"there is no stream {unknown[0]!r} to record; there are {', '.join(names)}")
    if path.exists():
        raise SixsenseError(f"{path} exists, and a recording overwrites nothing; give another path with -o")
    if not path.parent.is_dir():
        raise SixsenseError(f"{path.parent} is no folder: make it, or give another path with -o")
    return RecordSpec(
        path=str(path),
        streams=tuple(info for info in streams if not recording.topics or info.stream in recording.topics),
        plan=plan,
        inputs=tuple(spec.name for spec in from_json(plan).encode.inputs),
        split_bytes=recording.split_bytes,
        split_s=recording.split_s,
        keep_free_bytes=recording.keep_free_bytes,
    )


def with_recorder(plan: Plan, recording: Recording) -> Plan:
    """The plan with one more node, a consumer of every ring of the others. Raises SixsenseError."""
    sources = [s for node in plan.nodes if isinstance(node.body, IngestSpec) for s in node.body.sources]
    spec = record_spec(recording, [info for source in sources for info in source.streams], plan.facts)
    nodes = [_read_by_recorder(node) for node in plan.nodes]
    inlets = tuple(InletSpec(node=n.name, traffic=o.traffic) for n in nodes for o in n.outlets)
    lossless = any(node.lossless for node in nodes)
    recorder = NodeSpec(name=NAME, robot=plan.robot, body=spec, outlets=(), inlets=inlets, lossless=lossless)
    return msgspec.structs.replace(plan, nodes=(*nodes, recorder))


def _read_by_recorder(node: NodeSpec) -> NodeSpec:
    def read(outlet: OutletSpec) -> OutletSpec:
        return msgspec.structs.replace(outlet, consumers=(*outlet.consumers, NAME))

    return msgspec.structs.replace(node, outlets=tuple(read(outlet) for outlet in node.outlets))


def attach(control: str, recording: Recording, seconds: float | None, say: Callable[[str], None]) -> None:
    """Record the service that is running, until it ends, or for `seconds`, or until Ctrl-C.

    This process reads the rings itself: only who may enter the service's runtime directory can record, and
    the file is his. Raises ControlError where no service answers, SixsenseError where the disk is full.
    """
    with ControlClient(control) as client:
        about = client.describe()
        spec = record_spec(recording, about.streams, about.plan.tobytes().decode())
        guest = Guest(client, about, spec)
        try:
            with on_ctrl_c(guest.stop):
                say(f"recording {', '.join(info.stream for info in spec.streams)} to {spec.path}")
                guest.run(seconds)
        finally:
            guest.close()
        say(f"wrote {spec.path}")


class Guest:
    """A recorder on the rings of a service that was started without one."""

    def __init__(self, client: ControlClient, about: Description, spec: RecordSpec) -> None:
        self._client, self._about = client, about
        self._name = f"{NAME}-{os.getpid()}"
        self._context = zmq.Context()
        self._inlets: dict[InletSpec, Inlet] = {}
        self._recorder = Recorder(spec, head_of(spec, about.robot, about.offset_ns, about.offset_ns))
        self._waits_for = awaited(spec)

    def stop(self) -> None:
        """Read no more."""
        self._waits_for.clear()

    def run(self, seconds: float | None) -> None:
        """Read until everything has ended, or it is stopped."""
        begun_s = looked_s = time.monotonic()
        self._look()
        self._recorder.open(self._now_ns())
        while self._waits_for and (seconds is None or time.monotonic() - begun_s < seconds):
            self._read()
            if time.monotonic() - looked_s >= LOOK_S:
                looked_s = time.monotonic()
                self._recorder.flush(self._now_ns())
                if not self._look():
                    return

    def close(self) -> None:
        """Leave the rings and end the file."""
        for inlet in self._inlets.values():
            inlet.leave()
            inlet.close()
        self._context.term()
        self._recorder.close()

    def _now_ns(self) -> int:
        return time.monotonic_ns() + self._about.offset_ns

    def _look(self) -> bool:
        """Follow the directory and record the status; False where the service is gone."""
        try:
            registrations = self._client.directory()
            snapshot = self._client.snapshot("status")
        except ControlError:
            return False
        # Fusion greets with its state, from which ticks are computed again: encode nodes are joined before.
        begun = bool(self._inlets)
        for row in registrations:
            node, traffic = row.node.split("/")
            if node == FUSE and not begun:
                continue
            wanted = msgspec.convert({"node": node, "traffic": traffic}, InletSpec)
            current = self._inlets.get(wanted)
            if current is None or current.endpoint != row.endpoint:
                if current is not None:
                    self._take(wanted, current)
                    current.close()
                self._inlets[wanted] = Inlet(self._context, row.endpoint, self._name, gathered=True)
        for frames in snapshot:
            message = decode(frames)[1]
            if isinstance(message, Status):
                self._recorder.put_result(message)
        return True

    def _read(self) -> None:
        poller = zmq.Poller()
        for inlet in self._inlets.values():
            poller.register(inlet.socket, zmq.POLLIN)
        poller.poll(100)
        for wanted, inlet in self._inlets.items():
            self._take(wanted, inlet)
        time.sleep(GATHER_S)

    def _take(self, wanted: InletSpec, inlet: Inlet) -> None:
        """Record what has arrived on one inlet."""
        for message in _messages(inlet):
            if wanted.traffic == "results":
                self._recorder.put_result(message)
            elif isinstance(message, (Sample, Progress, End)):
                self._recorder.put_event(message)
            if isinstance(message, End):
                self._waits_for.discard((wanted.traffic == "results", message.stream))


def _messages(inlet: Inlet) -> Iterator[Message]:
    """What has arrived; it is done with once all was taken."""
    taken = False
    while (frames := inlet.receive()) is not None:
        yield cast(Message, decode(frames)[1])
        taken = True
    if taken:
        inlet.acknowledge()
