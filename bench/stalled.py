"""Does a subscriber that stops reading cost the service anything? Blocks with and without one, interleaved.

Each pair of blocks gives the ratio of the p50 latency (sense to fused) and of the service's CPU; an A/A run
(both blocks without) says how fine such a comparison is here. Before a block with one, its queues fill for
25 s, so that the service really drops for it. Run: `python bench/stalled.py [PAIRS] [BLOCK_S]`.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
os.environ["PYTHONPATH"] = str(Path(__file__).parent)

import zmq
from pipeline import plan
from sixsense.fusion.fused import Fused
from sixsense.launch.service import Output, Service
from sixsense.nodes.wire.status import Status

PAIRS, BLOCK_S = 10, 5.0
FILL_S = 25
Figure = tuple[float, float]
"""p50 latency in milliseconds and CPU seconds of one block."""


class Blocks:
    """Cuts a running service's outputs into blocks."""

    def __init__(self, outputs: Iterator[Output], seconds: float) -> None:
        self._outputs, self._seconds = outputs, seconds
        self._cpu_s = 0.0
        self._until_status()

    def block(self) -> Figure:
        """The next block; statuses, which carry the CPU, are its edges."""
        before, latencies, statuses = self._cpu_s, list[float](), 0
        while statuses < self._seconds:
            output = next(self._outputs)
            if isinstance(output, Fused) and "sense" in output.trace:
                latencies.append((output.trace["fuse"] - output.trace["sense"]) / 1e6)
            if isinstance(output, Status):
                self._cpu_s, statuses = _cpu_s(output), statuses + 1
        return float(np.median(latencies)), self._cpu_s - before

    def skip(self, statuses: int) -> None:
        """Let so many seconds pass."""
        for _ in range(statuses):
            self._until_status()

    def _until_status(self) -> None:
        while not isinstance(output := next(self._outputs), Status):
            pass
        self._cpu_s = _cpu_s(output)


def _cpu_s(status: Status) -> float:
    return sum(node.cpu_s for node in status.nodes)


def stalled(endpoint: str) -> "zmq.Socket[bytes]":
    """A subscriber of everything that never reads, with the smallest queue of its own."""
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 1)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.connect(endpoint)
    return socket


def compare(blocks: Blocks, endpoint: str, pairs: int, *, with_one: bool) -> list[tuple[float, float]]:
    """Ratios (second block over first) of latency and CPU; the order alternates."""
    ratios: list[tuple[float, float]] = []
    for pair in range(pairs):
        figures: dict[bool, Figure] = {}
        for loaded in (pair % 2 == 0, pair % 2 != 0):
            socket = stalled(endpoint) if loaded and with_one else None
            blocks.skip(FILL_S if socket else 1)
            figures[loaded] = blocks.block()
            if socket is not None:
                socket.close()
        ratios.append(tuple(figures[True][i] / figures[False][i] for i in (0, 1)))  # type: ignore[arg-type]
        print(f"# {'with' if with_one else 'A/A'} {ratios[-1]}", file=sys.stderr)
    return ratios


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Median of the paired ratios, and its 95 % interval by bootstrap."""
    rng = np.random.default_rng(0)
    draws = np.median(rng.choice(ratios, (4000, len(ratios))), axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(np.median(ratios)), float(low), float(high)


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    block_s = float(sys.argv[2]) if len(sys.argv) > 2 else BLOCK_S
    with tempfile.TemporaryDirectory() as folder:
        seconds = pairs * (4 * (block_s + 2) + FILL_S) + 30
        endpoint = f"ipc://{folder}/results"
        with Service(plan(folder, seconds)) as service:
            blocks = Blocks(service.outputs(timeout_s=60), block_s)
            blocks.block()
            rows = {
                "with / without": compare(blocks, endpoint, pairs, with_one=True),
                "A/A": compare(blocks, endpoint, pairs, with_one=False),
            }
    print("| comparison | p50 latency | CPU |\n|---|---|---|")
    figures: dict[str, list[list[float]]] = {}
    for name, ratios in rows.items():
        both = [interval([ratio[i] for ratio in ratios]) for i in (0, 1)]
        print(
            f"| {name} | " + " | ".join(f"{m:.3f} ({low:.3f} to {high:.3f})" for m, low, high in both) + " |"
        )
        figures[name] = [[round(x, 4) for x in row] for row in both]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
