"""In-process: every node in a thread of this process, with the same sockets as on Ray."""

import threading
import time
from collections.abc import Sequence

from .shell import Shell
from .spec import NodeSpec
from .table import make_node


def run_node(spec: NodeSpec, supervisor: str, directory: str) -> None:
    """Run one node to its end, in whatever thread or process this is."""
    epoch = time.time_ns()
    Shell(make_node(spec, epoch), spec, supervisor, epoch, directory).run()


class LocalRunner:
    """Starts nodes as threads. They end when the supervisor says that the run is over."""

    def __init__(self, supervisor: str, directory: str) -> None:
        self._supervisor, self._directory = supervisor, directory
        self._threads: list[threading.Thread] = []

    def start(self, specs: Sequence[NodeSpec]) -> None:
        for spec in specs:
            args = (spec, self._supervisor, self._directory)
            thread = threading.Thread(target=run_node, args=args, name=spec.name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Wait until every node has ended."""
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
