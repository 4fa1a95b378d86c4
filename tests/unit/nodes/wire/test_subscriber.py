"""The subscriber against real sockets: snapshot, gaps, matching, timeouts, liveness."""

import gc
import logging
import math
import re
import subprocess
import sys
from pathlib import Path

import msgpack
import numpy as np
import pytest
import zmq
from sixsense import Subscriber
from sixsense.encoders.embedding import Embedding
from sixsense.nodes.wire import control, subscriber
from sixsense.nodes.wire.envelope import encode
from sixsense.nodes.wire.errors import SubscriberTimeoutError, WireError
from sixsense.nodes.wire.hello import Hello

NS = 1_000_000_000


def embedding(stream: str, seq: int) -> Embedding:
    values = {"epoch": 1, "index": seq, "start_ns": 0, "end_ns": 1, "ranges": (), "quality": 1.0}
    return Embedding(
        input=stream, modality="vision", seq=seq, space_id="s", vector=np.ones(2, np.float32), **values
    )


def drain(sub: Subscriber, timeout: float = 0.3) -> list:
    messages = []
    try:
        while True:
            messages.append(sub.recv(timeout))
    except TimeoutError:
        return messages


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = subscriber.monotonic_ns
    monkeypatch.setattr(subscriber, "monotonic_ns", lambda: now() + int(seconds * NS))


@pytest.mark.parametrize("endpoint", ["", "tcp://127.0.0.1:*"], ids=["ipc", "tcp"])
def test_a_late_subscriber_gets_the_snapshot_first_and_nothing_twice(start, make, endpoint: str) -> None:
    service = start(endpoint)
    service.publish(make.info(), *(make.fused(seq) for seq in range(6)))

    with Subscriber(service.endpoint, "info", "fused", timeout=5) as sub:
        first = [sub.recv(), sub.recv()]
        service.publish(make.fused(6), make.fused(7))
        rest = [sub.recv(), sub.recv()]

        assert first[0] == make.info()
        assert [message.seq for message in [first[1], *rest]] == [5, 6, 7]
        assert drain(sub) == []
        assert (sub.dropped, sub.malformed) == (0, 0)


def test_only_what_the_greeting_has_comes_from_the_snapshot(folder: Path, make) -> None:
    """Messages that race with the snapshot arrive once, in their order."""
    with (
        zmq.Context.instance().socket(zmq.XPUB) as xpub,
        zmq.Context.instance().socket(zmq.ROUTER) as router,
    ):
        xpub.bind(f"ipc://{folder}/results")
        router.bind(f"ipc://{folder}/control")
        topic = "fused/r1/fused/"
        positions = {topic: (1, 5), "embedding/r1/a/": (1, 3)}
        hello = Hello(control=f"ipc://{folder}/control", epoch=1, now_ns=7, positions=positions)
        with Subscriber(f"ipc://{folder}/results", "fused", "embedding") as sub:
            while xpub.recv() != b"\x01hello/":
                pass
            for message in (make.fused(5), hello, make.fused(6), make.fused(7)):
                xpub.send_multipart(encode(message, robot="r1"))
            assert sub.recv(5).seq == 5
            with pytest.raises(TimeoutError):
                sub.recv(0.05)
            peer, *frames = router.recv_multipart()
            kept = [make.fused(7), embedding("a", 3), embedding("b", 0)]
            messages = [encode(message, robot="r1") for message in kept]
            router.send_multipart([peer, *control.make_snapshot(control.parse_request(frames).id, messages)])

            received = drain(sub)

        assert [(type(m).__name__, m.seq) for m in received] == [
            ("Embedding", 3),
            ("Fused", 6),
            ("Fused", 7),
        ]


def test_one_that_stops_reading_learns_how_many_it_lost(start, make) -> None:
    service, sent = start(queue_length=10), 1000
    service.publish(make.info())
    with Subscriber(service.endpoint, "info", "fused", timeout=5, queue=10) as sub:
        sub.recv()
        service.publish(*(make.fused(seq, dim=16_384) for seq in range(sent)))
        received = drain(sub)
        service.publish(make.fused(sent))
        assert sub.recv().seq == sent

        assert 10 < len(received) < sent
        assert sub.dropped == sent - len(received)
        assert sub.lost == {"fused/r1/fused/": sub.dropped}


def test_topics_match_exactly(service, make) -> None:
    with Subscriber(service.endpoint, "embedding/r1/camera", "info", robot="r1", timeout=5) as sub:
        service.publish(make.info())
        sub.recv()
        service.publish(embedding("camera2", 0), embedding("camera", 0), make.status(0))
        service.publish(embedding("camera", 0), robot="r10")
        service.publish(embedding("camera", 1))
        assert [(m.input, m.seq) for m in drain(sub)] == [("camera", 0), ("camera", 1)]


def test_a_restarted_service_is_found_again_and_its_new_epoch_is_no_gap(start, make) -> None:
    first = start()
    first.publish(make.fused(41))
    with Subscriber(first.endpoint, "fused", timeout=10) as sub:
        assert sub.recv().seq == 41
        first.stop()
        second = start(first.endpoint, epoch=2)
        second.publish(make.fused(3, epoch=2))
        again = sub.recv()
        assert (again.epoch, again.seq, sub.dropped) == (2, 3, 0)


def test_every_subscriber_is_greeted_and_asks_once(service, make) -> None:
    service.publish(make.fused(0))
    subs = []
    for _ in range(3):
        subs.append(Subscriber(service.endpoint, "fused", timeout=5))
        assert subs[-1].recv().seq == 0
    assert [drain(sub, 0.05) for sub in subs] == [[], [], []]
    assert service.do(lambda: service.verbs) == ["snapshot"] * 3


def test_silence_says_whether_anybody_is_there(folder: Path, service, make) -> None:
    with (
        Subscriber(f"ipc://{folder}/nobody", "match", timeout=0.05) as sub,
        pytest.raises(SubscriberTimeoutError, match=r"nothing from ipc://.*is a service running"),
    ):
        next(iter(sub))
    with Subscriber(service.endpoint, "match", "status") as sub:
        service.publish(make.status(0))
        sub.recv(5)
        with pytest.raises(TimeoutError, match=r"no match, status from .*the service is there"):
            sub.recv(0.05)


def test_iterating_ends_with_the_timeout_or_when_closed(service, make) -> None:
    service.publish(make.match(0))
    got = []
    sub = Subscriber(service.endpoint, "match", timeout=0.5)
    with pytest.raises(TimeoutError):
        got.extend(sub)
    sub.close()
    assert list(sub) == []
    with pytest.raises(WireError, match="closed"):
        sub.recv()
    assert not math.isnan(sub.age_ms)


def test_malformed_messages_are_counted_and_reported_once(service, make, caplog) -> None:
    service.publish(make.info())
    with Subscriber(service.endpoint, "info", "match", timeout=5) as sub:
        sub.recv()
        topic, header, *_ = encode(make.match(0), robot="r1")
        newer = msgpack.packb(msgpack.unpackb(header) | {"v": 2})
        with caplog.at_level(logging.WARNING, "sixsense.wire"):
            for frames in ([topic, newer], [topic, b"\xc1"], [topic], [b"match/x", header]):
                service.do(lambda frames=frames: service.publisher.socket.send_multipart(frames))
            service.publish(make.match(1))
            assert sub.recv().seq == 1
        assert sub.malformed == 4
        assert [record.message for record in caplog.records if "wire version '2'" in record.message]
        assert len(caplog.records) == 1


def test_without_a_snapshot_the_live_messages_still_come(start, make, monkeypatch, caplog) -> None:
    monkeypatch.setattr(subscriber, "SNAPSHOT_NS", NS // 20)
    service = start()
    service.do(lambda: setattr(service.publisher, "control", "tcp://127.0.0.1:9"))
    with (
        Subscriber(service.endpoint, "match", timeout=5) as sub,
        caplog.at_level(logging.WARNING, "sixsense.wire"),
    ):
        drain(sub, 0.3)
        service.publish(make.match(4))
        assert sub.recv().seq == 4
    assert "no snapshot: tcp://127.0.0.1:9 did not answer in time" in caplog.text


@pytest.mark.parametrize("endpoint", ["banana", "carrot://x"])
def test_a_control_endpoint_that_is_none_is_survived(start, make, caplog, endpoint: str) -> None:
    service = start()
    service.do(lambda: setattr(service.publisher, "control", endpoint))
    with Subscriber(service.endpoint, "match", timeout=5) as sub:
        drain(sub, 0.2)
        service.publish(make.match(4))
        assert sub.recv().seq == 4
    assert "no snapshot" in caplog.text


def test_matches_are_alive_while_the_service_is(service, make, monkeypatch) -> None:
    with Subscriber(service.endpoint, "match", timeout=5) as sub:
        drain(sub, 0.2)
        service.publish(make.status(0))
        drain(sub, 0.2)
        assert sub.alive
        later(monkeypatch, 3.1)
        assert not sub.alive


def test_fused_is_alive_by_its_own_rhythm(service, make, monkeypatch) -> None:
    service.publish(make.fused(0))
    with Subscriber(service.endpoint, "fused", timeout=5) as sub:
        sub.recv()
        assert sub.alive
        later(monkeypatch, 0.8)
        service.publish(make.status(0))
        assert not sub.alive


def test_unread_messages_do_not_look_fresh_and_age_includes_the_wait(service, make, monkeypatch) -> None:
    service.publish(make.fused(0))
    with Subscriber(service.endpoint, "fused", timeout=5) as sub:
        sub.recv()
        service.publish(make.fused(1, age_ns=2 * NS))
        service.do(lambda: None)
        later(monkeypatch, 5)
        assert sub.recv().seq == 1
        assert not sub.alive
        assert 7000 <= sub.age_ms < 8000


def test_rate_is_of_what_was_asked(service, make, monkeypatch) -> None:
    with Subscriber(service.endpoint, "fused", "info", timeout=5) as sub:
        service.publish(make.info())
        sub.recv()
        assert sub.rate_hz == 0.0
        for seq in range(5):
            later(monkeypatch, 0.1)
            service.publish(make.fused(seq, has_trace=False))
            sub.recv()
        assert sub.rate_hz == pytest.approx(10, rel=0.3)


def test_the_inbox_is_bounded_while_only_looking(start, make) -> None:
    service = start()
    service.publish(make.info())
    with Subscriber(service.endpoint, "info", "fused", timeout=5, queue=4) as sub:
        sub.recv()
        service.publish(*(make.fused(seq) for seq in range(20)))
        sub.recv()
        for _ in range(20):
            assert sub.alive
        assert len(sub._inbox) <= 4


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("mtach", "did you mean 'match'"),
        ("hello", "not for subscribers"),
        ("match/r2", "another robot"),
    ],
)
def test_a_topic_that_is_none_is_refused(topic: str, says: str) -> None:
    with pytest.raises(WireError, match=says):
        Subscriber("tcp://127.0.0.1:9", topic, robot="r1")


def test_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(WireError, match="cannot connect to results endpoint 'banana'"):
        Subscriber("banana")


def test_a_forgotten_subscriber_closes_itself(service) -> None:
    sub = Subscriber(service.endpoint)
    socket = sub._socket
    del sub
    gc.collect()
    assert socket.closed


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = {"torch", "ray", "cv2", "av", "onnxruntime", "sounddevice", "rich", "typer"}
    code = f"import sys; from sixsense import Subscriber; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_documents_python_example_prints_matches(service, make, capsys) -> None:
    text = (Path(__file__).parents[4] / "docs" / "wire.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    code = code.replace("tcp://127.0.0.1:5556", service.endpoint).replace("while True", "for _ in range(1)")
    code = code.replace('subscribe(b"match/")', 'subscribe(b"match/"); wait()')

    def wait() -> None:
        service.do(lambda: service.publisher.socket.poll(2000))
        service.publish(make.match(0))

    names = {"wait": wait}
    exec(code, names)
    names["socket"].close()
    assert capsys.readouterr().out == "alarm begin 5.0 1\n"


def test_before_anything_comes_nothing_is_known(folder: Path) -> None:
    with Subscriber(f"ipc://{folder}/nobody", "match", "fused") as sub:
        assert not sub.alive
        assert (sub.rate_hz, sub.dropped, sub.lost) == (0.0, 0, {})
        assert math.isnan(sub.age_ms)
