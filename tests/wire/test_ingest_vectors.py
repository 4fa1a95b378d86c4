"""The committed vectors of the ingest endpoint; run as a program, this file writes them anew."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sixsense.nodes.packed import packed, unpacked
from sixsense.nodes.wire.envelope import decode, encode
from sixsense.nodes.wire.ingest import (
    Ack,
    Ask,
    Begin,
    Counts,
    Data,
    Join,
    Refused,
    Tell,
    Welcome,
    pack,
    unpack,
)
from sixsense.sensors.liveness import SensorStatus
from sixsense.sensors.sample import Sample, StreamInfo

HERE = Path(__file__).parent
FILE = HERE / "vectors" / "ingest" / "messages.json"
T = 1_700_000_000_000_000_000
IMU = StreamInfo(stream="imu", modality="imu", encoding="f32", rate_hz=200.0, clock="host", channels=6)
SAMPLE = Sample(
    stream="imu",
    modality="imu",
    epoch=1,
    seq=3,
    item=6,
    stamp_ns=T,
    encoding="f32",
    data=np.arange(12, dtype=np.float32).reshape(2, 6),
    stamps=np.array([T, T + 5_000_000]),
    rate_hz=200.0,
)
DEPTH = Sample(
    stream="depth",
    modality="depth",
    epoch=1,
    seq=7,
    item=7,
    stamp_ns=T,
    encoding="16UC1",
    data=np.arange(500, 512, dtype=np.uint16).reshape(3, 4),
)
MESSAGES = {
    "join": Join(sensor="wrist", traffic="lossless", streams=(IMU,)),
    "refused": Refused(reason="the robot has no remote [[sensor]] 'wrist'; it has ankle"),
    "ask": Ask(t0=T),
    "tell": Tell(t0=T, t1=T - 5, t2=T - 3),
    "welcome": Welcome(run=T, epoch=T + 9, from_ns=T - 8),
    "begin": Begin(epoch=T + 9, bases={"imu": 6}),
    "counts": Counts(
        produced={"imu": 600},
        unread={"imu": {"garbage": 2}},
        unsent={"imu": {"queue": 1}},
        sensors={"imu": SensorStatus(state="RUNNING", since_ns=T, rate_hz=199.5)},
    ),
    "ack": Ack(upto=1 << 40),
    "data": Data(1 << 40, encode(SAMPLE, robot="wrist")),
    "packed": Data(7, packed(DEPTH, encode(DEPTH, robot="wrist")) or [], True),
}


def sent(word: str) -> Data:
    """The committed data of a word."""
    message = unpack([bytes.fromhex(text) for text in json.loads(FILE.read_text())[word]["frames"]])
    assert isinstance(message, Data)
    return message


def vectors() -> dict[str, dict]:
    """By word: the frames in hex, and the fields (those of data are the envelope's: see `sample`)."""
    written = {
        word: {
            "frames": [frame.hex() for frame in pack(message)],
            "message": {"number": message.number}
            if isinstance(message, Data)
            else msgspec.to_builtins(message),
        }
        for word, message in MESSAGES.items()
    }
    return json.loads(json.dumps(written))


@pytest.mark.parametrize("word", MESSAGES)
def test_a_vector_is_read_and_written(word: str) -> None:
    committed = json.loads(FILE.read_text())[word]
    frames = [bytes.fromhex(text) for text in committed["frames"]]
    message = unpack(frames)
    assert pack(message) == frames
    # Another OpenCV may find another PNG of the same picture.
    if word != "packed":
        assert vectors()[word] == committed, "if the wire was meant to change: run this file"


def test_data_holds_an_envelope() -> None:
    assert decode(sent("data").frames)[1].item == 6  # pyright: ignore


def test_packed_data_holds_the_envelope_of_the_picture() -> None:
    message = sent("packed")
    assert message.packed
    assert np.array_equal(decode(unpacked(message.frames))[1].data, DEPTH.data)  # pyright: ignore


def test_the_document_has_every_word() -> None:
    document = (HERE.parent.parent / "docs" / "wire.md").read_text()
    for word in MESSAGES:
        assert f"`{word}`" in document


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
