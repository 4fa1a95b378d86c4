"""`sixsense record` joins a running service, leaves it undisturbed, and what it wrote survives kill -9."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from sixsense.fusion.fused import Fused
from sixsense.launch.as_recorded import Refusion
from sixsense.launch.config import load_config
from sixsense.launch.plan import plan_run
from sixsense.launch.recording import Recording, attach
from sixsense.launch.schema import Endpoints
from sixsense.launch.service import Output, Service
from sixsense.nodes.recorded import from_json
from sixsense.nodes.wire.status import Status
from sixsense.sensors.errors import SixsenseError
from sixsense.sensors.mcap.head import OWN
from sixsense.sensors.mcap.log import Log, open_log
from sixsense.sensors.mcap.scan import Raw, repair
from sixsense.sensors.sample import Sample

INPUTS = tuple(f"{OWN}{kind}/" for kind in ("embedding", "none", "closed", "ended"))
SECONDS = 14.0
NOTICED = 3
"""So many statuses after its death, one a second, a guest is forgotten."""


class Running(msgspec.Struct):
    """A service in a thread of its own, what it told so far, and where it answers."""

    control: str
    outputs: list[Output]
    thread: threading.Thread
    stop: Callable[[], None]

    def wait_for(self, kind: type[Output], count: int) -> None:
        deadline = time.monotonic() + 60
        while sum(isinstance(output, kind) for output in self.outputs) < count:
            assert time.monotonic() < deadline, "the service tells nothing"
            time.sleep(0.05)


@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    control = f"ipc://{tmp_path}/control"
    config = msgspec.structs.replace(
        load_config("demo"),
        endpoints=Endpoints(results=f"ipc://{tmp_path}/results", control=control),
        watch=(),
    )
    with Service(plan_run(config, seconds=getattr(request, "param", SECONDS)), local=True) as service:
        outputs: list[Output] = []
        thread = threading.Thread(target=lambda: outputs.extend(_each(service, outputs)))
        one = Running(control, outputs, thread, service.stop)
        thread.start()
        one.wait_for(Fused, 1)
        yield one
        thread.join()


def _dropped(outputs: list[Output]) -> list[dict[str, int]]:
    """What recorders have not read, in each status."""
    return [
        {key: count for node in one.nodes for key, count in node.dropped.items() if key.startswith("record")}
        for one in outputs
        if isinstance(one, Status)
    ]


def _each(service: Service, outputs: list[Output]) -> list[Output]:
    for output in service.outputs(timeout_s=60):
        outputs.append(output)
    return []


class CutOff:
    """A log that ended when the last fifth of what encode nodes told had not come."""

    def __init__(self, log: Log) -> None:
        raws = list(log.messages(OWN))
        inputs = [raw for raw in raws if raw.topic.startswith(INPUTS)]
        late = {id(raw) for raw in inputs[len(inputs) * 4 // 5 :]}
        self._raws = [raw for raw in raws if id(raw) not in late]

    def messages(self, _: str) -> Iterator[Raw]:
        return iter(self._raws)


def test_a_guest_records_from_when_it_joined_to_the_end(running: Running, tmp_path: Path) -> None:
    said: list[str] = []
    attach(running.control, Recording(path=tmp_path / "a.mcap", keep_free_bytes=0), None, said.append)
    running.thread.join()
    log = open_log(tmp_path / "a.mcap")
    assert log.counts() == {}
    samples = [event for event in log.events(1) if isinstance(event, Sample)]
    assert {s.stream for s in samples} == {info.stream for info in log.streams}
    plan = from_json(log.head.plan)
    ended = {raw.topic for raw in log.messages(f"{OWN}ended/")}
    assert ended == {f"{OWN}ended/{name}" for name in ("fused", *(i.name for i in plan.encode.inputs))}
    compared = Refusion(log, plan).run()
    assert compared.equal, compared.example
    assert (compared.before <= 1, compared.after) == (True, 0)
    assert compared.ticks > 20
    cut = Refusion(CutOff(log), plan).run()  # type: ignore[arg-type]
    assert cut.equal, cut.example
    assert cut.ticks + cut.after == compared.ticks
    assert 4 <= cut.after < cut.ticks
    final = running.outputs[-1]
    assert isinstance(final, Status)
    assert final.final
    assert [text.split()[0] for text in said] == ["recording", "wrote"]
    with pytest.raises(SixsenseError, match="is a service running there"):
        attach(running.control, Recording(path=tmp_path / "b.mcap"), None, said.append)


@pytest.mark.parametrize("running", [None], indirect=True)
def test_what_a_killed_recorder_wrote_is_there_up_to_the_last_second(
    running: Running, tmp_path: Path
) -> None:
    path = tmp_path / "a.mcap"
    command = [sys.executable, "-m", "sixsense.launch.entry", "record", "-o", str(path), "--keep-free", "0"]
    code = "from sixsense.launch.entry import main; main()"
    command = [sys.executable, "-c", code, *command[3:], "--control", running.control]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        begun = time.monotonic()
        while not (path.exists() and path.stat().st_size > 2_000_000):
            assert time.monotonic() - begun < 60
            time.sleep(0.1)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    log = open_log(path)
    samples = [event for event in log.events(1) if isinstance(event, Sample)]
    assert len(samples) > 20
    assert log.counts()["log"] == {"unclosed": 1}
    assert repair(path)
    again = [event for event in open_log(path).events(1) if isinstance(event, Sample)]
    assert len(again) == len(samples)
    # Its consumer is gone without a word, holds nobody up, and is not counted as losing what comes.
    killed = len(_dropped(running.outputs))
    running.wait_for(Status, killed + NOTICED + 3)
    running.stop()
    running.thread.join()
    counts = _dropped(running.outputs)
    assert isinstance(running.outputs[-1], Status)
    assert len(counts) > killed + NOTICED
    assert counts[killed + NOTICED] == counts[-1]
