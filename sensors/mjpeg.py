"""HTTP MJPEG: a network camera's `multipart/x-mixed-replace` as the JPEGs that it sent, undecoded."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .device import DeviceError

MAX_JPEG_BYTES = 32 << 20
MAX_HEADER_BYTES = 16 << 10
TIMEOUT_S = 5.0
CHUNK = 1 << 16


class Multipart:
    """Bytes in, whole JPEGs out. What is no JPEG, or larger than 32 MiB, is left out and counted.

    Written for cameras as they are: a boundary with or without its leading dashes, `Content-Length` right or
    missing (RFC 2046, section 5.1).
    """

    def __init__(self, boundary: str) -> None:
        self.corrupt = 0
        self._mark = b"--" + boundary.strip('"').lstrip("-").encode("latin-1", "replace")
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield every picture that `data` completes, in order."""
        self._rest += data
        while (part := self._next_part()) is not None:
            if is_jpeg(part):
                yield part
            else:
                self.corrupt += 1
        if len(self._rest) > MAX_JPEG_BYTES + MAX_HEADER_BYTES:
            self._rest.clear()
            self.corrupt += 1

    def _next_part(self) -> bytes | None:
        """Cut the next part's body off; None while it is not whole."""
        begin = self._rest.find(self._mark)
        if begin < 0:
            del self._rest[: max(0, len(self._rest) - len(self._mark))]
            return None
        head = begin + len(self._mark)
        end = self._rest.find(b"\r\n\r\n", head, head + MAX_HEADER_BYTES)
        if end < 0:
            if len(self._rest) - head > MAX_HEADER_BYTES:
                del self._rest[:head]
                return b""
            return None
        body, length = end + 4, _content_length(bytes(self._rest[head:end]))
        if length is None:
            after = self._rest.find(self._mark, body)
        else:
            after = body + length if len(self._rest) >= body + length else -1
        if after < 0:
            return None
        part = bytes(self._rest[body:after])
        del self._rest[:after]
        return part if length is not None else part.rstrip(b"\r\n-")


def is_jpeg(data: bytes) -> bool:
    """Whether these bytes begin and end as a JPEG does (ITU-T T.81, table B.1)."""
    return data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"


def jpegs(url: str, timeout_s: float = TIMEOUT_S) -> tuple[Multipart, Iterator[bytes]]:
    """Connect to a camera; its pictures, and the parser with its count. Raises DeviceError."""
    response = _connected(url, timeout_s)
    content = Message()
    content["Content-Type"] = response.headers.get("Content-Type", "")
    boundary = content.get_param("boundary")
    if content.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        response.close()
        raise DeviceError(
            f"{shown(url)} answers with {content['Content-Type'] or 'no type'}, not with a stream of JPEGs;"
            " look for the camera's MJPEG address (often /video, /mjpeg or ?action=stream)"
        )
    parser = Multipart(boundary)
    return parser, _pictures(response, parser, url)


def shown(url: str) -> str:
    """An address as it may be logged: without the password in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=""))


def _pictures(response: http.client.HTTPResponse, parser: Multipart, url: str) -> Iterator[bytes]:
    with response:
        while True:
            try:
                data = response.read1(CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise DeviceError(f"{shown(url)} stopped sending: {error or type(error).__name__}") from error
            if not data:
                raise DeviceError(
                    f"{shown(url)} ended its stream; is somebody else watching it, or is it off?"
                )
            yield from parser.feed(data)


def _connected(url: str, timeout_s: float) -> http.client.HTTPResponse:
    """GET with the name and password of the address, asked directly: cameras are not behind a proxy."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        passwords.add_password(None, bare, parts.username, parts.password or "")
    opener = urllib.request.build_opener(
        _Closing(),
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    )
    try:
        return opener.open(bare, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        wants = "; write name and password into the address: http://NAME:PASSWORD@HOST/" * (error.code == 401)
        raise DeviceError(f"{shown(url)} answers {error.code} {error.reason}{wants}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DeviceError(
            f"cannot reach {shown(url)}: {reason}; check the address and the network"
        ) from error


class _Closing(urllib.request.BaseHandler):
    """Closes the answer that asks for a password: urllib leaves it open while it asks again."""

    handler_order = 100

    def http_error_401(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> None:  # noqa: ARG002
        fp.close()


def _content_length(headers: bytes) -> int | None:
    """The announced length, or None where there is none that can be believed."""
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            length = int(value.strip()[:12])
            return length if length <= MAX_JPEG_BYTES else None
    return None
