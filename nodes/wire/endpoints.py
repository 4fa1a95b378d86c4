"""Where a service is reached: the table of endpoints, and binding one."""

import errno
import os
import socket as socket_module
from typing import TYPE_CHECKING

import zmq

from .errors import WireError
from .keys import Keys, keys_folder, own_keys, server_key_of

if TYPE_CHECKING:
    from pathlib import Path

    from .curve import Gate, Watch

INGEST = "tcp://127.0.0.1:5555"
RESULTS = "tcp://127.0.0.1:5556"
CONTROL = "tcp://127.0.0.1:5557"
LINGER_MS = 500


def keys_for(name: str, endpoint: str, *, asked: bool = False) -> Keys | None:
    """This machine's keys where an endpoint reaches beyond it, or where they are `asked` for; else None.

    `name` is the endpoint's key in the config. Raises WireError where this machine has none.
    """
    if is_local(endpoint) and not asked:
        return None
    keys = own_keys(keys_folder())
    if keys is None:
        raise WireError(_why_refused(name, endpoint))
    return keys


def open_gate(name: str, endpoint: str, *, asked: bool = False) -> "Gate | None":
    """What asks for keys at an endpoint, where it needs any: as `keys_for`. Raises WireError."""
    keys = keys_for(name, endpoint, asked=asked)
    if keys is None:
        return None
    # Imported here because every subscriber would pay for it.
    from .curve import Gate

    return Gate(name, keys_folder(), keys)


def bind_endpoint(
    name: str,
    endpoint: str,
    socket_type: int,
    options: dict[int, int],
    context: zmq.Context | None = None,
    gate: "Gate | None" = None,
) -> zmq.Socket:
    """A socket of `socket_type` bound to `endpoint`: one that only this machine can reach, or `gate` guards.

    `name` is the endpoint's key in the config. Raises WireError when it reaches further without a gate, is in
    use, or is no endpoint. What is queued at its close has half a second to leave.
    """
    if gate is None and not is_local(endpoint):
        raise WireError(_why_refused(name, endpoint))
    _check_free(name, endpoint)
    socket = (gate.context if gate else context or zmq.Context.instance()).socket(socket_type)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    for option, value in options.items():
        socket.setsockopt(option, value)
    if gate:
        gate.secure(socket)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close(0)
        raise WireError(_why_not(name, endpoint, error)) from error
    return socket


def is_local(endpoint: str) -> bool:
    """Whether only this machine can reach it."""
    if endpoint.startswith(("ipc://", "inproc://")):
        return True
    host = endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    return endpoint.startswith("tcp://") and (host == "localhost" or _is_loopback(host))


def connect_watch(socket: zmq.Socket, endpoint: str, server_key: str, keys: "Path | None") -> "Watch | None":
    """Prepare a client's socket for an endpoint that asks for keys, and watch what becomes of it; None where
    none are needed. Raises WireError."""
    server_key = server_key_of(endpoint, server_key)
    if not server_key and is_local(endpoint):
        return None
    # Imported here because every subscriber would pay for it.
    from .curve import Watch, secure_client

    try:
        own = secure_client(socket, server_key, keys) if server_key else ""
    except WireError:
        socket.close(0)
        raise
    return Watch(socket, endpoint, own)


def reachable(endpoint: str, via: str) -> str:
    """`endpoint` as a client reaches it that came in `via` another of the same service: one bound to every
    address is told by no address."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    if endpoint.startswith("tcp://") and via.startswith("tcp://") and host in ("0.0.0.0", "[::]", "*"):
        return f"tcp://{via.removeprefix('tcp://').rpartition(':')[0]}:{port}"
    return endpoint


def _check_free(name: str, endpoint: str) -> None:
    """ZeroMQ takes over an ipc path without a word, also from a service that still listens there."""
    path = endpoint.removeprefix("ipc://")
    if path == endpoint or not os.path.exists(path):
        return
    with socket_module.socket(socket_module.AF_UNIX, socket_module.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return
    raise WireError(
        f"cannot bind {name} to {endpoint}: another service listens there; stop it, or choose another path "
        f"in [endpoints] {name}"
    )


def _is_loopback(host: str) -> bool:
    # Imported here because every subscriber would pay for it.
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _why_refused(name: str, endpoint: str) -> str:
    return (
        f"refused to bind {name} to {endpoint!r}: other machines could use it without a key; run"
        " `sixsense keys new` and `sixsense keys allow` for each that may, or use"
        f' "tcp://127.0.0.1:PORT" or "ipc://PATH" in [endpoints] {name} (and `ssh -L` from elsewhere)'
    )


def _why_not(name: str, endpoint: str, error: zmq.ZMQError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"cannot bind {name} to {endpoint}: the port is in use; stop the service that has it "
            f"(`sixsense doctor` names it), or choose another in [endpoints] {name}"
        )
    return f"cannot bind {name} to {endpoint}: {error}; correct [endpoints] {name}"
