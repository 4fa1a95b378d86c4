"""CURVE: who may come in, asked of a thread of its own, and what a client's monitor says when it may not."""

import logging
from collections import Counter
from pathlib import Path

import zmq
from zmq.utils.monitor import recv_monitor_message

from .errors import WireError
from .keys import ALLOWED, LISTEN, Grant, Keys, check_key, grants, keys_folder, needed_keys

log = logging.getLogger("sixsense.wire")

FAILURES: dict[int, str] = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: (
        "{endpoint} does not know this key: run `sixsense keys allow NAME {key}` there, with what it may do"
    ),
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: (
        "{endpoint} and this client do not agree on keys: give the service's key (--server-key), as"
        " `sixsense keys list` prints it there"
    ),
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: (
        "{endpoint} broke off while keys were exchanged: is its key (--server-key) the one that"
        " `sixsense keys list` prints there?"
    ),
}


MAX_REFUSED = 100
"""How many refusals are told apart: a stranger can make as many keys as he likes."""


class Gate:
    """The server's side of one endpoint, `domain` its key in the config: a context of its own, in which a
    thread answers whether a key is allowed by the files in `folder`, which can change while it runs.
    """

    def __init__(self, domain: str, folder: Path, keys: Keys) -> None:
        self._keys, self._domain, self._path = keys, domain, folder / ALLOWED
        self._known: tuple[int, dict[str, tuple[str, Grant]]] = (-1, {})
        self.refused: Counter[str] = Counter()
        self.context = zmq.Context()
        # Imported here because it brings asyncio along.
        from zmq.auth.thread import ThreadAuthenticator

        self._authenticator = ThreadAuthenticator(self.context)
        self._authenticator.configure_curve_callback(domain, self)
        self._authenticator.start()

    def secure(self, socket: zmq.Socket) -> None:
        """Make a socket of `context` ask for keys; before it is bound."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._keys.secret.encode())
        socket.setsockopt_string(zmq.ZAP_DOMAIN, self._domain)

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether a key may connect; called in the authenticator's thread."""
        found = self._by_key().get(key.decode())
        if found is None or not _has_business(domain, found[1]):
            may = "" if found is None else f", which may not use {domain}"
            self.refuse(found[0] if found else key.decode(), f"connection to {domain}{may}")
            return False
        return True

    def user(self, frame: zmq.Frame) -> tuple[str, Grant]:
        """Who sent a frame, and what that key may do now. Raises WireError for one that is not allowed."""
        key = frame.get("User-Id")
        found = self._by_key().get(str(key))
        if found is None:
            self.refuse(str(key), f"message to {self._domain}")
            raise WireError(
                f"this key is not allowed any more: `sixsense keys allow NAME {key}` on the robot"
            )
        return found

    def refuse(self, who: str, what: str) -> None:
        """Count what was refused; the first of each is logged."""
        name = f"{what[:100]} by {who[:100]}"
        if name not in self.refused and len(self.refused) >= MAX_REFUSED:
            name = "others"
        self.refused[name] += 1
        if self.refused[name] == 1:
            log.warning("refused: %s (later ones are only counted)", name)

    def close(self) -> None:
        """Stop the thread; sockets of `context` must be closed before."""
        self._authenticator.stop()
        self.context.term()

    def _by_key(self) -> dict[str, tuple[str, Grant]]:
        """Name and grant by key, read again when the file has changed. Called from both threads."""
        try:
            changed = self._path.stat().st_mtime_ns
        except OSError:
            changed = 0
        if changed != self._known[0]:
            try:
                known = grants(self._path.parent)
            except WireError as error:
                log.error("%s; what was allowed before still is", error)
                self._known = (changed, self._known[1])
            else:
                self._known = (changed, {grant.key: (name, grant) for name, grant in known.items()})
        return self._known[1]


def secure_client(socket: zmq.Socket, server_key: str, folder: Path | None = None) -> str:
    """Make a client's socket use the keys in `folder` (this machine's) towards a service whose public key is
    `server_key`; the own public key. Raises WireError."""
    keys = needed_keys(folder or keys_folder(), "a service with a key wants to know who asks")
    socket.setsockopt(zmq.CURVE_SERVERKEY, check_key(server_key).encode())
    socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public.encode())
    socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret.encode())
    return keys.public


class Watch:
    """What becomes of a client's connection, from its socket's monitor: the only place where ZeroMQ says."""

    def __init__(self, socket: zmq.Socket, endpoint: str, public_key: str = "") -> None:
        self.connected, self.lost, self.why = False, False, ""
        self._endpoint, self._key = endpoint, public_key
        events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        for failure in FAILURES:
            events |= failure
        self.socket = socket.get_monitor_socket(events)

    def look(self) -> str:
        """Take what has happened: `connected`, `lost` after that; returns why it does not come to it."""
        while self.socket.poll(0):
            event = int(recv_monitor_message(self.socket)["event"])
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.connected, self.why = True, ""
            elif event == zmq.EVENT_DISCONNECTED:
                self.lost = self.lost or self.connected
            else:
                self.why = FAILURES[event].format(endpoint=self._endpoint, key=f"'{self._key}'")
        return self.why

    def close(self, watched: zmq.Socket) -> None:
        """Look no more; before the socket that is watched is closed."""
        watched.disable_monitor()
        self.socket.close(0)


def _has_business(domain: str, grant: Grant) -> bool:
    if domain == "ingest":
        return bool(grant.streams)
    return grant.may_ask(LISTEN) if domain == "results" else bool(grant.verbs)
