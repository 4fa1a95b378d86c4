"""On Ray: every node an actor that owns its sockets. Ray places and restarts; no data goes through it."""

import logging
import os
import pickle
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..sensors.errors import SixsenseError
from .local import run_node
from .spec import NodeSpec
from .table import KINDS

OBJECT_STORE_BYTES = 80 * 1024 * 1024


class NodeActor:
    """Ray re-runs `__init__` of a killed actor and nothing else, so the node's loop starts here.

    `spec` is a file in the run's private directory: Ray puts arguments above 100 kB (a card, labels) into its
    object store, and starts no actor again that has such.
    """

    def __init__(self, spec: str, supervisor: str, directory: str) -> None:
        read: NodeSpec = pickle.loads(Path(spec).read_bytes())
        thread = threading.Thread(target=self._run, args=(read, supervisor, directory), name=read.name)
        thread.daemon = True
        thread.start()

    @staticmethod
    def _run(spec: NodeSpec, supervisor: str, directory: str) -> None:
        if not run_node(spec, supervisor, directory, alone=True):
            # The process ends, so that Ray starts a fresh one.
            os._exit(1)


class RayRunner:
    """Starts Ray on this machine and one actor a node."""

    def __init__(self, supervisor: str, directory: str) -> None:
        self._supervisor, self._directory = supervisor, directory
        self._actors: list[Any] = []
        self._ray: Any = None

    def start(self, specs: Sequence[NodeSpec]) -> None:
        """Raises SixsenseError when Ray does not start, or its token is turned off."""
        ray = self._ray = _imported_ray()
        _start_ray(ray, len(specs))
        # Encoders first: they take longest, and Ray has the first processes ready.
        for spec in sorted(specs, key=lambda spec: -KINDS[type(spec.body)].cpus):
            kind = KINDS[type(spec.body)]
            actor = ray.remote(NodeActor).options(num_cpus=kind.cpus, max_restarts=kind.max_restarts)
            path = Path(self._directory) / f"{spec.name}.spec"
            _write(path, spec)
            self._actors.append(actor.remote(str(path), self._supervisor, self._directory))

    def stop(self) -> None:
        """Stop the actors and this process's Ray, as far as it was started."""
        if self._ray is None:
            return
        for actor in self._actors:
            self._ray.kill(actor, no_restart=True)
        self._ray.shutdown()


def _write(path: Path, spec: NodeSpec) -> None:
    try:
        path.write_bytes(pickle.dumps(spec))
    except OSError as error:
        raise SixsenseError(f"cannot write {path}: {error}; make room there") from error


def _imported_ray() -> Any:
    """Ray, told before it is imported to use its token and to send no statistics."""
    if os.environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        mode = os.environ["RAY_AUTH_MODE"]
        raise SixsenseError(
            f"RAY_AUTH_MODE is {mode!r}: Ray listens on every interface, and its token is what protects it; "
            "unset RAY_AUTH_MODE or set it to 'token'"
        )
    os.environ.update(RAY_AUTH_MODE="token", RAY_USAGE_STATS_ENABLED="0")
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        # One of this run's own: Ray would write one for all runs, which other users can read.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    return ray


def _start_ray(ray: Any, nodes: int) -> None:
    """Without dashboard or a large object store."""
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            object_store_memory=OBJECT_STORE_BYTES,
            # Ray has as many processes waiting as it counts CPUs: one for each node saves a second.
            num_cpus=max(nodes, os.cpu_count() or 1),
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:
        raise SixsenseError(
            f"Ray did not start: {type(error).__name__}: {error}; `sixsense doctor` checks what it needs, "
            "and --local runs without it"
        ) from error
