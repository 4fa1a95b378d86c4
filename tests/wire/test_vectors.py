"""The committed vectors: what every implementation of the wire must read, write and refuse."""

import json
import runpy
from pathlib import Path

import pytest
from sixsense.nodes.wire import control
from sixsense.nodes.wire.envelope import decode, encode
from sixsense.nodes.wire.errors import WireError
from sixsense.nodes.wire.topics import KINDS

HERE = Path(__file__).parent
MAKER = runpy.run_path(str(HERE / "make_vectors.py"))
REMAKE = "if the wire was meant to change: python tests/wire/make_vectors.py"


def _load(name: str):
    return json.loads((HERE / "vectors" / f"{name}.json").read_text())


def _frames(hexes: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in hexes]


@pytest.mark.parametrize("name", MAKER["MESSAGES"])
def test_decoding_a_vector_gives_its_values_and_encoding_them_gives_its_bytes(name: str) -> None:
    vector = _load(name)
    frames = _frames(vector["frames"])

    robot, message = decode(frames)

    assert robot == vector["robot"]
    assert type(message) is KINDS[vector["kind"]].type
    assert MAKER["plain"](message) == vector["message"]
    assert encode(message, robot=robot) == frames


@pytest.mark.parametrize("name", MAKER["MESSAGES"])
def test_the_generator_still_writes_the_committed_vector(name: str) -> None:
    assert MAKER["vector"](MAKER["MESSAGES"][name]) == _load(name), REMAKE


def test_every_kind_has_a_vector() -> None:
    names = [path.stem for path in (HERE / "vectors").glob("*.json")]
    assert {_load(name)["kind"] for name in names if name not in ("rejected", "control")} == set(KINDS)


@pytest.mark.parametrize("case", _load("rejected"), ids=lambda case: case["why"])
def test_a_rejected_vector_is_refused(case: dict) -> None:
    with pytest.raises(WireError):
        decode(_frames(case["frames"]))


def test_the_generator_still_writes_the_rejected_and_control_vectors() -> None:
    assert MAKER["rejected"]() == _load("rejected"), REMAKE
    assert MAKER["exchanges"]() == _load("control"), REMAKE


@pytest.mark.parametrize("case", _load("control"), ids=lambda case: case["verb"])
def test_a_control_vector_is_read_by_both_ends(case: dict) -> None:
    request = control.parse_request(_frames(case["request"]))
    reply = control.parse_reply(_frames(case["reply"]))

    assert (request.verb, request.id) == (case["verb"], reply.id)
    assert MAKER["plain"](request.body) == case["body"]


def test_the_field_tables_of_the_document_are_the_codes() -> None:
    text = MAKER["DOC"].read_text()
    committed = text.split(MAKER["BEGIN"])[1].split(MAKER["END"])[0]
    assert committed == MAKER["field_tables"](), REMAKE
