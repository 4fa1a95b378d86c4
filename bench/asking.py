"""Does adding and removing queries make ticks late? Seconds with and without, interleaved, on a live service.

`python bench/asking.py [PAIRS] [BLOCK_S]`: a simulated microphone, `mini`, live. In every other block a
client adds and removes a text all the time. Each pair of blocks gives the difference of the median and of the
95th percentile of ticks' lateness (the fused vector's time less its stamp); an A/A run, without a client,
says how fine such a comparison is here.
"""

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from sixsense.fusion.fused import Fused
from sixsense.fusion.query import Query, Term
from sixsense.launch.plan import plan_run
from sixsense.launch.schema import Config, Endpoints, SimulatedSensor
from sixsense.launch.service import Output, Service
from sixsense.nodes.wire.control import ControlClient
from sixsense.nodes.wire.status import Status

PAIRS, BLOCK_S, EVERY_S = 12, 5.0, 0.25


@contextmanager
def asking(control: str, asked: list[int]) -> Iterator[None]:
    """A client that adds and removes one query all the time; `asked` gets how often it did."""
    stop = threading.Event()

    def ask() -> None:
        with ControlClient(control, timeout=20) as client:
            while not stop.wait(EVERY_S / 2):
                client.watch(Query(name="now and then", terms=(Term(text="a dog barks"),)))
                stop.wait(EVERY_S / 2)
                client.unwatch("now and then")
                asked[0] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def block(outputs: Iterator[Output], seconds: float) -> np.ndarray:
    """Lateness of the ticks of so many seconds, in ms: float (n,)."""
    late: list[float] = []
    statuses = 0
    while statuses < seconds:
        output = next(outputs)
        statuses += isinstance(output, Status)
        if isinstance(output, Fused) and "fuse" in output.trace:
            late.append((output.trace["fuse"] - output.stamp_ns) / 1e6)
    return np.array(late)


def compare(
    outputs: Iterator[Output], control: str, pairs: int, seconds: float, with_client: bool
) -> tuple[np.ndarray, int]:
    """Differences (pairs, 2) of median and 95th percentile, and how often was asked; orders alternate."""
    rows: list[np.ndarray] = []
    asked = [0]
    for pair in range(pairs):
        figures: dict[bool, np.ndarray] = {}
        for loaded in (pair % 2 == 0, pair % 2 != 0):
            with ExitStack() as stack:
                if loaded and with_client:
                    stack.enter_context(asking(control, asked))
                block(outputs, 1)
                figures[loaded] = np.percentile(block(outputs, seconds), [50, 95])
        rows.append(figures[True] - figures[False])
    return np.stack(rows), asked[0]


def said(values: np.ndarray) -> str:
    """Median of the paired differences, and its 95 % interval by bootstrap."""
    drawn = np.median(np.random.default_rng(0).choice(values, (4000, len(values))), axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{np.median(values):+.2f} ms ({low:+.2f} to {high:+.2f})"


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else BLOCK_S
    with tempfile.TemporaryDirectory() as folder:
        endpoints = Endpoints(results=f"ipc://{folder}/results", control=f"ipc://{folder}/control")
        sensor = SimulatedSensor(streams=("microphone",))
        with Service(
            plan_run(Config(robot="asking", sensor=(sensor,), endpoints=endpoints)), local=True
        ) as one:
            outputs = one.outputs(timeout_s=60)
            next(output for output in outputs if isinstance(output, Fused))
            print(
                f"without anybody: p50 and p95 {np.percentile(block(outputs, seconds), [50, 95]).round(1)} ms"
            )
            for name, with_client in (("with - without", True), ("A/A", False)):
                rows, asked = compare(outputs, endpoints.control, pairs, seconds, with_client)
                print(
                    f"{name}: median {said(rows[:, 0])}, p95 {said(rows[:, 1])}; asked {asked} times",
                    flush=True,
                )


if __name__ == "__main__":
    main()
