"""Write the wire's test vectors and the field tables of docs/wire.md: `python tests/wire/make_vectors.py`.

A vector is `{"robot", "kind", "frames": [hex], "message"}`; `message` has the decoded values, arrays as
`{"dtype", "shape", "values"}`. `rejected.json` has frames that every implementation must refuse.
"""

import json
import types
import typing
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import numpy as np
from sixsense.encoders.embedding import Embedding, Missing, Range
from sixsense.fusion.fused import Answer, Fused, Labels, Likely, Match, Part
from sixsense.fusion.query import Example, Query, Standing, Term
from sixsense.fusion.snapshot import Snapshot
from sixsense.nodes.wire import control, verbs
from sixsense.nodes.wire.envelope import encode
from sixsense.nodes.wire.hello import Hello
from sixsense.nodes.wire.status import (
    NodeStatus,
    Outage,
    QueryStatus,
    Status,
    StreamCounts,
    TickCounts,
    WindowCounts,
)
from sixsense.nodes.wire.topics import KINDS, NAME_OF
from sixsense.sensors.liveness import Change, SensorStatus
from sixsense.sensors.sample import End, Progress, Sample, StreamInfo

HERE = Path(__file__).parent
DOC = HERE.parent.parent / "docs" / "wire.md"
BEGIN, END = "<!-- fields -->\n", "<!-- end of fields -->\n"
ROBOT = "r1"
T = 1_700_000_000_000_000_000
MS = 1_000_000
TRACE = {"capture": T, "ingest": T + 2 * MS, "publish": T + 40 * MS}

QUERY = Query(
    name="alarm",
    terms=(
        Term(
            example=Example(
                modality="imu",
                data=np.arange(12, dtype=np.float32).reshape(2, 6),
                stamps=np.array([T, T + 10 * MS]),
                rate_hz=100.0,
            )
        ),
        Term(weight=-0.5, vector=np.array([0.8, 0.6], np.float32), modality="text"),
    ),
    modalities=("imu",),
    on=3.5,
)

MESSAGES: dict[str, msgspec.Struct] = {
    "sample-jpeg": Sample(
        stream="camera",
        modality="vision",
        epoch=1,
        seq=7,
        item=7,
        stamp_ns=T,
        encoding="jpeg",
        data=np.frombuffer(b"\xff\xd8\xff\xd9", np.uint8),
        recv_ns=T + MS,
        clock="driver",
        units="srgb",
        frame_id="camera_optical",
        trace=TRACE,
    ),
    "sample-pcm": Sample(
        stream="microphone",
        modality="audio",
        epoch=1,
        seq=2,
        item=640,
        stamp_ns=T,
        encoding="pcm_s16",
        data=np.array([[0, 1], [-1, 32767], [-32768, 5]], np.int16),
        rate_hz=16000.0,
        clock="hardware",
        units="full scale",
    ),
    "sample-imu": Sample(
        stream="accelerometer",
        modality="accelerometer",
        epoch=1,
        seq=3,
        item=6,
        stamp_ns=T,
        encoding="f32",
        data=np.array([[0.0, 0.5, 9.75], [0.25, -0.5, 9.875]], np.float32),
        stamps=np.array([T, T + 5 * MS]),
        rate_hz=200.0,
        clock="estimated",
        units="m/s^2",
    ),
    "sample-depth": Sample(
        stream="depth",
        modality="depth",
        epoch=1,
        seq=0,
        item=0,
        stamp_ns=T,
        encoding="16UC1",
        data=np.array([[0, 1000, 65535], [1, 2, 258]], np.uint16),
        units="m",
    ),
    "progress": Progress(stream="camera", epoch=1, t_ns=T),
    "end": End(stream="camera", epoch=1, items=362),
    "info": StreamInfo(
        stream="camera",
        modality="vision",
        encoding="jpeg",
        rate_hz=30.0,
        clock="driver",
        width=1280,
        height=720,
        fx=910.5,
    ),
    "embedding": Embedding(
        input="camera",
        modality="vision",
        epoch=1,
        seq=4,
        index=3400000000,
        start_ns=T,
        end_ns=T + 500 * MS,
        ranges=(Range("camera", 1, 0, 7), Range("camera", 1, 9, 15)),
        quality=0.75,
        space_id="mini-0f3a",
        vector=np.array([0.5, -0.5, 0.5, 0.5], np.float32),
        trace=TRACE,
    ),
    "none": Missing(
        input="imu", modality="imu", epoch=1, seq=5, index=12, start_ns=T, end_ns=T + MS, cause="short"
    ),
    "fused": Fused(
        epoch=1,
        seq=9,
        stamp_ns=T,
        coverage=0.5,
        closed="complete",
        parts=(
            Part(
                input="camera",
                modality="vision",
                seq=4,
                end_ns=T,
                age_ns=0,
                quality=0.75,
                weight=1.0,
                share=1.0,
            ),
        ),
        space_id="mini-0f3a",
        vector=np.array([0.5, -0.5, 0.5, 0.5], np.float32),
        trace=TRACE,
    ),
    "fused-empty": Fused(
        epoch=1,
        seq=10,
        stamp_ns=T + 250 * MS,
        coverage=0.0,
        closed="deadline",
        parts=(),
        space_id="mini-0f3a",
        vector=None,
    ),
    "labels": Labels(
        epoch=1,
        seq=2,
        name="home_sounds",
        stamp_ns=T,
        answers=(
            Answer(
                target="audio",
                best=(
                    Likely(label="a dog barking", share=0.625, cosine=0.25),
                    Likely(label="rain", share=0.125, cosine=0.125),
                ),
                none=0.25,
                calibrated=True,
            ),
        ),
        trace=TRACE,
    ),
    "match": Match(
        epoch=1,
        seq=0,
        event=1,
        phase="begin",
        query="alarm",
        stamp_ns=T,
        begin_ns=T - MS,
        score=4.5,
        peak=4.75,
        cosine=0.25,
        calibrated=False,
        per_h=0.5,
        background_h=0.4,
        modalities=("audio",),
        shares={"audio": 1.0},
        input="microphone",
        embedding_seq=11,
        evidence_start_ns=T - 2000 * MS,
        evidence_end_ns=T,
        trace=TRACE,
    ),
    "status": Status(
        robot=ROBOT,
        epoch=1,
        seq=3,
        stamp_ns=T,
        final=True,
        model="mini",
        space_id="mini-0f3a",
        streams={"camera": StreamCounts(modality="vision", unit="frame", produced=362, received=362)},
        windows={"camera": WindowCounts(modality="vision", closed=23, embedded=22, none={"tail": 1})},
        ticks=TickCounts(fused=47, complete=47, first_ns=T, last_ns=T + 11500 * MS),
        nodes=(NodeStatus(name="encode", state="RUNNING", epoch=2, pid=4242, heartbeat_ns=T),),
        outages=(Outage(node="encode", from_ns=T, until_ns=T + 900 * MS, cause="process died (SIGKILL)"),),
        queries=(QueryStatus(name="alarm", since_ns=T, modalities=("audio",)),),
        latency_ms={"encode": (12.5, 20.25)},
        notes=("audio only until 12 s",),
        sensors={"imu": SensorStatus(state="RECONNECTING", since_ns=T, reason="hung up", rate_hz=8.5)},
        changes=(Change(stream="imu", at_ns=T, state="RECONNECTING", reason="hung up"),),
    ),
    "hello": Hello(control="tcp://127.0.0.1:5557", epoch=1, now_ns=T, positions={"fused/r1/fused/": (1, 9)}),
    "query-text": Query(name="walk", terms=(Term(text="a person walking — “schnell”"),), at_most_per_h=6.0),
    "query-example": QUERY,
    "fusion": Snapshot(epoch=1, from_ns=T, queries=("walk",), state=np.arange(4, dtype=np.uint8)),
    "standing": Standing(
        query=QUERY,
        mix=(("imu", 0.9), ("text", -0.45)),
        space_id="mini-0f3a",
        vector=np.array([0.6, 0.8], np.float32),
    ),
}


def plain(value: Any) -> Any:
    """A message as JSON has it, its arrays as dtype, shape and nested values."""
    return json.loads(json.dumps(msgspec.to_builtins(value, enc_hook=_array)))


def vector(message: msgspec.Struct) -> dict[str, Any]:
    """One test vector."""
    frames = [frame.hex() for frame in encode(message, robot=ROBOT)]
    return {"robot": ROBOT, "kind": NAME_OF[type(message)], "frames": frames, "message": plain(message)}


def rejected() -> list[dict[str, Any]]:
    """Messages that break one rule each."""
    topic, header, *payloads = encode(MESSAGES["embedding"], robot=ROBOT)
    fields = msgpack.unpackb(header)
    array = fields["vector"]
    broken = {
        "unknown version": [topic, msgpack.packb(fields | {"v": 2}), *payloads],
        "no version": [topic, msgpack.packb({k: v for k, v in fields.items() if k != "v"}), *payloads],
        "unknown kind": [topic, msgpack.packb(fields | {"kind": "banana"}), *payloads],
        "topic of another stream": [b"embedding/r1/imu/", header, *payloads],
        "robot with a slash": [topic, msgpack.packb(fields | {"robot": "r/1"}), *payloads],
        "header is not a map": [topic, msgpack.packb([1, 2]), *payloads],
        "header is cut": [topic, header[:-3], *payloads],
        "bytes after the header's map": [topic, header + b"\x00", *payloads],
        "field missing": [topic, msgpack.packb({k: v for k, v in fields.items() if k != "seq"}), *payloads],
        "field of another type": [topic, msgpack.packb(fields | {"seq": "4"}), *payloads],
        "payload missing": [topic, header],
        "payload not described": [topic, header, *payloads, b"more"],
        "payload too short": [topic, header, payloads[0][:-1]],
        "payload too long": [topic, header, payloads[0] + b"\x00"],
        "msgpack extension": [topic, msgpack.packb(fields | {"later": msgpack.ExtType(5, b"a")}), *payloads],
        "msgpack bin": [topic, msgpack.packb(fields | {"later": b"a"}), *payloads],
        "dtype not allowed": [topic, msgpack.packb(fields | {"vector": array | {"dtype": ">f4"}}), *payloads],
        "negative shape": [topic, msgpack.packb(fields | {"vector": array | {"shape": [-4]}}), *payloads],
        "vector of two dimensions": [
            topic,
            msgpack.packb(fields | {"vector": array | {"shape": [2, 2]}}),
            *payloads,
        ],
    }
    return [{"why": why, "frames": [frame.hex() for frame in frames]} for why, frames in broken.items()]


def exchanges() -> list[dict[str, Any]]:
    """Requests and replies of the control endpoint."""
    status = encode(MESSAGES["status"], robot=ROBOT)
    accepted = verbs.Accepted(name="alarm", note="takes effect at the next tick")
    pairs = {
        "snapshot": (verbs.Snapshot(topics=("status",)), control.make_snapshot(1, [status])),
        "watch": (verbs.Watch(query=QUERY), control.make_reply(1, accepted)),
        "unwatch": (verbs.Unwatch(name="alarm"), control.make_error(1, "no query is called 'alarm'")),
        "queries": (
            verbs.ListQueries(),
            control.make_reply(1, verbs.Queries(queries=(QueryStatus(name="a", since_ns=T, modalities=()),))),
        ),
        "directory": (
            verbs.ListNodes(),
            control.make_reply(
                1,
                verbs.Directory(nodes=(verbs.Registration(node="fuse", epoch=2, endpoint="ipc://f"),)),
            ),
        ),
    }
    return [
        {
            "verb": verb,
            "request": [frame.hex() for frame in control.make_request(1, body)],
            "body": plain(body),
            "reply": [frame.hex() for frame in reply],
        }
        for verb, (body, reply) in pairs.items()
    ]


def field_tables() -> str:
    """The fields of every kind and of the structures inside them, as Markdown, from the code."""
    inner: dict[str, type] = {}
    kinds = "".join(_table(f"`{kind}`", row.type, inner) for kind, row in KINDS.items())
    done: set[str] = set()
    parts: list[str] = []
    while todo := [name for name in inner if name not in done]:
        parts += [_table(name, inner[name], inner) for name in todo]
        done.update(todo)
    return kinds + "".join(parts)


def write() -> None:
    """Write every vector file and the tables."""
    for name, message in MESSAGES.items():
        _write(name, vector(message))
    _write("rejected", rejected())
    _write("control", exchanges())
    text = DOC.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    DOC.write_text(head + BEGIN + field_tables() + END + tail)


def _table(title: str, type_: type, inner: dict[str, type]) -> str:
    hints = typing.get_type_hints(type_)
    as_array = " (an array, in this order)" if type_.__struct_config__.array_like else ""
    rows = [
        f"| `{field.name}` | {_type(hints[field.name], inner)} | {'yes' if field.required else 'no'} |"
        for field in msgspec.structs.fields(type_)
    ]
    return "\n".join(
        [f"**{title}**{as_array}", "", "| field | type | required |", "|---|---|---|", *rows, "", ""]
    )


def _type(hint: Any, inner: dict[str, type]) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(f'`"{value}"`' for value in args)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type(arg, inner) for arg in args)
    if origin is dict:
        return f"map of {_type(args[1], inner)}"
    if origin is tuple and args[-1] is Ellipsis:
        return f"list of {_type(args[0], inner)}"
    if origin is tuple:
        return "[" + ", ".join(_type(arg, inner) for arg in args) + "]"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        inner[hint.__name__] = hint
        return hint.__name__
    return {np.ndarray: "array", type(None): "nil"}.get(hint) or hint.__name__


def _array(value: np.ndarray) -> dict[str, Any]:
    return {"dtype": value.dtype.str, "shape": list(value.shape), "values": value.tolist()}


def _write(name: str, content: Any) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (HERE / "vectors" / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    write()
