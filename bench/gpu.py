"""ImageBind on a GPU: each modality against a plain one, a rig's senses live, how many rigs one card serves.

The released architecture on random weights. Plain, `exact` and `fast` take batches from the host and give
vectors to it, in turn in one process; medians. Beside them the share of the rate at which this card
multiplies bfloat16 matrices, measured in the same run.

    python bench/gpu.py [--seconds 60] [--repetitions 9]
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import torch
from gpu_ready import obstacle
from gpu_rigs import ORDER, RIGS, live, loads, moments, served
from plain import PlainTrunk
from sixsense.encoders.accelerated import Accelerated
from sixsense.encoders.architecture import HUGE, Architecture, Trunk
from sixsense.encoders.card import DEFAULT_WINDOWS, ModelCard
from sixsense.encoders.model import Model
from sixsense.encoders.precision import PACKED_WIDTH, apply_precision
from torch import Tensor
from torch.nn import functional as F
from trunks import gflop, inputs, medians, network_of, random_state

TINY = Architecture(32, {name: Trunk(PACKED_WIDTH, 1, 4) for name in HUGE.trunks}, vocabulary=300)
"""Runs in seconds on a CPU: what is measured then says nothing."""
SIDE, PRODUCTS = 8192, 10
GOAL_IMAGE_MS, GOAL_SHARE, GOAL_P99_MS = 3.0, 0.6, 15.0
TOKENS = {"vision": 257, "text": 13, "audio": 229, "depth": 197, "thermal": 197, "imu": 251}


class Row(NamedTuple):
    """One modality at one batch: median milliseconds of each way, their differences, and the share of the
    matrix rate that `fast` reaches with what it has to compute."""

    modality: str
    batch: int
    ms: dict[str, float]
    exact_difference: float
    fast_cosine: float
    share: float


def matrix_tflops(device: torch.device, side: int = SIDE) -> float:
    """Square bfloat16 products of random numbers: TFLOP/s, the median of three runs."""
    a, b = (torch.randn(side, side, device=device).bfloat16() for _ in range(2))

    def multiply() -> None:
        for _ in range(PRODUCTS):
            torch.mm(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return PRODUCTS * 2 * side**3 / (medians({"mm": multiply}, 3)["mm"] * 1e9)


def networks(
    modality: str, device: torch.device, architecture: Architecture
) -> tuple[PlainTrunk, Accelerated, Accelerated]:
    """The plain one, `exact` and `fast`, of the same random weights, all on the device."""
    state = random_state(modality, architecture)
    there = {key: value.to(device) for key, value in state.items()}
    plain = PlainTrunk(network_of(there, modality, architecture), modality)
    exact, fast = (network_of(state, modality, architecture) for _ in range(2))
    apply_precision(exact, "exact", device)
    apply_precision(fast, "fast", device)
    return plain, Accelerated(exact, device), Accelerated(fast, device)


def measure(
    modality: str,
    batches: list[int],
    device: torch.device,
    tflops: float,
    *,
    architecture: Architecture,
    repetitions: int,
) -> Iterator[Row]:
    """One trunk's rows."""
    plain, exact, fast = networks(modality, device, architecture)
    for batch in batches:
        x = inputs(modality, batch, architecture.vocabulary)

        def on_the_device(x: Tensor = x) -> Tensor:
            return plain(x.to(device)).cpu()

        calls: dict[str, Callable[[], Tensor]] = {
            "plain": on_the_device,
            "exact": lambda x=x: exact(modality, x),
            "fast": lambda x=x: fast(modality, x),
        }
        expected, same, near = (F.normalize(call(), dim=1).double() for call in calls.values())
        ms = medians(dict(calls), repetitions)
        needed = batch * gflop(modality, TOKENS[modality], True, architecture)
        yield Row(
            modality,
            batch,
            ms,
            float((same - expected).abs().max()),
            float(F.cosine_similarity(near, expected).min()),
            needed / ms["fast"] / tflops,
        )


HEADER = (
    "| trunk | batch | plain, ms | exact, ms | max diff | fast, ms | 1 - cosine | share of matrix rate |\n"
    "|---|---|---|---|---|---|---|---|"
)


def line(row: Row) -> str:
    """One row of the Markdown table under HEADER."""
    exact, fast = (f"{row.ms[n]:.2f} (x{row.ms['plain'] / row.ms[n]:.1f})" for n in ("exact", "fast"))
    return (
        f"| {row.modality} | {row.batch} | {row.ms['plain']:.2f} | {exact} | {row.exact_difference:.0e} |"
        f" {fast} | {1 - row.fast_cosine:.0e} | {100 * row.share:.1f} % |"
    )


def models(device: torch.device, architecture: Architecture) -> dict[str, Model]:
    """`fast` models of the five live modalities."""
    made: dict[str, Model] = {}
    for modality in ORDER:
        network = network_of(random_state(modality, architecture), modality, architecture)
        precision = apply_precision(network, "fast", device)
        card = ModelCard(
            name="random",
            space_id="random",
            dim=architecture.dim,
            trained=False,
            modalities=(modality,),
            windows={modality: DEFAULT_WINDOWS[modality]},
            means={},
            backgrounds={},
        )
        made[modality] = Model(Accelerated(network, device), card, device, Path("none"), precision)
    return made


def verdict(what: str, value: float, goal: float, unit: str, *, least: bool = False) -> str:
    """A line that says whether a goal was met."""
    met = value >= goal if least else value <= goal
    bound = ">=" if least else "<="
    return f"{'met   ' if met else 'MISSED'} {what}: {value:.3g} {unit} (goal {bound} {goal:g})"


def run(
    device: torch.device, architecture: Architecture, *, batches: list[int], seconds: float, repetitions: int
) -> dict[str, object]:
    """Everything, printed as it is known; and once more, to be kept."""
    tflops = matrix_tflops(device, SIDE if architecture is HUGE else 64)
    print(f"bfloat16 matrix products: {tflops:.3g} TFLOP/s\n\n{HEADER}", flush=True)
    rows: list[Row] = []
    for modality in architecture.trunks:
        for row in measure(
            modality, batches, device, tflops, architecture=architecture, repetitions=repetitions
        ):
            rows.append(row)
            print(line(row), flush=True)
    five, day = models(device, architecture), moments(8)
    latencies = live(five, day, seconds)
    print(f"\nOne rig, {seconds:g} s at its hops, windows closed to vectors on the host, ms:")
    for name, latency in latencies.items():
        print(
            f"  {name:<11} p50 {latency.p50:.2f}  p99 {latency.p99:.2f}  worst {latency.worst:.2f}",
            flush=True,
        )
    found = loads(five, day, RIGS[-1] if architecture is HUGE else 1, min(3, repetitions))
    for load in found:
        print(f"  {load.rigs:>4} rigs: {load.ms:.1f} ms a hop, of which the host {load.host_ms:.1f}")
    whole, without = served(found)
    print(
        f"  one card serves {whole:.0f} rigs with one thread preparing, {without:.0f} if that costs nothing\n"
    )
    vision = {row.batch: row for row in rows if row.modality == "vision"}
    print(verdict("one picture at batch 1", vision[batches[0]].ms["fast"], GOAL_IMAGE_MS, "ms"))
    share = vision[batches[-1]].share
    print(verdict(f"pictures at batch {batches[-1]}", share, GOAL_SHARE, "of the matrix rate", least=True))
    print(verdict("p99 of one rig", latencies["together"].p99, GOAL_P99_MS, "ms"), flush=True)
    return {
        "tflops": tflops,
        "rows": [row._asdict() for row in rows],
        "live": {name: latency._asdict() for name, latency in latencies.items()},
        "loads": [load._asdict() for load in found],
        "served": [whole, without],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long the rig senses")
    parser.add_argument("--repetitions", type=int, default=9)
    options = parser.parse_args()
    if why := obstacle():
        sys.exit(why)
    device = torch.device("cuda")
    name, torch_version = torch.cuda.get_device_name(device), torch.__version__
    print(f"{name}, torch {torch_version}, CUDA {torch.version.cuda}", flush=True)
    torch.set_num_threads(1)
    found = run(device, HUGE, batches=[1, 8, 64], seconds=options.seconds, repetitions=options.repetitions)
    print(json.dumps({"device": name, "torch": torch_version} | found))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
