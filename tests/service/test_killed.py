"""kill -9 of every node in turn: the others go on, it comes back, and only the outage is different."""

import os
import signal
from collections.abc import Iterator

import msgspec
import pytest
from sixsense.fusion.fused import Fused, Match
from sixsense.launch.config import load_config
from sixsense.launch.plan import plan_run
from sixsense.launch.queries import config_queries
from sixsense.launch.schema import Endpoints
from sixsense.launch.service import Output, Service
from sixsense.nodes.spec import EncodeSpec, FuseSpec, IngestSpec, NodeSpec, Plan, SourceSpec
from sixsense.nodes.wire.status import Status
from sixsense.sensors.sample import NS

SECONDS = 54
KILLS = {"edge": 16, "fuse": 26.8, "encode": 29, "ingest": 42.8}
"""Seconds of the script at which each node's process is killed: three of its events are undisturbed."""
WINDOW_NS, COOLDOWN_NS, TOLERANCE_NS = 2 * NS, 1 * NS, 1 * NS


class Span(msgspec.Struct, frozen=True, order=True):
    """An event of one query."""

    begin_ns: int
    end_ns: int
    query: str


def spans(outputs: list[Output], start_ns: int) -> list[Span]:
    ended = [o for o in outputs if isinstance(o, Match) and o.phase == "end"]
    return sorted(Span(m.begin_ns - start_ns, m.last_ns - start_ns, m.query) for m in ended)


def at_full_speed(plan: Plan) -> Plan:
    """The same script as a recording: lossless, and as fast as it can be encoded."""
    replace = msgspec.structs.replace

    def node(spec: NodeSpec) -> NodeSpec:
        body = spec.body
        if isinstance(body, IngestSpec):
            body = replace(body, sources=tuple(_limited(s) for s in body.sources), pace=None, live=False)
        elif isinstance(body, FuseSpec):
            body = replace(body, deadline_s=None)
        elif isinstance(body, EncodeSpec):
            body = replace(body, shed_s=None)
        return replace(spec, body=body, lossless=True)

    return replace(plan, nodes=tuple(node(spec) for spec in plan.nodes))


def _limited(source: SourceSpec) -> SourceSpec:
    return msgspec.structs.replace(source, options={**source.options, "seconds": SECONDS})


def plan(endpoints: Endpoints) -> Plan:
    config = msgspec.structs.replace(load_config("demo"), endpoints=endpoints)
    return plan_run(config, queries=config_queries(config), seconds=SECONDS)


def kill_on_time(service: Service) -> Iterator[Output]:
    """Yield the run's outputs, and kill each node when the script has come to its time."""
    pids: dict[str, int] = {}
    due = dict(KILLS)
    start_ns = None
    for output in service.outputs(timeout_s=60):
        if isinstance(output, Status):
            pids = {node.name: node.pid for node in output.nodes}
        if isinstance(output, Fused):
            start_ns = output.stamp_ns if start_ns is None else start_ns
            for name in [n for n, at in due.items() if pids and output.stamp_ns > start_ns + at * NS]:
                os.kill(pids[name], signal.SIGKILL)
                del due[name]
        yield output


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> list[Output]:
    folder = tmp_path_factory.mktemp("ipc")
    endpoints = Endpoints(results=f"ipc://{folder}/results", control=f"ipc://{folder}/control")
    with Service(plan(endpoints)) as service:
        return list(kill_on_time(service))


@pytest.fixture(scope="module")
def unkilled() -> list[Output]:
    with Service(at_full_speed(plan(Endpoints(results="", control=""))), local=True) as service:
        return list(service.outputs(timeout_s=60))


def test_every_node_comes_back_and_its_outage_is_told(killed: list[Output]) -> None:
    final = killed[-1]
    assert isinstance(final, Status)
    assert {node.name: node.restarts for node in final.nodes} == dict.fromkeys(KILLS, 1)
    assert {outage.node for outage in final.outages} == set(KILLS)
    for outage in final.outages:
        assert 0 < outage.until_ns - outage.from_ns < 15 * NS


def test_the_others_go_on(killed: list[Output]) -> None:
    fused = [o for o in killed if isinstance(o, Fused)]
    stamps = [o.stamp_ns for o in fused]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] - stamps[0] >= (SECONDS - 2) * NS
    assert len(stamps) == (stamps[-1] - stamps[0]) // (NS // 4) + 1


def test_outside_the_outages_the_events_are_those_of_an_unkilled_run(
    killed: list[Output], unkilled: list[Output]
) -> None:
    final = killed[-1]
    assert isinstance(final, Status)
    minute_ns = 60 * NS
    start_ns = next(o.stamp_ns for o in killed if isinstance(o, Fused)) // minute_ns * minute_ns
    expected_start = next(o.stamp_ns for o in unkilled if isinstance(o, Fused)) // minute_ns * minute_ns
    away = [
        (o.from_ns - start_ns - TOLERANCE_NS, o.until_ns - start_ns + WINDOW_NS + COOLDOWN_NS)
        for o in final.outages
        if o.node != "edge"
    ]

    def undisturbed(span: Span) -> bool:
        return all(span.end_ns < first or span.begin_ns > last for first, last in away)

    expected = [s for s in spans(unkilled, expected_start) if undisturbed(s)]
    got = [s for s in spans(killed, start_ns) if undisturbed(s)]
    assert len(expected) >= 3
    assert [s.query for s in got] == [s.query for s in expected]
    for one, other in zip(got, expected, strict=True):
        assert abs(one.begin_ns - other.begin_ns) <= TOLERANCE_NS
        assert abs(one.end_ns - other.end_ns) <= TOLERANCE_NS
