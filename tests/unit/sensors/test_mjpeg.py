import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixsense.sensors.camera import Camera
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.device import DeviceError
from sixsense.sensors.mjpeg import Multipart, shown

JPEGS = [b"\xff\xd8" + bytes([index]) * (100 + index) + b"\xff\xd9" for index in range(5)]


def body(jpegs: list[bytes], boundary: bytes = b"frame", *, length: bool = True) -> bytes:
    parts = []
    for jpeg in jpegs:
        head = b"Content-Type: image/jpeg\r\n" + (b"Content-Length: %d\r\n" % len(jpeg) if length else b"")
        parts.append(b"--" + boundary + b"\r\n" + head + b"\r\n" + jpeg + b"\r\n")
    return b"".join(parts) + b"--" + boundary


def parsed(boundary: str, *pieces: bytes) -> tuple[list[bytes], int]:
    parser = Multipart(boundary)
    return [jpeg for piece in pieces for jpeg in parser.feed(piece)], parser.corrupt


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(
    ("announced", "written"),
    [("frame", b"frame"), ("--frame", b"frame"), ('"frame"', b"frame"), ("--frame", b"--frame")],
)
def test_every_picture_comes_out_as_it_was_sent(announced: str, written: bytes, length: bool):
    assert parsed(announced, body(JPEGS, written, length=length)) == (JPEGS, 0)


@given(st.lists(st.integers(1, 700), max_size=8), st.booleans())
def test_it_does_not_matter_how_the_bytes_are_cut(cuts: list[int], length: bool):
    data, places = body(JPEGS, length=length), [0]
    for cut in cuts:
        places.append(min(places[-1] + cut, 10_000))
    pieces = [data[a:b] for a, b in zip(places, [*places[1:], len(data)], strict=True)]
    assert parsed("frame", *pieces) == (JPEGS, 0)


@given(st.binary(max_size=400), st.binary(max_size=8))
def test_garbage_costs_no_more_than_the_picture_it_is_in(garbage: bytes, boundary: bytes):
    pictures, _ = parsed("frame", garbage.replace(b"--", b""), body(JPEGS))
    assert pictures[-4:] == JPEGS[-4:]
    Multipart(boundary.decode("latin-1"))


def test_half_a_picture_is_counted_and_left_out():
    assert parsed("frame", body([JPEGS[0], JPEGS[1][:-2], JPEGS[2]])) == ([JPEGS[0], JPEGS[2]], 1)


def test_a_stream_without_end_is_not_kept_for_ever():
    parser = Multipart("frame")
    list(parser.feed(b"--frame\r\n\r\n"))
    for _ in range(40):
        list(parser.feed(bytes(1 << 20)))
    assert parser.corrupt == 1
    assert list(parser.feed(body(JPEGS)))[-4:] == JPEGS[-4:]


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/locked" and self.headers["Authorization"] != "Basic bmFtZTpzZWNyZXQ=":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(200)
            single = self.path == "/snapshot"
            self.send_header(
                "Content-Type", "image/jpeg" if single else "multipart/x-mixed-replace; boundary=frame"
            )
            self.end_headers()
            self.wfile.write(JPEGS[0] if single else body(JPEGS))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("path", ["http://{}/video", "http://name:secret@{}/locked"])
def test_a_camera_on_the_network_gives_its_newest_jpeg_untouched(served: str, path: str):
    camera = Camera(clock=ManualClock(7), id=path.format(served), name="door")
    camera.open()
    readings = []
    with suppress(DeviceError):
        while True:
            readings += camera.read(2.0)
    assert {(r.stream, r.encoding, r.stamp_ns, r.clock) for r in readings} == {("door", "jpeg", 7, "host")}
    seen, newest = len(readings), readings[-1].data.tobytes()
    assert newest == JPEGS[-1]
    assert camera.counts() == {"door": {"overwritten": len(JPEGS) - seen, "corrupt": 0}}
    camera.close()


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("http://{}/snapshot", "look for the camera's MJPEG address"),
        ("http://{}/locked", "write name and password into the address"),
        ("http://name:wrong@{}/locked", "answers 401"),
        ("http://127.0.0.1:9/video", "check the address and the network"),
    ],
)
def test_an_address_that_is_no_camera_says_what_to_do(served: str, path: str, advice: str):
    camera = Camera(clock=ManualClock(), id=path.format(served))
    with pytest.raises(DeviceError, match=advice) as caught:
        camera.open()
    assert "wrong" not in str(caught.value)
    camera.close()


def test_a_password_is_never_shown():
    assert shown("http://name:secret@host:80/a?key=secret") == "http://host:80/a"
