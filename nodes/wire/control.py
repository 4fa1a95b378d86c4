"""Control: requests to a running service and their replies, and the client that sends them."""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, TypeVar

import msgspec
import zmq

from ...fusion.query import Query
from ...sensors.errors import SixsenseError
from . import endpoints
from .arrays import check_arrays
from .endpoints import connect_watch
from .errors import ControlError, WireError
from .fields import MAX_PAYLOAD_BYTES, VERSION, from_fields, pack, pack_header, unpack_header, unpack_map
from .status import QueryStatus
from .topics import parse_pattern
from .verbs import (
    VERB_OF,
    VERBS,
    Accepted,
    Describe,
    Description,
    Directory,
    ListNodes,
    ListQueries,
    Messages,
    Queries,
    Registration,
    Snapshot,
    Unwatch,
    Watch,
)

MAX_SNAPSHOT_FRAMES = 4096
R = TypeVar("R", bound=msgspec.Struct)


class Request(NamedTuple):
    """A request as the service sees it; `body` is the Struct of its verb."""

    verb: str
    id: int
    body: msgspec.Struct


class Reply(NamedTuple):
    """A reply as it came: `fields` and `payloads` are not checked against the verb yet."""

    id: int
    error: str
    fields: dict[str, Any]
    payloads: Sequence[bytes]


def make_request(request_id: int, body: msgspec.Struct) -> list[bytes]:
    """The frames `[header][payload]*` of a request. Raises WireError."""
    payloads: list[bytes] = []
    head = {"v": VERSION, "verb": VERB_OF[type(body)], "id": request_id}
    frames = [pack(head, body, payloads), *payloads]
    # A service cannot say whose request it was that it could not read: what it would not take is said here.
    unpack_header(frames, 0)
    return frames


def parse_request(frames: Sequence[bytes]) -> Request:
    """A request from its frames (without ROUTER's identity). Raises WireError."""
    header = unpack_header(frames, 0)
    verb = header.get("verb")
    if not isinstance(verb, str) or verb not in VERBS:
        raise WireError(f"unknown verb {str(verb)[:40]!r}; this service knows {', '.join(VERBS)}")
    body = from_fields(VERBS[verb].request, header, frames[1:])
    if isinstance(body, Watch):
        check_arrays(body.query)
    return Request(verb, _id_in(header), body)


def make_reply(request_id: int, body: msgspec.Struct) -> list[bytes]:
    """The frames of a reply that succeeded. Raises WireError."""
    payloads: list[bytes] = []
    head = {"v": VERSION, "id": request_id, "ok": True}
    return [pack(head, body, payloads), *payloads]


def make_snapshot(request_id: int, messages: Sequence[Sequence[bytes]]) -> list[bytes]:
    """The reply to `snapshot`: whole messages, their frames one after the other. Raises WireError."""
    flat = [frame for frames in messages for frame in frames]
    if len(flat) > MAX_SNAPSHOT_FRAMES:
        raise WireError(
            f"a snapshot of {len(flat)} frames is over {MAX_SNAPSHOT_FRAMES}: ask for fewer topics"
        )
    return [*make_reply(request_id, Messages(frames=tuple(len(frames) for frames in messages))), *flat]


def make_error(request_id: int, text: str) -> list[bytes]:
    """The frames of a reply that failed: `text` says why and what to do."""
    return [pack_header({"v": VERSION, "id": request_id, "ok": False, "error": text[:4000]})]


def answer(frames: Sequence[bytes], handle: Callable[[Request], list[bytes]]) -> list[bytes]:
    """The reply to a request, whatever it is: what `handle` makes, or the error as text. Never raises
    for what a client sent; `handle` refuses by raising a SixsenseError."""
    try:
        return handle(parse_request(frames))
    except SixsenseError as error:
        return make_error(_id_of(frames), str(error))


def parse_reply(frames: Sequence[bytes]) -> Reply:
    """A reply from its frames. Raises WireError."""
    if not 1 <= len(frames) <= 1 + MAX_SNAPSHOT_FRAMES:
        raise WireError(f"a reply of {len(frames)} frames; expected 1 to {1 + MAX_SNAPSHOT_FRAMES}")
    header = unpack_map(frames[0])
    ok, error = header.get("ok"), header.get("error", "")
    if type(ok) is not bool or not isinstance(error, str):
        raise WireError("malformed reply: expected ok (a boolean) and error (a text)")
    return Reply(_id_in(header), "" if ok else error or "refused without a reason", header, frames[1:])


def split_messages(reply: Reply) -> list[Sequence[bytes]]:
    """The messages of a snapshot's reply, each as its frames. Raises WireError."""
    lengths = from_fields(Messages, reply.fields, ()).frames
    if min(lengths, default=1) < 1 or sum(lengths) != len(reply.payloads):
        raise WireError(f"malformed snapshot: {len(reply.payloads)} frames for messages of {lengths[:20]}")
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    return [reply.payloads[end - n : end] for n, end in zip(lengths, ends, strict=True)]


class ControlClient:
    """A client of a service's control endpoint. Never waits longer than `timeout` seconds.

    `server_key` is the public key of a service on another machine (`$SIXSENSE_SERVER_KEY`), `keys` the folder
    of one's own keys. Not for sharing between threads. Raises ControlError when the service refuses or does
    not answer, WireError when it answers nonsense.
    """

    def __init__(
        self,
        endpoint: str = endpoints.CONTROL,
        *,
        timeout: float = 2.0,
        server_key: str = "",
        keys: Path | None = None,
        context: zmq.Context | None = None,
    ) -> None:
        self.endpoint, self.timeout = endpoint, timeout
        self._ids = count(1)
        self.socket = (context or zmq.Context.instance()).socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_PAYLOAD_BYTES)
        self._watch = connect_watch(self.socket, endpoint, server_key, keys)
        try:
            self.socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise WireError(f"cannot connect to control endpoint {endpoint!r}: {error}") from error

    def snapshot(self, *topics: str) -> list[Sequence[bytes]]:
        """The newest message of each topic that `topics` name (`match`, `embedding/r1`), as frames."""
        for topic in topics:
            parse_pattern(topic)
        return split_messages(self.request(Snapshot(topics=topics)))

    def watch(self, query: Query, *, keep: bool = False) -> Accepted:
        """Add a standing query, which stands until it is removed; `keep`: in later runs too."""
        return self._ask(Watch(query=query, keep=keep), Accepted)

    def unwatch(self, name: str) -> Accepted:
        """Remove a standing query."""
        return self._ask(Unwatch(name=name), Accepted)

    def queries(self) -> tuple[QueryStatus, ...]:
        """The standing queries."""
        return self._ask(ListQueries(), Queries).queries

    def describe(self) -> Description:
        """What a recorder must know of the run."""
        return self._ask(Describe(), Description)

    def directory(self) -> tuple[Registration, ...]:
        """The nodes and where they are."""
        return self._ask(ListNodes(), Directory).nodes

    def request(self, body: msgspec.Struct) -> Reply:
        """Send the request whose Struct is `body`, and return its reply. Raises ControlError."""
        wanted, deadline = self.send(body), monotonic() + self.timeout
        while (left := deadline - monotonic()) > 0:
            if self.socket.poll(int(left * 1000) + 1) and (reply := self.receive(wanted)):
                return reply
        if self._watch and (why := self._watch.look()):
            raise ControlError(why)
        raise ControlError(
            f"no answer to {VERB_OF[type(body)]} from {self.endpoint} within {self.timeout:g} s; "
            "is a service running there (`sixsense run CONFIG`; [endpoints] control in its config)?"
        )

    def send(self, body: msgspec.Struct) -> int:
        """Send a request without waiting; its id. Raises ControlError when too many are unanswered."""
        request_id = next(self._ids)
        try:
            self.socket.send_multipart(make_request(request_id, body), zmq.NOBLOCK)
        except zmq.Again as error:
            raise ControlError(f"{self.endpoint} does not take requests: too many are unanswered") from error
        return request_id

    def receive(self, request_id: int) -> Reply | None:
        """The reply to `request_id` if it is there; replies to requests given up are skipped."""
        while self.socket.poll(0):
            reply = parse_reply(self.socket.recv_multipart())
            if reply.id == request_id:
                if reply.error:
                    raise ControlError(f"{self.endpoint}: {reply.error}")
                return reply
        return None

    def close(self) -> None:
        """Close the connection; requests without an answer are forgotten."""
        if self._watch:
            self._watch.close(self.socket)
        self.socket.close()

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _ask(self, body: msgspec.Struct, type_: type[R]) -> R:
        reply = self.request(body)
        return from_fields(type_, reply.fields, reply.payloads)


def _id_in(header: dict[str, Any]) -> int:
    request_id = header.get("id")
    if type(request_id) is not int or not 0 <= request_id < 1 << 63:
        raise WireError(f"id {str(request_id)[:40]!r}; expected an integer from 0 to 2**63 - 1")
    return request_id


def _id_of(frames: Sequence[bytes]) -> int:
    try:
        return _id_in(unpack_map(frames[0])) if frames else 0
    except WireError:
        return 0
