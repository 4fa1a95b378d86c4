"""How fast one rig's log is replayed with `mini`, encoders included, on Ray: times real time, CPU by node.

The log is what the recorder writes of a rig's messages. On a machine that does other things too, CPU seconds
a second of log say more than the time: two cores reach three times real time below 0.67 altogether, and
below 0.33 for the busiest node.
`python bench/replay.py [SECONDS [BLOCKS]]`
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from rig import RATES, Rig
from sixsense.encoders.card import read_card
from sixsense.launch.plan import plan_replay
from sixsense.launch.running import NOWHERE
from sixsense.launch.schema import Config
from sixsense.launch.service import Service
from sixsense.nodes.record import Recorder, head_of
from sixsense.nodes.spec import RecordSpec
from sixsense.nodes.wire.status import Status
from sixsense.sensors.sample import NS, End, Sample

SECONDS, BLOCKS = 30.0, 3
START_NS = 1_700_000_040 * NS


def record(path: Path, seconds: float) -> None:
    """Write a log of so many seconds of the rig, flushed each second."""
    rig, end_ns, flushed_ns = Rig(START_NS), START_NS + round(seconds * NS), START_NS
    spec = RecordSpec(path=str(path), streams=rig.streams, plan="{}", keep_free_bytes=0)
    recorder = Recorder(spec, head_of(spec, "rig", START_NS, 0))
    recorder.open(START_NS)
    for event in rig.events(1):
        if isinstance(event, Sample) and event.end_ns > end_ns:
            break
        recorder.put_event(event)
        if isinstance(event, Sample) and event.end_ns - flushed_ns >= NS:
            flushed_ns = event.end_ns
            recorder.flush(flushed_ns)
    for stream in RATES:
        recorder.put_event(End(stream=stream, epoch=1, items=0))
    recorder.close()


def replay(path: Path) -> tuple[float, dict[str, float], Status]:
    """Seconds from the first result to the last, CPU seconds of each node since the run began."""
    config = Config(robot="rig", endpoints=NOWHERE)
    with Service(plan_replay(config, str(path), rate=None)) as service:
        first_s = last_s = None
        for output in service.outputs(timeout_s=600):
            now_s = time.monotonic()
            first_s = now_s if first_s is None and not isinstance(output, Status) else first_s
            if isinstance(output, Status) and output.final:
                final = output
                break
            last_s = now_s if not isinstance(output, Status) else last_s
    assert first_s is not None
    assert last_s is not None
    return last_s - first_s, {node.name: node.cpu_s for node in final.nodes}, final


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    blocks = int(sys.argv[2]) if len(sys.argv) > 2 else BLOCKS
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    walls: list[float] = []
    cpus: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rig.mcap"
        record(path, seconds)
        size = path.stat().st_size
        for _ in range(blocks):
            wall, cpu, final = replay(path)
            walls.append(wall)
            cpus.append(cpu)
            lost = {name: c.lost_in_transport for name, c in final.streams.items() if c.lost_in_transport}
            print(f"# {seconds / wall:.2f}x, {sum(cpu.values()):.1f} s of CPU, lost {lost}", file=sys.stderr)
    per_s = {name: statistics.median(cpu[name] for cpu in cpus) / seconds for name in cpus[0]}
    model = read_card(Config().model).name
    rate = size / 1e6 / seconds
    print(f"One rig's log of {seconds:g} s, {rate:.1f} MB/s, replayed with {model}, {blocks} times\n")
    print("| node | CPU seconds a second of log |\n|---|---|")
    for name, value in per_s.items():
        print(f"| {name} | {value:.3f} |")
    print(f"| **all** | **{sum(per_s.values()):.3f}** |")
    speed, load = seconds / statistics.median(walls), os.getloadavg()[0]
    by_cpu = min(2 / sum(per_s.values()), 1 / max(per_s.values()))
    print(f"\n{speed:.2f} times real time, load {load:.1f} when it ended; {by_cpu:.1f} by the CPU")
    print(json.dumps({"times_real_time": round(speed, 2), "by_cpu": round(by_cpu, 2)}))


if __name__ == "__main__":
    main()
