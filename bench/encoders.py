"""How fast the full-size ImageBind runs on one CPU thread, beside a plain one and the machine's floor.

One trunk of the released architecture at a time, on random weights. Plain, `exact` and `fast` calls alternate
in one process; medians, with what each precision changes beside its speed. The floor is the longer of the
trunk's multiply-adds at the rate of packed products of its shape and of reading its weights once, both
measured here.

    python bench/encoders.py [--modalities vision,text] [--batch 1,4] [--repetitions 7] [--isa AVX2]

`--isa` keeps oneDNN and PyTorch from using newer instructions, as on a CPU that has none: then `fast` must
not be slower than `exact`.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import torch
from plain import PlainTrunk
from sixsense.encoders.architecture import HUGE
from sixsense.encoders.packed import PackedLinear
from sixsense.encoders.precision import apply_precision, has_bfloat16_units
from torch.nn import functional as F
from trunks import TOKENS, gflop, inputs, medians, network_of, random_state, used_tokens

READ_BYTES = 400_000_000
PRODUCTS = 8
DTYPES = {"exact": torch.float32, "fast": torch.bfloat16 if has_bfloat16_units() else torch.float32}
CPU = torch.device("cpu")


class Floor(NamedTuple):
    """GFLOP of one batch as a plain model computes it and as is needed; its milliseconds by dtype."""

    plain_gflop: float
    needed_gflop: float
    weights_mb: float
    ms: dict[str, float]


class Row(NamedTuple):
    """One line of the report: median milliseconds a batch, and differences to plain."""

    modality: str
    batch: int
    floor: Floor
    ms: dict[str, float]
    exact_difference: float
    fast_cosine: float


def products(modality: str, batch: int, dtype: torch.dtype) -> Callable[[], object]:
    """PRODUCTS packed products of a trunk's shape, (rows, width) by (width, 4 width), on the same weights."""
    width, rows = HUGE.trunks[modality].width, batch * used_tokens(modality)
    layer = PackedLinear(torch.randn(4 * width, width), torch.zeros(4 * width), dtype)
    x = torch.randn(rows, width).to(dtype)
    return lambda: [layer(x) for _ in range(PRODUCTS)]


def floor_of(modality: str, batch: int, ms: dict[str, float]) -> Floor:
    """What has to be computed and read, at the rates that the products and the reading of `ms` give."""
    width, blocks, _ = HUGE.trunks[modality]
    rows, numbers = batch * used_tokens(modality), 12 * width**2 * blocks
    needed = batch * gflop(modality, used_tokens(modality), needed=True)
    least: dict[str, float] = {}
    for name, dtype in DTYPES.items():
        computing = ms[f"{name} products"] * needed / (8e-9 * PRODUCTS * rows * width**2)
        least[name] = max(computing, ms["read"] * numbers * dtype.itemsize / READ_BYTES)
    plain = batch * gflop(modality, TOKENS[modality], needed=False)
    return Floor(plain, needed, 4e-6 * numbers, least)


def measure(modality: str, batches: list[int], repetitions: int) -> Iterator[Row]:
    """One trunk's rows. Only this trunk is in memory: as plain, packed in float32, packed in bfloat16."""
    state = random_state(modality)
    plain = PlainTrunk(network_of(state, modality), modality)
    exact, fast = (network_of(state, modality) for _ in range(2))
    apply_precision(exact, "exact", CPU)
    apply_precision(fast, "fast", CPU)
    numbers = torch.ones(READ_BYTES // 4)
    for batch in batches:
        x = inputs(modality, batch)
        expected, same, near = plain(x), *(F.normalize(n(modality, x), dim=1) for n in (exact, fast))
        calls: dict[str, Callable[[], object]] = {
            "plain": lambda x=x: plain(x),
            "exact": lambda x=x: exact(modality, x),
            "fast": lambda x=x: fast(modality, x),
            "read": numbers.sum,
        }
        calls |= {f"{name} products": products(modality, batch, dtype) for name, dtype in DTYPES.items()}
        ms = medians(calls, repetitions)
        yield Row(
            modality,
            batch,
            floor_of(modality, batch, ms),
            ms,
            float((same - expected).abs().max()),
            float(F.cosine_similarity(near.double(), same.double()).min()),
        )


HEADER = (
    "| trunk | batch | GFLOP plain / needed | weights, MB fp32 | plain, ms | exact, ms | max diff |"
    " fast, ms | 1 - cosine | exact over floor | fast over floor |\n|" + "---|" * 11
)


def line(row: Row) -> str:
    """One row of the Markdown table under HEADER."""
    ms, floor = row.ms, row.floor
    exact, fast = (f"{ms[name]:.0f} (x{ms['plain'] / ms[name]:.2f})" for name in ("exact", "fast"))
    over = [f"{ms[name] / floor.ms[name]:.2f} ({floor.ms[name]:.0f} ms)" for name in ("exact", "fast")]
    return (
        f"| {row.modality} | {row.batch} | {floor.plain_gflop:.1f} / {floor.needed_gflop:.1f} |"
        f" {floor.weights_mb:.0f} | {ms['plain']:.0f} | {exact} | {row.exact_difference:.0e} | {fast} |"
        f" {1 - row.fast_cosine:.0e} | {over[0]} | {over[1]} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--modalities", default=",".join(HUGE.trunks), help="of the six, by comma")
    parser.add_argument("--batch", default="1", help="batch sizes, by comma")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--isa", choices=["AVX2", "AVX512_CORE"], help="the newest instructions to use")
    options = parser.parse_args()
    limited = {
        "ONEDNN_MAX_CPU_ISA": options.isa,
        "ATEN_CPU_CAPABILITY": str(options.isa).split("_")[0].lower(),
    }
    if options.isa and os.environ.get("ONEDNN_MAX_CPU_ISA") != options.isa:
        # Both are read when torch is imported.
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | limited)
    torch.set_num_threads(1)
    batches = [int(batch) for batch in options.batch.split(",")]
    print(f"One thread, torch {torch.__version__}, medians of {options.repetitions}\n\n{HEADER}", flush=True)
    rows: list[Row] = []
    for modality in options.modalities.split(","):
        for row in measure(modality, batches, options.repetitions):
            rows.append(row)
            print(line(row), flush=True)
    print(json.dumps([row._asdict() | {"floor": row.floor._asdict()} for row in rows]))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
