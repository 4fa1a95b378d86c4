"""Roster: what is known of each node of a run: its process, when it was heard, its outages."""

import logging
import os
import socket

import msgspec

from ..sensors.errors import SixsenseError
from ..sensors.sample import NS
from .control import Register, Report
from .spec import NodeSpec
from .wire.status import NodeState, NodeStatus, Outage

log = logging.getLogger(__name__)
SILENCE_S = 2.0
"""A node that has not reported for so long is STALE; one whose process is gone is DOWN at once."""
MAX_OUTAGES = 100


class Member:
    """One node."""

    def __init__(self, spec: NodeSpec) -> None:
        self.spec = spec
        self.registered: Register | None = None
        self.report: Report | None = None
        self.heard_ns = 0
        self.restarts = 0
        self.failed = ""

    def register(self, word: Register, now_ns: int) -> None:
        """Its process is up, the first or another one."""
        self.restarts += self.registered is not None
        self.registered, self.report, self.heard_ns, self.failed = word, None, now_ns, ""

    def hear(self, report: Report, now_ns: int) -> None:
        """It reports; the first that a recorder misses is an error."""
        before = self.report.dropped.keys() if self.report is not None else ()
        for consumer in report.dropped.keys() - before:
            if consumer.startswith("record"):
                lost = ", ".join(f"{items} of {name}" for name, items in report.dropped[consumer].items())
                log.error("dropped(%s): its disk falls behind; missing so far: %s", consumer, lost)
        self.report, self.heard_ns = report, now_ns

    @property
    def ready(self) -> bool:
        """It has loaded what takes long, and reports."""
        return self.report is not None

    @property
    def done(self) -> bool:
        """Nothing more will come of it."""
        return self.report is not None and self.report.done

    @property
    def gone(self) -> bool:
        """Whether its process, on this machine, does not exist any more."""
        if self.registered is None or self.registered.host != socket.gethostname():
            return False
        try:
            os.kill(self.registered.pid, 0)
        except (ProcessLookupError, PermissionError):
            # Where this user may not, it is somebody else's process by now.
            return True
        return False

    def state(self, now_ns: int, *, stopping: bool, over: bool) -> NodeState:
        """How it is, in a run that is being stopped, or is over."""
        if self.failed:
            return "FAILED"
        if self.gone:
            return "DOWN"
        if not self.ready:
            return "STARTING"
        if over or (self.done and stopping):
            return "DONE"
        return "STALE" if now_ns - self.heard_ns > SILENCE_S * NS else "RUNNING"

    def status(self, state: NodeState, offset_ns: int) -> NodeStatus:
        """What is told of it; the timeline is the monotonic clock plus `offset_ns`."""
        registered, report = self.registered, self.report
        dropped = report.dropped if report else {}
        return NodeStatus(
            name=self.spec.name,
            state=state,
            epoch=registered.epoch if registered else 0,
            pid=registered.pid if registered else 0,
            host=registered.host if registered else "",
            heartbeat_ns=self.heard_ns + offset_ns,
            restarts=self.restarts,
            cpu_s=round(report.cpu_s, 3) if report else 0.0,
            dropped={f"{who}/{stream}": n for who, counts in dropped.items() for stream, n in counts.items()},
        )


class Roster:
    """The nodes by name, and when they were away. Times are of the monotonic clock, but for outages: these
    are told on the run's timeline, `offset_ns` later."""

    def __init__(self, specs: tuple[NodeSpec, ...]) -> None:
        self.members = {spec.name: Member(spec) for spec in specs}
        self.outages: list[Outage] = []

    def __getitem__(self, name: str) -> Member:
        """Raises SixsenseError for a node that is not in the plan."""
        if name not in self.members:
            raise SixsenseError(f"a node {name!r} that is not in the plan said something")
        return self.members[name]

    @property
    def ready(self) -> bool:
        return all(member.ready for member in self.members.values())

    @property
    def done(self) -> bool:
        return all(member.done for member in self.members.values())

    @property
    def reports(self) -> list[Report]:
        return [member.report for member in self.members.values() if member.report is not None]

    @property
    def restarts(self) -> dict[str, int]:
        return {name: member.restarts for name, member in self.members.items()}

    @property
    def directory(self) -> dict[str, dict[str, str]]:
        """Where the registered nodes' outlets are, by node and traffic class."""
        return {
            name: member.registered.endpoints
            for name, member in self.members.items()
            if member.registered is not None
        }

    def leave(self, name: str, offset_ns: int) -> None:
        """Open an outage of this node, unless one is open."""
        if not any(outage.node == name and not outage.until_ns for outage in self.outages):
            cause = self[name].failed or ("process gone" if self[name].gone else "silent")
            from_ns = self[name].heard_ns + offset_ns
            self.outages.append(Outage(node=name, from_ns=from_ns, until_ns=0, cause=cause))
            del self.outages[:-MAX_OUTAGES]
            log.error("node %s is away: %s", name, cause)

    def back(self, name: str, until_ns: int) -> None:
        """Close its outage at `until_ns` of the timeline."""
        self.outages = [
            msgspec.structs.replace(outage, until_ns=until_ns)
            if outage.node == name and not outage.until_ns
            else outage
            for outage in self.outages
        ]
