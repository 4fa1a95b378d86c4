"""How much faster than real time the simulated world is on one core: each stream, all five, and excerpts.

    python bench/world.py

Processor time, so that a busy machine says nearly the same; what bakes the textures is not counted.
"""

import time
from collections.abc import Callable
from itertools import islice

import cv2
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.excerpt import excerpts
from sixsense.sensors.simulated.robot import STREAMS, SimulatedRobot

SECONDS = 60.0
SEED = 2
COUNT = 400
EXCERPTS = {
    "a camera frame": (("camera",), NS // 4),
    "camera, depth and thermal frames": (("camera", "depth", "thermal"), NS // 4),
    "2 s of sound": (("microphone",), 2 * NS),
    "1 s of motion": (("imu",), NS),
}


def spent(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def run(streams: tuple[str, ...]) -> None:
    for _ in SimulatedRobot(SEED, start_ns=0, seconds=SECONDS, streams=streams).events(0):
        pass


def drawn(streams: tuple[str, ...], length_ns: int, seed: int) -> None:
    for _ in islice(excerpts("train", streams, length_ns, seed=seed), COUNT):
        pass


def main() -> None:
    cv2.setNumThreads(1)
    print("| stream | x real time |\n|---|---|")
    for streams in (*((name,) for name in STREAMS), STREAMS):
        run(streams)
        name = "all five" if streams == STREAMS else streams[0]
        print(f"| {name} | {SECONDS / spent(lambda streams=streams: run(streams)):.1f} |", flush=True)
    print(
        f"\n| {COUNT} excerpts, eight of each world | ms each | once their rooms are known |\n|---|---|---|"
    )
    for seed, (name, (streams, length_ns)) in enumerate(EXCERPTS.items()):
        first, again = (spent(lambda s=streams, n=length_ns, k=seed: drawn(s, n, k)) for _ in range(2))
        print(f"| {name} | {1000 * first / COUNT:.1f} | {1000 * again / COUNT:.1f} |", flush=True)


if __name__ == "__main__":
    main()
