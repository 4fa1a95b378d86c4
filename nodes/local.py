"""In-process: every node in a thread of this process, with the same sockets as on Ray."""

import threading
import time
from collections.abc import Sequence
from functools import partial

from .shell import Shell
from .spec import NodeSpec
from .table import make_node


def run_node(spec: NodeSpec, supervisor: str, directory: str, *, alone: bool) -> bool:
    """Run one node to its end in this thread; `alone` says that the process is all its own.

    False when it crashed, which it has reported.
    """
    # Later at every start on this machine, whatever is done to the wall clock.
    epoch = time.monotonic_ns()
    return Shell(make_node(spec, epoch), spec, supervisor, epoch, directory, alone=alone).run()


class LocalRunner:
    """Starts nodes as threads. They end when the supervisor says that the run is over."""

    def __init__(self, supervisor: str, directory: str) -> None:
        self._supervisor, self._directory = supervisor, directory
        self._threads: list[threading.Thread] = []

    def start(self, specs: Sequence[NodeSpec]) -> None:
        for spec in specs:
            run = partial(run_node, spec, self._supervisor, self._directory, alone=False)
            thread = threading.Thread(target=run, name=spec.name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Wait until every node has ended."""
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
