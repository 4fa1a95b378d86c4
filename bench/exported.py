"""How fast exported ImageBind trunks run on one CPU thread, in float32 and in 8 bits, beside `exact`.

Trunks of the released widths with `--blocks` blocks each, on random weights; calls alternate in one process;
medians of CPU time, which other programs disturb least, and how near the rows come to those of `exact`.

    python bench/exported.py [--modalities audio,imu] [--blocks 2] [--repetitions 9]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import torch
from sixsense.encoders.architecture import HUGE, Architecture
from sixsense.encoders.export import export_onnx
from sixsense.encoders.onnx import OnnxNetwork
from sixsense.encoders.precision import apply_precision
from torch import Tensor
from torch.nn import functional as F
from trunks import inputs, medians, network_of, random_state

CPU = torch.device("cpu")


class Row(NamedTuple):
    """One trunk: median CPU milliseconds a way at batch 1, least cosines to `exact`, megabytes on disk, and
    what the exporter said of it."""

    modality: str
    ms: dict[str, float]
    cosine: dict[str, float]
    megabytes: dict[str, float]
    said: str


def measure(modality: str, architecture: Architecture, repetitions: int) -> Row:
    """Export a trunk twice and time it three ways."""
    one = architecture.only((modality,))
    state = random_state(modality, architecture)
    network = network_of(state, modality, architecture)
    x = inputs(modality, 1)
    ways: dict[str, Callable[[], Tensor]] = {}
    sizes: dict[str, float] = {}
    said: list[str] = []
    with TemporaryDirectory() as name:
        for way, int8 in (("onnx", False), ("int8", True)):
            folder = Path(name) / way
            export_onnx(network, (modality,), {}, folder, int8=int8, report=said.append)
            sizes[way] = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
            exported = OnnxNetwork(folder, one, {}, CPU)
            ways[way] = lambda exported=exported: exported(modality, x)
        exact = network_of(state, modality, architecture)
        apply_precision(exact, "exact", CPU)
        ways["exact"] = lambda: exact(modality, x)
        rows = {way: F.normalize(call(), dim=1).double() for way, call in ways.items()}
        cosine = {way: float(F.cosine_similarity(rows[way], rows["exact"]).min()) for way in sizes}
        ms = medians(dict(ways), repetitions, time.process_time)
    return Row(modality, ms, cosine, sizes, " ".join(said[2:]))


HEADER = (
    "| trunk | exact, ms | onnx, ms | int8, ms | int8 over onnx | 1 - cosine onnx | int8 | MB onnx | int8 |\n"
    + "|---" * 9
    + "|"
)


def line(row: Row) -> str:
    """One row of the Markdown table under HEADER."""
    ms = row.ms
    onnx, int8 = (f"{ms[way]:.1f} (x{ms['exact'] / ms[way]:.2f})" for way in ("onnx", "int8"))
    apart = " | ".join(f"{1 - row.cosine[way]:.0e}" for way in ("onnx", "int8"))
    sizes = " | ".join(f"{row.megabytes[way]:.0f}" for way in ("onnx", "int8"))
    faster = f"x{ms['onnx'] / ms['int8']:.2f}"
    return (
        f"| {row.modality} | {ms['exact']:.1f} | {onnx} | {int8} | {faster} | {apart} | {sizes} | {row.said}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--modalities", default=",".join(HUGE.trunks), help="of the six, by comma")
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    trunks = {name: trunk._replace(blocks=options.blocks) for name, trunk in HUGE.trunks.items()}
    print(f"One thread, {options.blocks} blocks, medians of {options.repetitions}\n\n{HEADER}", flush=True)
    rows: list[Row] = []
    for modality in options.modalities.split(","):
        rows.append(measure(modality, HUGE._replace(trunks=trunks), options.repetitions))
        print(line(rows[-1]), flush=True)
    print(json.dumps([row._asdict() for row in rows]))


if __name__ == "__main__":
    with torch.inference_mode():
        main()
