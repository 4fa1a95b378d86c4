"""What nodes and supervisor say survives the way there, and anything else is refused."""

import msgspec
import numpy as np
import pytest
from sixsense.fusion.query import Example, Query, Standing, Term
from sixsense.nodes.control import (
    MESSAGES,
    Answer,
    Ask,
    Checkpoint,
    Embed,
    Embedded,
    Failed,
    Register,
    Report,
    RunState,
    pack,
    unpack,
    without_outdated,
)
from sixsense.nodes.wire.errors import WireError

QUERY = Query(name="q", terms=(Term(example=Example(modality="imu", data=np.ones((3, 6), np.float32))),))
STATE = RunState(
    go=True,
    over=False,
    stop=False,
    offset_ns=5,
    start_ns=6,
    directory={"encode": {"results": "ipc:///x"}},
    restarts={"encode": 1},
    queries_version=2,
    queries=(Query(name="a"), Query(name="b")),
    mixes=((("text", 1.0),), (("audio", 1.0),)),
    space_id="mini:0",
    vectors=np.arange(8, dtype=np.float32).reshape(2, 4),
    checkpoint=np.zeros(0, np.uint8),
)


@pytest.mark.parametrize(
    "message",
    [
        Register(name="n", epoch=1, pid=2, host="h", endpoints={"results": "ipc:///x"}),
        Report(name="n", epoch=1, done=False, cpu_s=0.5, since_ns=3),
        Checkpoint(name="n", epoch=1, state=np.frombuffer(b"{}", np.uint8)),
        Failed(name="n", epoch=1, message="broke", fatal=True),
        Ask(id=1, query=QUERY),
        Answer(id=1, error="no"),
        Embed(id=1, query=QUERY),
        Embedded(
            id=1,
            standing=Standing(
                query=Query(name="q"), mix=(("imu", 1.0),), space_id="s", vector=np.ones(4, np.float32)
            ),
        ),
        STATE,
    ],
    ids=lambda message: type(message).__name__,
)
def test_every_word_and_wish_arrives_as_it_was_sent(message: msgspec.Struct) -> None:
    assert type(message).__name__ in MESSAGES
    again = unpack(pack(message))  # type: ignore[arg-type]
    assert type(again) is type(message)
    assert repr(again) == repr(message)


def test_a_state_gives_each_query_its_own_vector() -> None:
    assert [(s.query.name, s.kind, s.vector.tolist()) for s in STATE.standing()] == [
        ("a", "text", [0, 1, 2, 3]),
        ("b", "audio", [4, 5, 6, 7]),
    ]


@pytest.mark.parametrize("frames", [[], [b""], [b"\x80"], [b"\x82\xa1v\x01\xa4word\xa1x"]])
def test_anything_else_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(WireError):
        unpack(frames)


def test_of_states_that_wait_the_newest_is_left_and_nothing_else_is_left_out() -> None:
    one, two, three = (msgspec.structs.replace(STATE, queries_version=version) for version in (1, 2, 3))
    ask, other = Embed(id=70, query=QUERY), Answer(id=1)
    assert without_outdated([one, ask, two, three, other]) == [ask, three, other]
    assert without_outdated([ask, other]) == [ask, other]
    assert without_outdated([]) == []
