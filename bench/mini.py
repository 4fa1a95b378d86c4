"""Everything in the shipped model's table, measured anew: real and simulated, held out, with 95 % intervals.

`python bench/mini.py SHARED BUILD [PART ...] [--model FILE]`, where `make mini` made the model in BUILD (and
keeps there what vision training said, as vision.log). The first time, sound and motion towers are trained
without what they are measured on. Progress goes to stderr, Markdown to stdout.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import mini_pairs
import mini_real
import mini_simulated
import torch
from mini_held_out import held_out_model
from mini_rows import Given, Row, table, tell
from mini_speed import speed
from sixsense import load_model
from sixsense.encoders.bind.trainer import Advance
from sixsense.encoders.checkpoint import find_checkpoint

PARTS: dict[str, Callable[[Given], Iterator[Row]]] = {
    "sounds": mini_real.sounds,
    "activities": mini_real.activities,
    "things": mini_real.things,
    "animals": mini_real.animals,
    "shared": mini_pairs.concepts_heard_and_seen,
    "road": mini_pairs.road,
    "kitchen": mini_pairs.kitchen,
    "texts": mini_pairs.said_otherwise,
    "worlds-heard": mini_simulated.worlds_heard,
    "worlds-felt": mini_simulated.worlds_felt,
    "worlds-seen": mini_simulated.worlds_seen,
    "synthesised": mini_simulated.synthesised,
    "demo": mini_simulated.demo,
}
SPEED = "speed"


def measured(given: Given, parts: Sequence[str]) -> Iterator[Row]:
    """The rows of those parts."""
    for name in parts:
        began = time.process_time()
        yield from PARTS[name](given)
        tell(f"{name}: {time.process_time() - began:.0f} CPU seconds")


def _report(advance: Advance) -> None:
    tell(f"{advance.step}/{advance.steps}  loss {advance.loss:.3f}  {advance.left_s / 60:.1f} min left")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python bench/mini.py", description=__doc__)
    parser.add_argument("shared", type=Path, help="the folder of data sets and teachers")
    parser.add_argument("build", type=Path, help="the folder that `make mini` made the model in")
    every = [*PARTS, SPEED]
    parser.add_argument(
        "parts", nargs="*", choices=[[], *every], metavar="PART", help=f"of {', '.join(every)}; all of them"
    )
    parser.add_argument("--model", help="by default BUILD/mini.safetensors")
    given = parser.parse_intermixed_args(arguments)
    torch.set_num_threads(1)
    whole = find_checkpoint(given.model or given.build / "mini.safetensors").weights
    held_out = held_out_model(whole, given.shared, given.build, _report)
    models = load_model(whole, device="cpu"), load_model(held_out, device="cpu")
    parts = given.parts or every
    rows = measured(Given(*models, given.shared, given.build), [name for name in parts if name in PARTS])
    for line in table(rows):
        print(line, flush=True)
    if SPEED in parts:
        print("\n".join(["", *speed(models[0])]))


if __name__ == "__main__":
    main(sys.argv[1:])
