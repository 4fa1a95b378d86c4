"""Where a service is reached: the table of endpoints, and binding one."""

import errno
import os
import socket as socket_module

import zmq

from .errors import WireError

RESULTS = "tcp://127.0.0.1:5556"
CONTROL = "tcp://127.0.0.1:5557"
LINGER_MS = 500


def bind_local(
    name: str,
    endpoint: str,
    socket_type: int,
    options: dict[int, int],
    context: zmq.Context | None = None,
) -> zmq.Socket:
    """A socket of `socket_type` bound to `endpoint`, which only this machine can reach.

    `name` is the endpoint's key in the config. Raises WireError when it reaches further (there are no keys
    yet), is in use, or is no endpoint. What is queued at its close has half a second to leave.
    """
    _check_local(name, endpoint)
    _check_free(name, endpoint)
    socket = (context or zmq.Context.instance()).socket(socket_type)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    for option, value in options.items():
        socket.setsockopt(option, value)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close(0)
        raise WireError(_why_not(name, endpoint, error)) from error
    return socket


def _check_local(name: str, endpoint: str) -> None:
    if endpoint.startswith(("ipc://", "inproc://")):
        return
    host = endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    if endpoint.startswith("tcp://") and (host == "localhost" or _is_loopback(host)):
        return
    raise WireError(
        f"refused to bind {name} to {endpoint!r}: other machines could read it without a key; "
        f'use "tcp://127.0.0.1:PORT" or "ipc://PATH" in [endpoints] {name} (and `ssh -L` from elsewhere)'
    )


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


def _why_not(name: str, endpoint: str, error: zmq.ZMQError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"cannot bind {name} to {endpoint}: the port is in use; stop the service that has it "
            f"(`sixsense doctor` names it), or choose another in [endpoints] {name}"
        )
    return f"cannot bind {name} to {endpoint}: {error}; correct [endpoints] {name}"
