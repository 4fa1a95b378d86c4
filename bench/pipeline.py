"""Where time goes: one rig of synthetic sensors through the service on Ray, to a subscriber elsewhere.

Prints latency by stage and end to end, CPU by node, beside a raw ZeroMQ hop and a Ray call of the same run.
Run it as `make bench`, or `python bench/pipeline.py [SECONDS]`.
"""

import json
import multiprocessing as mp
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
os.environ["PYTHONPATH"] = str(Path(__file__).parent)

import hops
import msgspec
from rig import RATES, Rig
from sixsense import Subscriber
from sixsense.encoders.card import read_card
from sixsense.launch.plan import plan_source
from sixsense.launch.schema import Config, Endpoints
from sixsense.launch.service import Service
from sixsense.nodes.spec import Plan, SourceSpec
from sixsense.nodes.wire.status import Status

SECONDS = 30.0
WARM_S = 5.0
STAGES = ("sense", "ingest", "window", "encode", "fuse", "publish", "receive")
RAY_CALLS = 300


def plan(folder: str, seconds: float) -> Plan:
    """The plan of a rig of synthetic payloads."""
    config = Config(
        robot="rig", endpoints=Endpoints(results=f"ipc://{folder}/results", control=f"ipc://{folder}/control")
    )
    source = SourceSpec(driver="rig:Rig", options={}, streams=Rig().streams)
    return plan_source(config, source, seconds=seconds)


def watch(endpoint: str, out: Any) -> None:
    """A subscriber's process: the trace of every fused vector, with its arrival on the shared clock."""
    traces: list[dict[str, int]] = []
    with Subscriber(endpoint, "fused", timeout=20) as fused:
        try:
            for message in fused:
                traces.append(message.trace | {"receive_monotonic": time.monotonic_ns()})
        except TimeoutError:
            out.send(traces)


def run(seconds: float) -> tuple[list[dict[str, int]], Status, list[float]]:
    """Run the service; the subscriber's traces, the final status, one Ray call's microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = mp.Pipe()
        watcher = mp.get_context("spawn").Process(target=watch, args=(f"ipc://{folder}/results", theirs))
        watcher.start()
        with Service(plan(folder, seconds), say=lambda text: print(f"# {text}", file=sys.stderr)) as service:
            final = [o for o in service.outputs(timeout_s=60) if isinstance(o, Status)][-1]
            offset_ns = service.offset_ns
            calls = ray_calls()
        traces = ours.recv()
        watcher.join()
    for trace in traces:
        trace["receive"] = trace.pop("receive_monotonic") + offset_ns
    return traces, final, calls


def ray_calls() -> list[float]:
    """One-way microseconds of an actor call that carries one JPEG of the rig."""
    import ray

    class Receiver:
        def take(self, sent_ns: int, _: bytes) -> float:
            return (time.monotonic_ns() - sent_ns) / 1000

    actor = ray.remote(Receiver).options(num_cpus=0).remote()
    jpeg = hops.sample_of("camera").data.tobytes()
    times = [ray.get(actor.take.remote(time.monotonic_ns(), jpeg)) for _ in range(RAY_CALLS)]
    ray.kill(actor)
    return times[20:]


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    before = hops.measure()
    traces, final, calls = run(seconds + WARM_S)
    after = hops.measure()
    both = {kind: {s: before[kind][s][20:] + after[kind][s][20:] for s in RATES} for kind in ("raw", "ours")}
    report(steady(traces), final, both, calls, seconds + WARM_S)


def steady(traces: list[dict[str, int]]) -> list[dict[str, int]]:
    """The traces after warming up that passed every stage."""
    whole = [trace for trace in traces if all(stage in trace for stage in STAGES)]
    first = min(trace["sense"] for trace in whole)
    return [trace for trace in whole if trace["sense"] - first > WARM_S * 1e9]


def report(
    traces: list[dict[str, int]], final: Status, both: hops.Times, calls: list[float], seconds: float
) -> None:
    """Print the tables, as Markdown, then everything as one JSON line."""
    figures: dict[str, Any] = {"hop_us": {}, "stage_ms": {}, "cpu_percent": {}}
    print(f"One hop, one-way microseconds, {len(both['raw']['camera'])} messages each, alternating\n")
    print("| message | bytes | raw p50 | raw p99 | ours p50 | ours p99 | ratio p50 |")
    print("|---|---|---|---|---|---|---|")
    for stream in RATES:
        raw, ours = (np.percentile(both[kind][stream], [50, 99]) for kind in ("raw", "ours"))
        size = hops.sample_of(stream).data.nbytes
        print(
            f"| {stream} | {size} | {raw[0]:.0f} | {raw[1]:.0f} | {ours[0]:.0f} | {ours[1]:.0f} |"
            f" {ours[0] / raw[0]:.2f} |"
        )
        figures["hop_us"][stream] = [*raw.round(1), *ours.round(1)]
    call = np.percentile(calls, [50, 99])
    figures["ray_call_us"] = list(call.round(1))
    print(f"\nOne Ray actor call with the camera's {hops.sample_of('camera').data.nbytes} bytes:")
    print(f"p50 {call[0]:.0f} us, p99 {call[1]:.0f} us\n")
    print(f"One rig live on Ray with {read_card('mini').name}, {len(traces)} ticks: milliseconds by stage\n")
    print("| stage | p50 | p99 |\n|---|---|---|")
    for before, after in [*pairwise(STAGES), ("sense", "receive")]:
        values = [(trace[after] - trace[before]) / 1e6 for trace in traces]
        p50, p99 = np.percentile(values, [50, 99])
        print(f"| {before} to {after} | {p50:.2f} | {p99:.2f} |")
        figures["stage_ms"][f"{before}-{after}"] = [round(p50, 3), round(p99, 3)]
    print("\n| node | CPU, % of a core |\n|---|---|")
    for node in final.nodes:
        percent = 100 * node.cpu_s / seconds
        print(f"| {node.name} | {percent:.1f} |")
        figures["cpu_percent"][node.name] = round(percent, 1)
    lost = {name: c.lost_in_transport for name, c in final.streams.items() if c.lost_in_transport}
    figures["lost"], figures["late"] = lost, {n: c.late for n, c in final.streams.items() if c.late}
    print(f"\nlost: {lost or 'nothing'}; ticks {msgspec.to_builtins(final.ticks)}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
