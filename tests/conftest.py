"""What every test may use: recordings and goldens, sound files, a web server with bad manners."""

import os
import tty
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def _no_keys(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the keys of whoever runs it."""
    os.environ["SIXSENSE_KEYS"] = str(tmp_path_factory.getbasetemp() / "no-keys")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings and goldens beside the repository; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip(f"no recordings and goldens at {SHARED}")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or leaves what a user's own runs remember."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def wav() -> Callable[[Path, np.ndarray], None]:
    """Writes float PCM (n,) as a 16-bit WAV at 16 kHz."""

    def write(path: Path, pcm: np.ndarray) -> None:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes((pcm * 32767).astype("<i2").tobytes())

    return write


class SerialPort:
    """A serial device that can be unplugged: a pseudo-terminal behind a path that stays the same."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends: tuple[int, ...] = ()

    def plug(self) -> None:
        """Appear at `path`."""
        self._ends = os.openpty()
        tty.setraw(self._ends[1])
        self.path.symlink_to(os.ttyname(self._ends[1]))

    def send(self, data: bytes) -> None:
        os.write(self._ends[0], data)

    def unplug(self) -> None:
        """Vanish; who has it open is hung up."""
        self.path.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = ()


@pytest.fixture
def serial_port(tmp_path: Path) -> Iterator[SerialPort]:
    """A serial device, plugged in."""
    port = SerialPort(tmp_path / "usb-imu")
    port.plug()
    yield port
    port.unplug()


@dataclass
class Page:
    """What the server answers for one path, and the Range headers that it was asked with."""

    body: bytes
    cuts: list[int]
    statuses: list[int]
    ranges: bool = True
    tag: str | None = '"v1"'
    length: int | None = None
    asked: list[str | None] = field(default_factory=list)


class Web:
    """A server on 127.0.0.1. `serve` returns the address of a page and the page, to be changed at will."""

    def __init__(self, port: int) -> None:
        self.pages: dict[str, Page] = {}
        self._port = port

    def serve(self, body: bytes, *, cuts=(), statuses=(), **manners) -> tuple[str, Page]:
        """Each of `statuses` is an error answered first; each of `cuts` a connection that ends after so many
        bytes; `length` is announced instead of the true one; `tag` None: neither entity tag nor date."""
        path = f"/{len(self.pages)}"
        self.pages[path] = Page(body, list(cuts), list(statuses), **manners)
        return f"http://127.0.0.1:{self._port}{path}", self.pages[path]


@pytest.fixture(scope="session")
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            if page is None:
                return self.send_error(404)
            page.asked.append(self.headers["Range"])
            if page.statuses:
                return self.send_error(page.statuses.pop(0))
            return self.answer(page)

        def answer(self, page: Page) -> None:
            fresh = page.tag is not None and self.headers["If-Range"] == page.tag
            start = int(self.headers["Range"][6:-1]) if page.ranges and fresh else 0
            total = len(page.body)
            if start >= total > 0:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{total}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            if page.tag is not None:
                self.send_header("ETag", page.tag)
            length = page.length if page.length is not None else total - start
            if length >= 0:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            end = start + page.cuts.pop(0) if page.cuts else total
            self.wfile.write(page.body[start:end])
            return None

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hangs up is what some tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        made = Web(server.server_address[1])
        pages = made.pages
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        server.shutdown()
