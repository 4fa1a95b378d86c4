"""What recording costs: one rig of synthetic sensors on Ray with and without a recorder, in turns.

Prints CPU by node, medians over the turns, and what was dropped. `python bench/record.py [BLOCKS [SECONDS]]`
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ["PYTHONPATH"] = str(Path(__file__).parent)

import pipeline
from sixsense.launch.recording import Recording, with_recorder
from sixsense.launch.service import Service
from sixsense.nodes.wire.status import Status

BLOCKS, SECONDS = 3, 20.0


def block(seconds: float, *, record: bool) -> tuple[dict[str, float], Status, int]:
    """CPU of each node in percent of a core, the final status, and the log's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        plan = pipeline.plan(folder, seconds)
        path = Path(folder) / "rig.mcap"
        if record:
            plan = with_recorder(plan, Recording(path=path, keep_free_bytes=0))
        with Service(plan) as service:
            final = [o for o in service.outputs(timeout_s=60) if isinstance(o, Status)][-1]
        size = path.stat().st_size if record else 0
    return {node.name: 100 * node.cpu_s / seconds for node in final.nodes}, final, size


def main() -> None:
    blocks = int(sys.argv[1]) if len(sys.argv) > 1 else BLOCKS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    measured: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for number in range(2 * blocks):
        record = bool(number % 2)
        cpu, final, size = block(seconds, record=record)
        measured[record].append(cpu | {"all": sum(cpu.values())})
        dropped = {k: v for node in final.nodes for k, v in node.dropped.items()}
        told = f"{size / 1e6 / seconds:.1f} MB/s, " if record else ""
        print(
            f"# {'recording' if record else 'without'}: {told}dropped {dropped or 'nothing'}", file=sys.stderr
        )
    print(f"One rig live on Ray, {blocks} blocks of {seconds:g} s each, CPU in % of a core, medians\n")
    print("| node | without | recording |\n|---|---|---|")
    for name in measured[True][0]:
        without, recording = (
            [cpu[name] for cpu in measured[which] if name in cpu] for which in (False, True)
        )
        before = f"{statistics.median(without):.1f}" if without else ""
        print(f"| {name} | {before} | {statistics.median(recording):.1f} |")


if __name__ == "__main__":
    main()
