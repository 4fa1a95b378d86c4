"""Standing queries of a run: what clients may ask without harm to the service."""

import numpy as np
import pytest
from sixsense.encoders.card import Background, ModelCard
from sixsense.fusion.errors import QueryError
from sixsense.fusion.query import Moment, Query, Standing, Term
from sixsense.nodes.control import Answer, Ask, Embed, Embedded, Outbox, RunState, pack, unpack
from sixsense.nodes.queries import MAX_MOMENTS, MAX_QUERIES, StandingQueries

CARD = ModelCard(
    name="mini",
    space_id="mini:0",
    dim=4,
    trained=True,
    modalities=("vision", "text"),
    windows={},
    means={},
    backgrounds={"vision/vision": Background(mean=0, deviation=1)},
)


def queries(*first: Query, remembered: tuple[Query, ...] = ()) -> StandingQueries:
    return StandingQueries(CARD, "encode", {"cam": "vision", "mic": "audio"}, first, remembered)


def standing(query: Query, parts: int = 1) -> Standing:
    mix = (("vision", 1 / 3),) * parts
    return Standing(query=query, mix=mix, space_id="mini:0", vector=np.full(4, 0.5, np.float32))


def answer(outbox: Outbox) -> Answer:
    (message,) = [wish for _, wish in outbox if isinstance(wish, Answer)]
    return message


def added(one: StandingQueries, query: Query, *, parts: int = 1, keep: bool = False) -> Answer:
    """What a client is told that adds a query, whose vector comes."""
    ((name, request),) = one.asked(Ask(id=7, query=query, keep=keep))
    assert name == "encode"
    assert isinstance(request, Embed)
    return answer(one.embedded(Embedded(id=request.id, standing=standing(query, parts))))


def test_what_is_kept_has_the_vectors_that_its_moments_were() -> None:
    one, moment = queries(), Moment(input="camera", at_ns=5)
    query = Query(name="then", terms=(Term(text="a dog"), Term(moment=moment)))
    ((_, request),) = one.asked(Ask(id=1, query=query, keep=True))
    assert isinstance(request, Embed)
    seen = Term(vector=np.full(4, 0.5, np.float32), modality="vision", space_id="mini:0")
    one.embedded(Embedded(id=request.id, standing=standing(Query(name="then")), resolved=(seen,)))
    ((name, kept),) = one.kept
    assert name == "then"
    assert kept is not None
    assert kept.terms == (Term(text="a dog"), seen)


def test_one_that_is_not_to_be_kept_is_not() -> None:
    one = queries()
    assert not added(one, Query(name="for now")).error
    assert one.kept == []


def test_a_query_looks_at_inputs_that_there_are() -> None:
    assert not added(queries(), Query(name="seen", inputs=("cam",))).error
    error = added(queries(), Query(name="seen", inputs=("cam", "cma"))).error
    assert "looks at cma" in error
    assert "cam, mic" in error


def test_a_query_of_an_earlier_run_gives_way_to_one_of_the_configuration_of_its_name() -> None:
    ours, theirs = Query(name="bell", on=5.0), Query(name="bell", on=3.0)
    asked = [wish.query for _, wish in queries(ours, remembered=(theirs,)).start() if isinstance(wish, Embed)]
    assert asked == [ours]


def test_a_remembered_query_without_a_vector_is_noted_and_one_of_the_configuration_is_an_error() -> None:
    one = queries(Query(name="here"), remembered=(Query(name="before"),))
    first, second = [wish.id for _, wish in one.start() if isinstance(wish, Embed)]
    assert one.embedded(Embedded(id=second, standing=None, error="another space")) == []
    assert one.notes == ["a query of an earlier run does not stand: another space"]
    with pytest.raises(QueryError, match="no such sound"):
        one.embedded(Embedded(id=first, standing=None, error="no such sound"))


def test_the_vectors_of_all_moments_of_a_query_fit_into_the_message_that_brings_them() -> None:
    one = queries()
    moments = tuple(Term(moment=Moment(input="camera", at_ns=i)) for i in range(MAX_MOMENTS + 1))
    assert (
        f"give at most {MAX_MOMENTS}"
        in answer(one.asked(Ask(id=1, query=Query(name="m", terms=moments)))).error
    )
    vector = Term(vector=np.full(4, 0.5, np.float32), modality="vision", space_id="mini:0")
    most = Embedded(id=1, standing=standing(Query(name="m")), resolved=(vector,) * MAX_MOMENTS)
    assert isinstance(unpack(pack(most)), Embedded)


def test_however_much_clients_ask_the_state_that_every_node_is_sent_can_be_sent() -> None:
    one = queries()
    answers = [added(one, Query(name=f"{n:03} " + "\N{DUCK}" * 190), parts=64) for n in range(MAX_QUERIES)]
    refused = [reply.error for reply in answers if reply.error]
    assert 100 < len(one.matched) == MAX_QUERIES - len(refused)
    assert "remove one, or give it fewer terms" in refused[0]
    state = RunState(
        go=True,
        over=False,
        offset_ns=0,
        start_ns=0,
        stop=False,
        directory={},
        restarts={},
        queries_version=one.version,
        queries=tuple(s.query for s in one.matched),
        mixes=tuple(s.mix for s in one.matched),
        space_id="mini:0",
        vectors=np.stack([s.vector for s in one.matched]),
        checkpoint=np.zeros(0, np.uint8),
    )
    assert isinstance(unpack(pack(state)), RunState)


def test_an_error_names_some_of_what_is_standing_and_can_be_sent() -> None:
    one = queries()
    for n in range(500):
        added(one, Query(name=f"{n:03}" + "x" * 190))
    reply = answer(one.asked(Ask(id=1, name="y" * 60_000)))
    assert "standing are: 000" in reply.error
    assert isinstance(unpack(pack(reply)), Answer)


def test_a_query_of_what_the_run_has_not_stands_and_says_so() -> None:
    assert added(queries(), Query(name="seen", inputs=("cam",))).note == ""
    one = queries()
    assert (
        added(one, Query(name="heard", inputs=("mic",))).note
        == "it looks at vision of mic, which this run has not"
    )
    assert [s.query.name for s in one.matched] == ["heard"]


def test_what_can_match_nothing_is_said_until_it_is_removed() -> None:
    one, spoken = queries(), Query(name="spoken")
    ((_, request),) = one.asked(Ask(id=1, query=spoken))
    assert isinstance(request, Embed)
    word = Standing(query=spoken, mix=(("text", 1.0),), space_id="mini:0", vector=np.full(4, 0.5, np.float32))
    assert "can match nothing" in answer(one.embedded(Embedded(id=request.id, standing=word))).note
    assert (one.matched, [status.name for status in one.silent()]) == ([], ["spoken"])
    assert answer(one.asked(Ask(id=2, name="spoken"))).error == ""
    assert one.silent() == ()


@pytest.mark.parametrize("name", ["\x1b[2J", "two\nlines", "\x00"])
def test_a_name_that_would_spoil_a_terminal_is_refused(name: str) -> None:
    reply = answer(queries().asked(Ask(id=1, query=Query(name=name))))
    assert "is printed" in reply.error
    assert reply.error.isprintable()
