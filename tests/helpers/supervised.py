"""A supervisor of three nodes, with messages and time as arguments."""

import os
import socket

import numpy as np
from sixsense.encoders.card import Background, ModelCard, WindowSpec
from sixsense.encoders.windower import InputSpec
from sixsense.fusion.query import Query, Standing
from sixsense.nodes.control import Changed, Outbox, Register, Report, RunState
from sixsense.nodes.spec import EncodeSpec, FuseSpec, IngestSpec, NodeSpec, Plan
from sixsense.nodes.supervisor import Supervisor
from sixsense.sensors.liveness import Change
from sixsense.sensors.sample import NS, StreamInfo

CAMERA = StreamInfo(stream="camera", modality="vision", encoding="jpeg", rate_hz=30, clock="host")


CARD = ModelCard(
    name="mini",
    space_id="mini:0",
    dim=4,
    trained=False,
    modalities=("vision", "text"),
    windows={},
    means={},
    backgrounds={"vision/vision": Background(mean=0, deviation=1)},
)


BODIES = {
    "ingest": IngestSpec(sources=(), pace=1.0, live=True, seconds=None),
    "encode": EncodeSpec(
        model="mini",
        inputs=(InputSpec(name="camera", modality="vision", members=(CAMERA,)),),
        windows={"vision": WindowSpec(length_ns=NS, hop_ns=NS)},
        shed_s=None,
        threads=1,
    ),
    "fuse": FuseSpec(card=CARD, rules={}, hop_s=0.25, deadline_s=0.5),
}


UNIX = 1_700_000_012 * NS


GONE = 4_000_000


def supervisor(*queries: Query, whole_minute: bool = False, lossless: bool = False) -> Supervisor:
    nodes = tuple(
        NodeSpec(name=name, robot="r", body=body, outlets=(), inlets=(), lossless=lossless)
        for name, body in BODIES.items()
    )
    plan = Plan(robot="r", card=CARD, nodes=nodes, taps=(), queries=queries, whole_minute=whole_minute)
    return Supervisor(plan, monotonic_ns=0, unix_ns=UNIX)


def register(name: str, epoch: int = 1, pid: int | None = None) -> Register:
    pid = os.getpid() if pid is None else pid
    return Register(name=name, epoch=epoch, pid=pid, host=socket.gethostname(), endpoints={"results": name})


def report(name: str, epoch: int = 1, *, done: bool = False, **fields: object) -> Report:
    base = Report(name=name, epoch=epoch, done=done, cpu_s=0, since_ns=0)
    return Report(**{f: getattr(base, f) for f in base.__struct_fields__} | fields)


def started(*queries: Query, whole_minute: bool = False, lossless: bool = False) -> tuple[Supervisor, Outbox]:
    one = supervisor(*queries, whole_minute=whole_minute, lossless=lossless)
    out: Outbox = []
    for name in BODIES:
        one.take(register(name), 0)
    for name in BODIES:
        out += one.take(report(name), 5 * NS)
    return one, out


def states(outbox: Outbox) -> dict[str, RunState]:
    return {name: wish for name, wish in outbox if isinstance(wish, RunState)}


def standing(name: str) -> Standing:
    vector = np.ones(4, np.float32) / 2
    return Standing(query=Query(name=name), mix=(("vision", 1.0),), space_id="mini:0", vector=vector)


def changed(at_ns: int, state: str, reason: str = "") -> Changed:
    return Changed(
        name="ingest",
        epoch=1,
        changes=(Change(stream="imu", at_ns=at_ns, state=state, reason=reason),),  # type: ignore[arg-type]
    )
