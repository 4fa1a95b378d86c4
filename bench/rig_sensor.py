"""What a sensor's machine pays: one rig's live drivers, and publishing what they give, in % of a core.

The devices are synthetic (no rendering), each in a thread of its own as real ones are; the robot is another
process, on the same machine (ipc) or at the other end of TCP on loopback, for which depth and thermal
pictures are made PNG; blocks of both alternate. `python bench/rig_sensor.py [BLOCKS [SECONDS]]`
"""

import json
import multiprocessing as mp
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
os.environ["PYTHONPATH"] = str(Path(__file__).parent)

from rig import INFOS, RATES, payload
from sixsense.launch.sensor import Sending, started
from sixsense.nodes.ingest import Ingest
from sixsense.nodes.spec import IngestSpec, SourceSpec
from sixsense.sensors.clock import Clock, Timeline
from sixsense.sensors.device import Reading
from sixsense.sensors.sample import NS, Sample, StreamInfo

BLOCKS, SECONDS, WARM_S = 3, 15.0, 3.0
ENDPOINTS = {"same machine": "ipc://{folder}/rig", "another machine": "tcp://127.0.0.1:55955"}


class Block(NamedTuple):
    """CPU in % of a core, MB a second, ages at the robot's node in ms, what was lost, by stream."""

    cpu: float
    rate: float
    ages: dict[str, list[float]]
    lost: dict[str, int]


class Steady:
    """A device that gives one stream's prepared payloads at its rate."""

    def __init__(self, *, clock: Clock, name: str) -> None:
        rng = np.random.default_rng(0)
        self._clock, self._name = clock, name
        self._payloads = [payload(name, rng) for _ in range(4)]
        self._next = 0

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return (INFOS[self._name],)

    def open(self) -> None:
        self._opened_ns, self._next = self._clock.now_ns(), 0

    def read(self, timeout_s: float) -> list[Reading]:
        due_ns = self._opened_ns + self._next * NS // RATES[self._name]
        wait_s = (due_ns - self._clock.now_ns()) / NS
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
        if self._clock.now_ns() < due_ns:
            return []
        data = self._payloads[self._next % 4]
        self._next += 1
        stamps = np.array([due_ns, due_ns + NS // 200]) if self._name == "imu" else None
        stamp_ns = due_ns - (NS // 50 if self._name == "microphone" else 0)
        return [Reading(self._name, stamp_ns, INFOS[self._name].encoding, data, stamps)]

    def close(self) -> None:
        """Nothing is held."""

    def counts(self) -> dict[str, dict[str, int]]:
        return {}


def robot(endpoint: str, seconds: float, out: Any) -> None:
    """The robot's process: its ingest node alone; what it received, lost, and how old it was."""
    remote = SourceSpec(driver="remote", options={"name": "rig"}, streams=tuple(INFOS.values()))
    spec = IngestSpec(sources=(remote,), pace=1.0, live=True, seconds=None, endpoint=endpoint)
    node = Ingest("ingest", spec, 1)
    clock = Timeline(time.time_ns() - time.monotonic_ns())
    node.load()
    node.begin(started(clock.now_ns()), clock)
    ages: dict[str, list[float]] = {stream: [] for stream in RATES}
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        for socket, readable in node.sockets().items():
            if socket.poll(10):
                for message in readable():
                    if isinstance(message, Sample):
                        ages[message.stream].append((clock.now_ns() - message.end_ns) / 1e6)
        list(node.wake())
    out.send((ages, {one.stream: one.unsent.get("link", 0) for one in node.report()["produced"]}))
    node.close()


def sensor(endpoint: str, seconds: float, out: Any) -> None:
    """The sensor's process: CPU seconds a second, after warming up."""
    sources = tuple(
        SourceSpec(driver="rig_sensor:Steady", options={"name": name}, streams=(info,), device=True)
        for name, info in INFOS.items()
    )
    spec = IngestSpec(sources=sources, pace=1.0, live=True, seconds=None)
    clock = Timeline(time.time_ns() - time.monotonic_ns())
    sending = Sending(spec, "rig", endpoint, clock=clock)
    _turn(sending, WARM_S)
    before_s, began_s = _cpu_s(), time.monotonic()
    bytes_before = _sent(sending)
    _turn(sending, seconds)
    taken_s = time.monotonic() - began_s
    out.send(((_cpu_s() - before_s) / taken_s, (_sent(sending) - bytes_before) / taken_s))
    sending.close()


def _turn(sending: Sending, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        sending.turn()


def _sent(sending: Sending) -> int:
    return sum(link["sent_bytes"] for link in sending.status()["links"].values())


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(endpoint: str, seconds: float) -> Block:
    """One block: a process that senses, one that receives."""
    spawn = mp.get_context("spawn")
    ours, theirs = zip(*(spawn.Pipe() for _ in range(2)), strict=True)
    processes = [
        spawn.Process(target=robot, args=(endpoint, seconds + WARM_S + 2, theirs[0])),
        spawn.Process(target=sensor, args=(endpoint, seconds, theirs[1])),
    ]
    for process in processes:
        process.start()
    used, sent = ours[1].recv()
    ages, lost = ours[0].recv()
    for process in processes:
        process.join()
    ages = {stream: values[len(values) // 4 :] for stream, values in ages.items()}
    return Block(100 * used, sent / 1e6, ages, {stream: n for stream, n in lost.items() if n})


def main() -> None:
    blocks = int(sys.argv[1]) if len(sys.argv) > 1 else BLOCKS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with tempfile.TemporaryDirectory() as folder:
        endpoints = {where: endpoint.format(folder=folder) for where, endpoint in ENDPOINTS.items()}
        rounds = [{where: measure(one, seconds) for where, one in endpoints.items()} for _ in range(blocks)]
    print(f"One rig's drivers and publishing, {blocks} blocks of {seconds:g} s each, medians\n")
    print(f"| to | CPU, % of a core | MB/s | age, ms p50 p99: {', '.join(RATES)} | lost |")
    print("|---|---|---|---|---|")
    for where in endpoints:
        some = [one[where] for one in rounds]
        cpu = statistics.median(block.cpu for block in some)
        rate = statistics.median(block.rate for block in some)
        ages = (np.percentile(np.concatenate([b.ages[s] for b in some]), [50, 99]) for s in RATES)
        said = ", ".join(f"{p50:.1f} {p99:.1f}" for p50, p99 in ages)
        lost = [block.lost for block in some if block.lost]
        print(f"| {where} | {cpu:.1f} | {rate:.1f} | {said} | {lost or 'nothing'} |")
    print(json.dumps({where: [one[where].cpu for one in rounds] for where in endpoints}))


if __name__ == "__main__":
    main()
