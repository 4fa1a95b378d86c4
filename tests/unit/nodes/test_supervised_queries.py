"""Queries of a run: their vectors, refusals, and who is told."""

import numpy as np
from sixsense.fusion.query import Query, Standing, Term
from sixsense.nodes.control import Answer, Ask, Embed, Embedded
from sixsense.nodes.wire.status import QueryStatus
from sixsense.sensors.sample import NS
from supervised import register, report, standing, started, states


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


def test_watching_and_unwatching_a_running_service() -> None:
    one, _ = started()
    ((name, request),) = one.take(Ask(id=4, query=Query(name="alarm")), 0)
    assert name == "encode"
    assert isinstance(request, Embed)
    out = one.take(Embedded(id=request.id, standing=standing("alarm")), 6 * NS)
    assert ("edge", Answer(id=4)) in out
    assert states(out)["fuse"].queries_version == 1
    ((_, refusal),) = one.take(Ask(id=5, query=Query(name="alarm")), 0)
    assert isinstance(refusal, Answer)
    assert "standing already" in refusal.error
    out = one.take(Ask(id=6, name="alarm"), 7 * NS)
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
    out = one.take(Embedded(id=request.id, standing=text), 6 * NS)
    assert "untrained" in next(wish.note for _, wish in out if isinstance(wish, Answer))
    assert states(out)["fuse"].queries == ()
    one.tick(100 * NS)
    assert [(q.name, q.modalities) for q in one.statuses[-1].queries] == [("dog", ())]


def test_of_queries_that_come_at_once_the_nodes_are_told_together() -> None:
    one, _ = started()
    told: list[int] = []
    for number in range(10):
        ((_, request),) = one.take(Ask(id=number, query=Query(name=f"q{number}")), 6 * NS)
        assert isinstance(request, Embed)
        out = one.take(Embedded(id=request.id, standing=standing(f"q{number}")), 6 * NS + number)
        assert ("edge", Answer(id=number)) in out
        told += [len(state.queries) for name, state in states(out).items() if name == "fuse"]
    assert told == [1]
    assert not states(one.tick(6 * NS + 9))
    assert len(states(one.tick(7 * NS))["fuse"].queries) == 10
    assert not states(one.tick(8 * NS))


def test_a_query_is_listed_as_soon_as_fusion_has_it() -> None:
    one, _ = started()
    one.tick(7 * NS)
    told = len(one.statuses)
    for since_ns in (0, 9):
        alarm = QueryStatus(name="alarm", since_ns=since_ns, modalities=("audio",))
        one.take(report("fuse", queries=(alarm,)), 7 * NS + since_ns)
    assert len(one.statuses) == told + 1
    assert [query.name for query in one.statuses[-1].queries] == ["alarm"]
    one.take(report("fuse"), 7 * NS + 3)
    assert one.statuses[-1].queries == ()


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


def test_an_encode_node_that_comes_back_is_asked_again_what_it_had_not_answered() -> None:
    one, out = started(Query(name="alarm", terms=(Term(text="alarm"),)))
    (request,) = [wish for _, wish in out if isinstance(wish, Embed)]
    out = one.take(register("encode", epoch=2), 6 * NS)
    assert ("encode", request) in out


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
