"""`sixsense sensor`: this machine's sensors, sent to a robot elsewhere. Neither torch nor Ray."""

import json
import time
from collections.abc import Iterator, Mapping
from threading import Event
from typing import Any

import zmq

from ..nodes.control import Changed, Produced, RunState
from ..nodes.ingest import Ingest
from ..nodes.spec import IngestSpec
from ..nodes.uplink import Uplink
from ..nodes.wire.ingest import Counts
from ..nodes.wire.keys import server_key_of
from ..sensors.clock import Clock, Timeline
from ..sensors.errors import SixsenseError
from ..sensors.liveness import SensorStatus
from ..sensors.modalities import MODALITIES
from ..sensors.sample import NS, End, Progress, Sample, StreamInfo
from .config import load_config
from .plan import plan_drivers
from .schema import Config
from .signals import on_ctrl_c

DRAIN_NS = 5 * NS
"""How long the robot may take, at the end, to take what it has not."""
TURN_MS = 20


class Sending:
    """The drivers of a configuration in this process, and an uplink for each traffic class.

    `clock` is this machine's, whatever it says. Raises SixsenseError for drivers or endpoints that are none.
    """

    def __init__(self, spec: IngestSpec, name: str, to: str, server_key: str = "", *, clock: Clock) -> None:
        self._clock, self._context = clock, zmq.Context()
        infos = [info for source in spec.sources for info in source.streams]
        self._epoch = clock.now_ns()
        self._node = Ingest("sensor", spec, self._epoch)
        classes = sorted({MODALITIES[info.modality].traffic for info in infos})
        by_class = {
            traffic: [i for i in infos if MODALITIES[i.modality].traffic == traffic] for traffic in classes
        }
        try:
            self._uplinks = {t: self._uplink(these, name, to, server_key) for t, these in by_class.items()}
        except SixsenseError:
            self._context.destroy(linger=0)
            raise
        self._of = {info.stream: self._uplinks[MODALITIES[info.modality].traffic] for info in infos}
        self._node.begin(
            started(self._epoch, scripted=any(s.driver == "simulated" for s in spec.sources)), clock
        )

    def turn(self) -> None:
        """Send what is due, and serve the connections; waits for one of them at most TURN_MS."""
        poller = zmq.Poller()
        for uplink in self._uplinks.values():
            for socket in uplink.sockets:
                poller.register(socket, zmq.POLLIN)
        wake_ns = self._node.next_wake_ns()
        until_ms = TURN_MS if wake_ns is None else max(0, (wake_ns - self._clock.now_ns()) // 1_000_000)
        poller.poll(min(TURN_MS, until_ms))
        for message in self._node.wake():
            self._put(message)
        for uplink in self._uplinks.values():
            uplink.turn()

    def stop(self) -> None:
        """End every stream; turn on until `idle`."""
        for message in self._node.obey(started(self._epoch, stop=True)):
            self._put(message)
        for uplink in self._uplinks.values():
            uplink.tell_counts()

    @property
    def idle(self) -> bool:
        """The robot is done with everything."""
        return all(uplink.idle for uplink in self._uplinks.values())

    def status(self) -> dict[str, Any]:
        """What it is doing, as plain values: connections by traffic class, streams with their counts."""
        report = self._node.report()
        states: Mapping[str, SensorStatus] = report["sensors"]
        dropped = {s: n for uplink in self._uplinks.values() for s, n in uplink.dropped().items()}
        produced = {p.stream: p.items for p in report["produced"]}
        return {
            "links": {
                traffic: {"state": u.state, "why": u.why, "sent_bytes": u.sent_bytes}
                for traffic, u in self._uplinks.items()
            },
            "streams": {
                stream: {
                    "state": states[stream].state if stream in states else "RUNNING",
                    "reason": states[stream].reason if stream in states else "",
                    "items": produced.get(stream, 0),
                    "dropped": dropped.get(stream, 0),
                }
                for stream in self._of
            },
        }

    def close(self) -> None:
        self._node.close()
        for uplink in self._uplinks.values():
            uplink.close()
        self._context.term()

    def _uplink(self, infos: list[StreamInfo], name: str, to: str, server_key: str) -> Uplink:
        streams = [info.stream for info in infos]
        return Uplink(
            self._context,
            to,
            sensor=name,
            streams=infos,
            clock=self._clock,
            counts=lambda: self._counts(streams),
            server_key=server_key,
        )

    def _put(self, message: Any) -> None:
        """Send on what the drivers yield; what became of a device is told at once."""
        if isinstance(message, (Sample, Progress, End)):
            self._of[message.stream].put(message)
        elif isinstance(message, Changed):
            for stream in {change.stream for change in message.changes}:
                self._of[stream].tell_counts()

    def _counts(self, streams: list[str]) -> Counts:
        report = self._node.report()
        produced: dict[str, Produced] = {p.stream: p for p in report["produced"] if p.stream in streams}
        return Counts(
            produced={name: one.items for name, one in produced.items()},
            unread={name: one.causes for name, one in produced.items()},
            unsent={name: one.unsent for name, one in produced.items()},
            sensors={name: one for name, one in report["sensors"].items() if name in streams},
        )


def main(name: str, to: str | None, server_key: str | None, *, json: bool) -> Iterator[str]:
    """Send until Ctrl-C, SIGTERM or the generator's close; a line a second of what it is doing. Raises
    SixsenseError."""
    config = load_config(name)
    where = to or config.uplink.to
    clock = Timeline(time.time_ns() - time.monotonic_ns())
    key = server_key_of(where, server_key or config.uplink.server_key)
    sending = Sending(plan_drivers(config), config.robot, where, key, clock=clock)
    over = Event()
    try:
        said_ns = clock.now_ns()
        with on_ctrl_c(over.set):
            while not over.is_set():
                sending.turn()
                if clock.now_ns() - said_ns >= NS:
                    said_ns += NS
                    yield line(sending.status(), where, as_json=json)
    finally:
        _drain(sending, clock)
        sending.close()


def _drain(sending: Sending, clock: Clock) -> None:
    """End the streams; what the robot has not taken it may, for a few seconds."""
    sending.stop()
    until_ns = clock.now_ns() + DRAIN_NS
    while (
        not sending.idle
        and clock.now_ns() < until_ns
        and any(link["state"] == "SENDING" for link in sending.status()["links"].values())
    ):
        sending.turn()


def line(status: Mapping[str, Any], to: str, *, as_json: bool) -> str:
    """A status for a person, or for a program."""
    if as_json:
        return json.dumps(status)
    links = ", ".join(
        f"{traffic} {link['state'].lower()}{f' ({why})' if (why := link['why']) else ''}"
        for traffic, link in status["links"].items()
    )
    streams = " ".join(_stream(name, one) for name, one in status["streams"].items())
    return f"{to}: {links}; {streams}"


def _stream(name: str, one: Mapping[str, Any]) -> str:
    state = "" if one["state"] == "RUNNING" else f" {one['state']}"
    reason = f" ({one['reason']})" if one["reason"] else ""
    dropped = f" (dropped {one['dropped']})" if one["dropped"] else ""
    return f"{name}{state}{reason} {one['items']}{dropped}"


def robot_table(name: str) -> str:
    """The [[sensor]] table that declares this configuration's streams on the robot."""
    config: Config = load_config(name)
    lines = ["[[sensor]]", 'driver = "remote"', f'name = "{config.robot}"', "streams = ["]
    for info in (info for source in plan_drivers(config).sources for info in source.streams):
        facts = {"name": info.stream, "modality": info.modality, "rate_hz": float(info.rate_hz)}
        facts |= {"encoding": info.encoding, "channels": info.channels}
        facts |= {key: getattr(info, key) for key in ("width", "height") if getattr(info, key)}
        lines.append(f"  {{ {', '.join(f'{key} = {json.dumps(value)}' for key, value in facts.items())} }},")
    return "\n".join([*lines, "]"])


def started(now_ns: int, *, stop: bool = False, scripted: bool = False) -> RunState:
    """What a supervisor would say, were there one here. A script begins on a whole minute, and is joined."""
    return RunState(
        go=True,
        stop=stop,
        offset_ns=0,
        start_ns=now_ns - now_ns % (60 * NS) if scripted else now_ns,
        restarts={"sensor": 1} if scripted else {},
    )
