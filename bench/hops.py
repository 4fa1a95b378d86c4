"""One hop between two processes: ours (envelope, ring, credit) beside raw PUSH/PULL of the same bytes.

Messages of both kinds alternate in the same run, so that a noisy machine is noisy for both. One-way times
come from the monotonic clock that processes of one machine share.
"""

import multiprocessing as mp
import tempfile
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import zmq
from rig import INFOS, RATES, payload
from sixsense.nodes.link import Inlet, Outlet
from sixsense.nodes.ring import Ring
from sixsense.nodes.wire.envelope import decode, encode
from sixsense.sensors.sample import Sample

MESSAGES = 400
PAUSE_S = 0.004
Times = dict[str, dict[str, list[float]]]


def sample_of(stream: str) -> Sample:
    """A sample of one rig's stream."""
    info, data = INFOS[stream], payload(stream, np.random.default_rng(1))
    return Sample(
        stream=stream,
        modality=info.modality,
        epoch=1,
        seq=0,
        item=0,
        stamp_ns=0,
        encoding=info.encoding,
        data=data,
        stamps=np.arange(len(data), dtype=np.int64) if stream == "imu" else None,
        rate_hz=info.rate_hz,
    )


def receive(folder: str, out: Any) -> None:
    """The receiving process: one inlet and one PULL socket, polled together."""
    context = zmq.Context()
    raw = context.socket(zmq.PULL)
    raw.connect(f"ipc://{folder}/raw")
    inlet = Inlet(context, f"ipc://{folder}/ours", "bench")
    poller = zmq.Poller()
    poller.register(raw, zmq.POLLIN)
    poller.register(inlet.socket, zmq.POLLIN)
    times: Times = {"raw": {}, "ours": {}}
    while True:
        for socket, _ in poller.poll():
            if socket is raw:
                name, sent, *_ = raw.recv_multipart()
                if name == b"end":
                    out.send(times)
                    return
                times["raw"].setdefault(name.decode(), []).append(_since(int(sent)))
            else:
                while frames := inlet.receive():
                    message: Any = decode(frames)[1]
                    times["ours"].setdefault(message.stream, []).append(_since(message.trace["sent"]))
                inlet.acknowledge()


def measure(messages: int = MESSAGES) -> Times:
    """One-way microseconds of each stream's message, by kind of hop."""
    with tempfile.TemporaryDirectory() as folder:
        context = zmq.Context()
        raw = context.socket(zmq.PUSH)
        raw.bind(f"ipc://{folder}/raw")
        outlet = Outlet(context, f"ipc://{folder}/ours", Ring(("bench",), keep_s=60, lossless=False), 64)
        ours, theirs = mp.Pipe()
        process = mp.get_context("spawn").Process(target=receive, args=(folder, theirs))
        process.start()
        while not outlet.socket.poll(100):
            pass
        outlet.on_readable()
        for stream in RATES:
            _alternate(messages, _raw_sender(raw, stream), _our_sender(outlet, stream), outlet)
        raw.send_multipart([b"end", b"0"])
        times: Times = ours.recv()
        process.join()
        outlet.close()
        raw.close()
        context.term()
        return times


def _alternate(messages: int, raw: Callable[[], None], ours: Callable[[], None], outlet: Outlet) -> None:
    for _ in range(messages):
        for send in (raw, ours):
            send()
            time.sleep(PAUSE_S)
            outlet.on_readable()


def _raw_sender(socket: "zmq.Socket[bytes]", stream: str) -> Callable[[], None]:
    name, bytes_ = stream.encode(), sample_of(stream).data.tobytes()
    return lambda: socket.send_multipart([name, b"%d" % time.monotonic_ns(), bytes_], copy=False)


def _our_sender(outlet: Outlet, stream: str) -> Callable[[], None]:
    sample = sample_of(stream)

    def send() -> None:
        stamped = msgspec.structs.replace(sample, trace={"sent": time.monotonic_ns()})
        outlet.put(stream, time.monotonic_ns(), sample.items, encode(stamped, robot="bench"))

    return send


def _since(sent_ns: int) -> float:
    return (time.monotonic_ns() - sent_ns) / 1000
