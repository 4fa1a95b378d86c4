"""A phone that runs the app Sensor Logger and pushes its motion over HTTP to an address of this machine.

In the app: Settings, Data Streaming, HTTP Push, to `http://HOST:PORT/TOKEN`, with Accelerometer, Gravity and
Gyroscope (or Total Acceleration and Gyroscope) switched on.
`python -m sixsense.sensors.phone host=0.0.0.0 token=SECRET` prints one reading.
"""

import hmac
import ipaddress
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .clock import Clock
from .device import DeviceError, DeviceFailedError, Found, Reading
from .phone_push import SIGNS, Motion, PushError, parse
from .sample import StreamInfo
from .steadied import Steadied

MAX_BODY = 4 << 20
IDLE_S = 30.0
"""A connection on which nothing comes for so long is closed."""
SETTLE_S = 0.01
LATENESS_NS = 40_000_000
"""How long a batch waits for one that it overtook: Wi-Fi."""


class Phone:
    """An HTTP server for one phone. Streams: accelerometer (with gravity, m/s^2) and gyroscope (rad/s).

    Its clock is taken as it is seen from here (`Steadied`). `id` is the app's deviceId: others are refused.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        name: str = "",
        id: str = "",
        host: str = "127.0.0.1",
        port: int = 8055,
        token: str = "",
        platform: str = "android",
        rate_hz: float = 100.0,
    ) -> None:
        if not token and not _is_loopback(host):
            raise DeviceFailedError(
                f"phone: host = {host!r} lets anybody on the network push: add `token`, a word of yours, and"
                f" push to http://{host}:{port}/TOKEN"
            )
        if platform not in SIGNS:
            raise DeviceFailedError(f"phone: platform = {platform!r}; it can be {', '.join(SIGNS)}")
        self._clock, self._address = clock, (host, port)
        # Digits given on a command line are a word here.
        self._id, self._token = str(id), str(token)
        self._motion, self._steadied = Motion(platform, LATENESS_NS), Steadied()
        self._newest_ns = 0
        self._refused: Counter[str] = Counter()
        self._arrived = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        prefix = f"{name}." if name else ""
        self._streams = {
            m: _info(prefix + m, m, rate_hz, id or "phone") for m in ("accelerometer", "gyroscope")
        }

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return tuple(self._streams.values())

    @property
    def port(self) -> int:
        """Where it listens, once it is open."""
        return self._server.server_address[1] if self._server is not None else self._address[1]

    def open(self) -> None:
        """Listen. Raises DeviceError where the address is not free."""
        self.close()
        try:
            self._server = _Server(self._address, _handler(self))
        except OSError as error:
            host, port = self._address
            raise DeviceError(
                f"cannot listen for the phone on {host}:{port}: {error}; choose another `port`, and the"
                " same in the app"
            ) from error
        serve = {"poll_interval": 0.05}
        threading.Thread(target=self._server.serve_forever, kwargs=serve, name="phone", daemon=True).start()

    def read(self, timeout_s: float) -> list[Reading]:
        """The rows whose order is settled."""
        with self._arrived:
            released = self._motion.release(self._clock.now_ns())
            if not released:
                self._arrived.wait(min(timeout_s, SETTLE_S) if self._motion.holding else timeout_s)
                released = self._motion.release(self._clock.now_ns())
        readings: list[Reading] = []
        for modality, (times, rows) in released.items():
            last_ns = int(times[-1])
            stamps = times + (self._steadied.host_ns(last_ns) - last_ns)
            name = self._streams[modality].stream
            readings.append(Reading(name, int(stamps[0]), "f32", rows, stamps, "estimated"))
        return readings

    def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def counts(self) -> dict[str, dict[str, int]]:
        """`malformed` entries and pushes, acceleration with `no gravity`, `refused` pushes, `overflow`."""
        stream = self._streams["accelerometer"].stream
        return {stream: dict(+(self._refused + self._motion.refused))}

    def admits(self, path: str, origin: str | None) -> bool:
        """Whether a push may come to this path. A browser says its origin: no web page may push."""
        known = not self._token or hmac.compare_digest(path.strip("/").encode(), self._token.encode())
        if known and origin is None:
            return True
        self._refused["refused"] += 1
        return False

    def take(self, body: bytes) -> None:
        """A push arrived. Raises PushError."""
        try:
            push = parse(body)
        except PushError:
            self._refused["malformed"] += 1
            raise
        if self._id and push.device != self._id:
            self._refused["refused"] += 1
            raise PushError(f"this phone is {push.device[:80]!r}, and only {self._id!r} is taken")
        with self._arrived:
            now_ns = self._clock.now_ns()
            newest_ns = max((row.time_ns for _, row in push.rows), default=0)
            if newest_ns > self._newest_ns:
                self._newest_ns = newest_ns
                self._steadied.learn(newest_ns, now_ns)
            self._motion.add(push, now_ns)
            self._arrived.notify()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A phone that leaves in the middle of a push is no error."""


def _handler(phone: Phone) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = IDLE_S
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not phone.admits(self.path, self.headers.get("Origin")):
                return self._answer(403, "the token is missing or wrong: push to http://HOST:PORT/TOKEN")
            if not length.isdecimal() or len(length) > 9 or int(length) > MAX_BODY:
                return self._answer(413, f"a push has a Content-Length of at most {MAX_BODY}")
            try:
                phone.take(self.rfile.read(int(length)))
            except PushError as error:
                return self._answer(400, str(error))
            return self._answer(200, "ok")

        def _answer(self, status: int, text: str) -> None:
            body = f"{text}\n".encode()
            self.close_connection = self.close_connection or status != 200
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """What matters is counted."""

    return Handler


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _info(stream: str, modality: str, rate_hz: float, source: str) -> StreamInfo:
    return StreamInfo(
        stream=stream,
        modality=modality,
        encoding="f32",
        rate_hz=rate_hz,
        clock="estimated",
        channels=3,
        frame_id=f"{stream}_link",
        source=source,
    )


def find() -> list[Found]:
    """A phone cannot be seen before it pushes: this is how to listen for one."""
    return [
        Found(driver="phone", id="phone", name="a phone with the app Sensor Logger", options={"port": 8055})
    ]


if __name__ == "__main__":
    from .once import print_one

    print_one(Phone)
