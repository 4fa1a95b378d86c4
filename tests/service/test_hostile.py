"""Whatever a client asks of a running service, it gets a clear error, and the service goes on."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import zmq
from msgspec.structs import replace
from sixsense.encoders.card import read_card
from sixsense.fusion.query import Example, Moment, Query, Term
from sixsense.launch.plan import plan_run
from sixsense.launch.schema import Config, Endpoints, SimulatedSensor
from sixsense.launch.service import Service
from sixsense.nodes.wire.control import ControlClient
from sixsense.sensors.errors import SixsenseError

CARD = read_card("mini")
WORDS = Term(text="a dog barks")
NAN = float("nan")


def query(*terms: Term, name: str = "hostile", **fields: object) -> Query:
    return Query(name=name, terms=terms or (WORDS,), **fields)  # type: ignore[arg-type]


def vector(values: np.ndarray, space_id: str = CARD.space_id) -> Term:
    return Term(vector=values.astype(np.float32), modality="audio", space_id=space_id)


def heard(pcm: np.ndarray, rate_hz: float = 16_000.0) -> Term:
    return Term(example=Example(modality="audio", data=pcm, rate_hz=rate_hz))


UNIT = np.eye(CARD.dim)[0]
HOSTILE = {
    "huge text": (query(Term(text="dog " * 100_000)), "header is not bounded msgpack"),
    "no text": (query(Term(text=" ")), "empty text"),
    "nothing": (query(Term()), "this one is none"),
    "two in one": (query(Term(text="dog", vector=UNIT.astype(np.float32))), "this one is 2 of them"),
    "huge weight": (query(Term(text="dog", weight=1e300)), "weight of at most"),
    "too many terms": (query(*[WORDS] * 65), "give at most 64"),
    "weight that is no number": (query(Term(text="dog", weight=NAN)), "weight of at most"),
    "infinite weight": (query(Term(text="dog", weight=float("inf"))), "weight of at most"),
    "cancels out": (query(WORDS, Term(text="a dog barks", weight=-1.0)), "cancel out"),
    "vector with NaN": (query(vector(np.where(UNIT > 0, NAN, UNIT))), "not finite"),
    "vector of another length": (query(vector(2 * UNIT)), "length"),
    "vector of another dimension": (query(vector(np.eye(8)[0])), r"\(8,\)"),
    "vector of another space": (query(vector(UNIT, "other:1")), "other:1"),
    "empty sound": (query(heard(np.zeros((0, 1), np.int16))), "audio"),
    "sound without a rate": (query(heard(np.zeros((99, 1), np.int16), NAN)), "rate|Hz"),
    "a picture of no size": (
        query(Term(example=Example(modality="vision", data=np.zeros((0, 4, 3), np.uint8)))),
        "vision|picture",
    ),
    "a moment that was not": (query(Term(moment=Moment(input="microphone", at_ns=2**62))), "embed"),
    "a moment of nothing": (query(Term(moment=Moment(input="x" * 9000, at_ns=0))), "no input"),
    "threshold that is no number": (query(on=NAN), "finite numbers"),
    "endless time": (query(hold_s=float("inf")), "finite numbers"),
    "rate that is no number": (query(at_most_per_h=NAN), "events an hour"),
    "rate below none": (query(at_most_per_h=-1.0), "events an hour"),
    "no such modality": (query(modalities=("smell",)), "smell"),
    "no such input": (query(inputs=("nose",)), "nose"),
    "disagreement of one": (query(asks="disagreement", modalities=("audio",)), "name two"),
    "novelty for ever": (replace(query(asks="novelty", hours=1e9), terms=()), "hours back"),
    "no name": (query(name=""), "1 to 200 characters"),
    "a long name": (query(name="x" * 9000), "1 to 200 characters"),
}


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A live service, whose outputs are read until the tests are over."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        endpoints = Endpoints(results=f"ipc://{folder}/results", control=f"ipc://{folder}/control")
        sensor = SimulatedSensor(streams=("microphone",))
        with Service(
            plan_run(Config(robot="hostile", sensor=(sensor,), endpoints=endpoints)), local=True
        ) as one:
            outputs = one.outputs(timeout_s=60)
            next(outputs)
            reader = Thread(target=lambda: deque(outputs, maxlen=0))
            reader.start()
            yield endpoints.control
            one.stop()
            reader.join()


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_query_gets_a_clear_error_and_harms_nobody(control: str, what: str) -> None:
    asked, says = HOSTILE[what]
    with ControlClient(control, timeout=20) as client:
        with pytest.raises(SixsenseError, match=says) as refused:
            client.watch(asked)
        assert len(str(refused.value)) < 1000
        assert str(refused.value).count(f"query {asked.name!r}") <= 1
        assert client.queries() == ()


def test_what_is_no_request_is_refused_and_harms_nobody(control: str) -> None:
    context = zmq.Context.instance()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(control)
    for frames in ([b""], [b"\xc1" * 100], [b"\x81\xa1v\x01"], [os.urandom(4000)] * 40, [b"\x92\x92" * 5000]):
        socket.send_multipart(frames)
    with ControlClient(control, timeout=20) as client:
        accepted = client.watch(query(name="good"))
        assert accepted.name == "good"
        client.unwatch("good")
    socket.close()
    assert Path(control.removeprefix("ipc://")).exists()
