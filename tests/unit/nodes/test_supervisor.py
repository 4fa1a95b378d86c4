"""Start, queries, outages and end of a run, with messages and time as arguments."""

import os
import socket
from unittest.mock import Mock

import numpy as np
import pytest
from sixsense.encoders.card import Background, ModelCard, WindowSpec
from sixsense.encoders.track import Ledger
from sixsense.encoders.windower import InputSpec
from sixsense.fusion.query import Query, Standing, Term
from sixsense.nodes.control import (
    Answer,
    Ask,
    Changed,
    Checkpoint,
    Embed,
    Embedded,
    Failed,
    Outbox,
    Produced,
    Register,
    Report,
    RunState,
    StreamLedger,
)
from sixsense.nodes.spec import EncodeSpec, FuseSpec, IngestSpec, NodeSpec, Plan
from sixsense.nodes.supervisor import Supervisor
from sixsense.sensors.liveness import Change, SensorStatus
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


def test_it_goes_when_every_node_is_ready_and_hands_everyone_one_timeline() -> None:
    _, out = started()
    assert {name: state.go for name, state in states(out).items()} == dict.fromkeys(BODIES, True)
    assert {state.offset_ns for state in states(out).values()} == {UNIX}
    assert states(out)["fuse"].directory["encode"] == {"results": "encode"}


def test_a_simulated_script_starts_on_a_whole_minute_of_the_timeline() -> None:
    _, out = started(whole_minute=True)
    state = states(out)["ingest"]
    assert state.start_ns % (60 * NS) == 0
    assert 5 * NS + state.offset_ns == state.start_ns


def test_the_first_queries_have_their_vectors_before_the_first_tick() -> None:
    one, out = started(Query(name="alarm", terms=(Term(text="alarm"),)))
    (request,) = [wish for _, wish in out if isinstance(wish, Embed)]
    assert not states(out)
    out = one.take(Embedded(id=request.id, standing=standing("alarm")), 6 * NS)
    state = states(out)["fuse"]
    assert state.go
    assert [s.query.name for s in state.standing()] == ["alarm"]


def test_a_first_query_without_a_vector_ends_the_run_with_the_reason() -> None:
    one, out = started(Query(name="alarm", terms=(Term(text="alarm"),)))
    (request,) = [wish for _, wish in out if isinstance(wish, Embed)]
    one.take(Embedded(id=request.id, standing=None, error="no such sound"), 6 * NS)
    assert one.over
    assert one.error == "no such sound"


def test_a_node_that_dies_is_an_outage_until_it_is_back_and_gets_the_whole_state() -> None:
    one, _ = started()
    one.take(register("encode", epoch=2, pid=GONE), 6 * NS)
    one.take(report("encode", epoch=2), 6 * NS)
    one.tick(7 * NS)
    one.take(Checkpoint(name="fuse", epoch=1, state=np.frombuffer(b"{}", np.uint8)), 7 * NS)
    out = one.take(register("encode", epoch=3), 8 * NS)
    assert states(out)["encode"].restarts == {"ingest": 0, "encode": 2, "fuse": 0}
    assert states(out)["encode"].checkpoint.tobytes() == b"{}"
    one.take(report("encode", epoch=3), 9 * NS)
    one.tick(10 * NS)
    outages = [o for o in one.statuses[-1].outages if o.node == "encode"]
    assert [o.until_ns - UNIX for o in outages] == [6 * NS, 9 * NS]
    assert outages[1].cause == "process gone"
    assert outages[1].from_ns - UNIX == 6 * NS


def test_reports_of_an_earlier_process_are_not_the_new_ones() -> None:
    one, _ = started()
    one.take(register("fuse", epoch=2), 6 * NS)
    one.take(report("fuse", epoch=1), 6 * NS)
    one.tick(20 * NS)
    assert next(n for n in one.statuses[-1].nodes if n.name == "fuse").state == "STARTING"


def test_it_is_over_when_everything_has_come_through_and_the_counts_are_exact() -> None:
    one, _ = started()
    ledger = Ledger(known=90, received=80, lost=10, windowed=70, skipped={"tail": 10})
    one.take(
        report("ingest", done=True, produced=(Produced(stream="camera", epoch=1, items=90, causes={}),)), 0
    )
    entry = StreamLedger(stream="camera", epoch=1, ledger=ledger)
    one.take(report("encode", done=True, ledgers=(entry,)), 0)
    assert not one.over
    out = one.take(report("fuse", done=True), 0)
    assert all(state.over for state in states(out).values())
    final = one.statuses[-1]
    assert final.final
    camera = final.streams["camera"]
    assert camera.produced == camera.received + sum(camera.lost_in_transport.values()) == 90
    assert camera.received == camera.windowed + sum(camera.skipped.values()) + camera.late + camera.pending


def test_what_a_dead_source_had_produced_and_nobody_received_is_lost_to_the_outage() -> None:
    one, _ = started()
    one.take(report("ingest", produced=(Produced(stream="camera", epoch=1, items=90, causes={}),)), 0)
    one.take(register("ingest", epoch=2), 0)
    second = (Produced(stream="camera", epoch=2, items=5, causes={}),)
    one.take(report("ingest", epoch=2, produced=second), 0)
    ledgers = (
        StreamLedger(stream="camera", epoch=1, ledger=Ledger(known=80, received=80, windowed=80)),
        StreamLedger(stream="camera", epoch=2, ledger=Ledger(known=5, received=5, pending=5)),
    )
    one.take(report("encode", ledgers=ledgers), 0)
    one.tick(100 * NS)
    camera = one.statuses[-1].streams["camera"]
    assert (camera.produced, camera.received, camera.lost_in_transport) == (95, 85, {"outage": 10})


def test_watching_and_unwatching_a_running_service() -> None:
    one, _ = started()
    ((name, request),) = one.take(Ask(id=4, query=Query(name="alarm")), 0)
    assert name == "encode"
    assert isinstance(request, Embed)
    out = one.take(Embedded(id=request.id, standing=standing("alarm")), 0)
    assert ("edge", Answer(id=4)) in out
    assert states(out)["fuse"].queries_version == 1
    ((_, refusal),) = one.take(Ask(id=5, query=Query(name="alarm")), 0)
    assert isinstance(refusal, Answer)
    assert "standing already" in refusal.error
    out = one.take(Ask(id=6, name="alarm"), 0)
    assert states(out)["fuse"].queries == ()
    ((_, refusal),) = one.take(Ask(id=7, name="alarm"), 0)
    assert isinstance(refusal, Answer)
    assert "no query 'alarm'" in refusal.error


def test_a_query_that_can_match_nothing_in_this_space_says_so() -> None:
    one, _ = started()
    ((_, request),) = one.take(Ask(id=4, query=Query(name="dog", terms=(Term(text="a dog"),))), 0)
    assert isinstance(request, Embed)
    text = Standing(
        query=Query(name="dog"), mix=(("text", 1.0),), space_id="mini:0", vector=np.ones(4, np.float32)
    )
    out = one.take(Embedded(id=request.id, standing=text), 0)
    assert "untrained" in next(wish.note for _, wish in out if isinstance(wish, Answer))
    assert states(out)["fuse"].queries == ()
    one.tick(100 * NS)
    assert [(q.name, q.modalities) for q in one.statuses[-1].queries] == [("dog", ())]


def test_a_vector_that_is_none_is_refused_before_it_reaches_fusion() -> None:
    one, _ = started()
    ((_, request),) = one.take(Ask(id=4, query=Query(name="alarm")), 0)
    assert isinstance(request, Embed)
    bad = Standing(
        query=Query(name="alarm"), mix=(("vision", 1.0),), space_id="mini:0", vector=np.full(4, np.nan)
    )
    ((_, refusal),) = one.take(Embedded(id=request.id, standing=bad), 0)
    assert isinstance(refusal, Answer)
    assert refusal.error


def test_a_fatal_failure_ends_the_run_and_another_waits_for_the_restart() -> None:
    one, _ = started()
    one.take(Failed(name="encode", epoch=1, message="out of memory", fatal=False), 0)
    assert not one.over
    one.take(Failed(name="ingest", epoch=1, message="the file is broken", fatal=True), 0)
    assert one.over
    assert one.error == "the file is broken"


def test_a_node_that_dies_in_a_replay_ends_it_with_the_reason() -> None:
    for again in (True, False):
        one, _ = started(lossless=True)
        if again:
            one.take(register("encode", epoch=2), 6 * NS)
        else:
            one = supervisor(lossless=True)
            for name in BODIES:
                one.take(register(name, pid=GONE if name == "encode" else None), 0)
            for name in BODIES:
                one.take(report(name), 0)
            one.tick(NS)
        assert "encode died during a replay" in one.error


def test_an_encode_node_that_comes_back_is_asked_again_what_it_had_not_answered() -> None:
    one, out = started(Query(name="alarm", terms=(Term(text="alarm"),)))
    (request,) = [wish for _, wish in out if isinstance(wish, Embed)]
    out = one.take(register("encode", epoch=2), 6 * NS)
    assert ("encode", request) in out


def test_a_live_run_whose_sources_have_ended_does_not_wait_for_ever() -> None:
    one, _ = started()
    one.take(report("ingest", done=True), 6 * NS)
    one.tick(7 * NS)
    assert not one.over
    one.tick(13 * NS)
    assert one.over
    assert one.statuses[-1].final


def test_a_node_that_never_starts_is_named() -> None:
    one = supervisor()
    one.take(register("fuse"), 0)
    one.tick(100 * NS)
    assert not one.over
    one.tick(121 * NS)
    assert one.error.startswith("ingest, encode did not start")


def test_a_name_that_is_too_long_and_one_asked_for_twice_are_refused() -> None:
    one, _ = started()
    ((_, refusal),) = one.take(Ask(id=1, query=Query(name="x" * 201)), 0)
    assert isinstance(refusal, Answer)
    assert "200 characters" in refusal.error
    long = Query(name="sum", terms=(Term(text="a dog"),) * 65)
    ((_, refusal),) = one.take(Ask(id=1, query=long), 0)
    assert isinstance(refusal, Answer)
    assert "65 terms: give at most 64" in refusal.error
    one.take(Ask(id=2, query=Query(name="alarm")), 0)
    ((_, refusal),) = one.take(Ask(id=3, query=Query(name="alarm")), 0)
    assert isinstance(refusal, Answer)
    assert "standing already" in refusal.error


def test_what_a_source_says_of_a_track_outside_the_plan_is_noted() -> None:
    one, _ = started()
    odd = Produced(stream="microphone", epoch=1, items=0, causes={"undecodable": 1})
    one.take(report("ingest", produced=(odd,)), 0)
    one.tick(100 * NS)
    assert "microphone: undecodable 1" in one.statuses[-1].notes


def changed(at_ns: int, state: str, reason: str = "") -> Changed:
    return Changed(
        name="ingest",
        epoch=1,
        changes=(Change(stream="imu", at_ns=at_ns, state=state, reason=reason),),  # type: ignore[arg-type]
    )


def test_each_transition_of_a_sensor_is_in_one_status_which_is_published_at_once() -> None:
    one, _ = started()
    sensors = {"imu": SensorStatus(state="RUNNING", since_ns=UNIX, rate_hz=100.0)}
    one.take(report("ingest", sensors=sensors), 6 * NS)
    one.take(changed(UNIX + 7 * NS, "STALE", "nothing for 0.4 s"), 7 * NS)
    one.tick(9 * NS)
    one.take(changed(UNIX + 10 * NS, "RUNNING"), 10 * NS)
    told = [(s.stamp_ns - one.offset_ns, [c.state for c in s.changes]) for s in one.statuses]
    assert told == [(7 * NS, ["STALE"]), (9 * NS, []), (10 * NS, ["RUNNING"])]
    assert one.statuses[0].sensors["imu"] == SensorStatus(
        state="STALE", since_ns=UNIX + 7 * NS, reason="nothing for 0.4 s", rate_hz=100.0
    )


def test_what_an_opened_device_knows_better_is_told_to_every_node() -> None:
    one, _ = started()
    known = StreamInfo(**{f: getattr(CAMERA, f) for f in CAMERA.__struct_fields__} | {"fx": 600.0})
    out = one.take(Changed(name="ingest", epoch=1, infos=(known,)), 6 * NS)
    assert {name: wish.infos for name, wish in out if isinstance(wish, RunState)} == dict.fromkeys(
        BODIES, (known,)
    )
    assert one.statuses == []


def test_what_a_source_never_sent_is_lost_by_its_cause() -> None:
    one, _ = started()
    ledger = Ledger(known=100, received=90, lost=10, pending=90)
    one.take(report("encode", ledgers=(StreamLedger(stream="camera", epoch=1, ledger=ledger),)), 6 * NS)
    source = Produced(stream="camera", epoch=1, items=100, causes={}, unsent={"slot": 7, "queue": 0})
    one.take(report("ingest", produced=(source,)), 6 * NS)
    one.tick(8 * NS)
    assert one.statuses[-1].streams["camera"].lost_in_transport == {"slot": 7, "outage": 3}


def test_a_node_that_goes_on_reporting_that_it_has_failed_is_away_once() -> None:
    one, _ = started()
    one.take(Failed(name="fuse", epoch=1, message="the disk is full", fatal=False), 6 * NS)
    for at in range(20):
        one.tick(6 * NS + at * NS // 5)
        one.take(report("fuse"), 6 * NS + at * NS // 5)
    one.tick(12 * NS)
    outages = [(o.until_ns, o.cause) for o in one.statuses[-1].outages if o.node == "fuse"]
    assert outages == [(0, "the disk is full")]


def test_a_node_that_is_killed_whenever_it_loads_is_given_up_with_the_likely_reason() -> None:
    one = supervisor()
    for start in range(3):
        one.take(register("encode", epoch=start + 1), start)
        assert not one.error
    one.take(register("encode", epoch=4), 3)
    assert one.over
    assert "node encode was killed 3 times before it was ready: is there enough memory" in one.error


def test_a_process_that_is_somebody_else_s_is_not_the_node_s_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, _ = started()
    monkeypatch.setattr(os, "kill", Mock(side_effect=PermissionError))
    one.tick(7 * NS)
    assert {node.state for node in one.statuses[-1].nodes} == {"DOWN"}


def test_what_was_received_before_the_receiver_was_started_again_is_not_lost() -> None:
    one, _ = started()

    def produced(epoch: int, items: int) -> None:
        mine = (Produced(stream="camera", epoch=epoch, items=items, causes={}),)
        one.take(report("ingest", epoch=epoch, produced=mine), 6 * NS)

    def received(process: int, **epochs: Ledger) -> None:
        entries = (
            StreamLedger(stream="camera", epoch=int(e.removeprefix("epoch")), ledger=ledger)
            for e, ledger in epochs.items()
        )
        one.take(report("encode", epoch=process, ledgers=tuple(entries)), 6 * NS)

    produced(1, 90)
    received(1, epoch1=Ledger(known=90, received=90, windowed=90))
    one.take(register("ingest", epoch=2), 6 * NS)
    produced(2, 20)
    received(
        1,
        epoch1=Ledger(known=90, received=90, windowed=90),
        epoch2=Ledger(known=20, received=20, windowed=20),
    )
    one.take(register("encode", epoch=2), 6 * NS)
    produced(2, 50)
    received(2, epoch2=Ledger(base=25, known=25, received=25, windowed=25))
    one.tick(8 * NS)
    camera = one.statuses[-1].streams["camera"]
    assert (camera.produced, camera.received, camera.lost_in_transport) == (25, 25, {})


def test_one_that_is_back_before_anybody_saw_it_go_was_away_since_it_was_last_heard() -> None:
    one, _ = started()
    one.take(register("encode", epoch=2, pid=GONE), 6 * NS)
    one.take(report("encode", epoch=2), 7 * NS)
    one.take(register("encode", epoch=3), 9 * NS)
    one.take(report("encode", epoch=3), 10 * NS)
    one.tick(11 * NS)
    away = [o for o in one.statuses[-1].outages if o.node == "encode"][-1]
    assert (away.from_ns - UNIX, away.until_ns - UNIX, away.cause) == (7 * NS, 10 * NS, "process gone")
