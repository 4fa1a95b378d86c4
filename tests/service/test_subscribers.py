"""A running service and those who listen: late, lagging, asking; in another process as users do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sixsense import Subscriber
from sixsense.fusion.fused import Fused
from sixsense.launch.config import load_config
from sixsense.launch.plan import plan_run
from sixsense.launch.queries import config_queries, parse_query
from sixsense.launch.schema import Config, Endpoints
from sixsense.launch.service import Output, Service
from sixsense.nodes.wire.control import ControlClient
from sixsense.nodes.wire.errors import ControlError
from sixsense.nodes.wire.status import QueryStatus, Status

SIXSENSE = Path(sys.executable).with_name("sixsense")


class Running:
    """A service that a test moves on by reading its outputs."""

    def __init__(self, service: Service, endpoints: Endpoints) -> None:
        self.service, self.endpoints = service, endpoints
        self.outputs = service.outputs(timeout_s=30)

    def until(self, kind: type[Output], count: int = 1) -> Output:
        """Go on until `count` more outputs of a kind have come; the last of them."""
        for output in self.outputs:
            count -= isinstance(output, kind)
            if count == 0:
                return output
        raise AssertionError(f"the run ended before {count} more {kind.__name__}")

    def until_query(self, name: str) -> QueryStatus:
        """Go on until the status says since when a query is matched."""
        for _ in range(10):
            status = self.until(Status)
            assert isinstance(status, Status)
            found = [query for query in status.queries if query.name == name and query.since_ns]
            if found:
                return found[0]
        raise AssertionError(f"{name} is not matched after ten more statuses")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("ipc")
    endpoints = Endpoints(results=f"ipc://{folder}/results", control=f"ipc://{folder}/control")
    config = Config(robot="demo", sensor=load_config("demo").sensor, endpoints=endpoints)
    with Service(plan_run(config, queries=config_queries(load_config("demo"))), local=True) as service:
        one = Running(service, endpoints)
        one.until(Status, 2)
        yield one


def test_a_late_subscriber_gets_the_newest_of_each_topic_first(running: Running) -> None:
    newest = running.until(Fused)
    assert isinstance(newest, Fused)
    with Subscriber(running.endpoints.results, "info", "fused", timeout=10) as late:
        kinds = [type(late.recv()).__name__ for _ in range(6)]
        assert kinds[:6].count("StreamInfo") == 5
        first = next(m for m in late if isinstance(m, Fused))
        assert first.stamp_ns >= newest.stamp_ns
        following = late.recv()
        assert following.seq == first.seq + 1
        assert late.dropped == 0


def test_alive_rate_and_age_are_of_the_running_service(running: Running) -> None:
    with Subscriber(running.endpoints.results, "fused", timeout=10) as fused:
        for _ in range(8):
            running.until(Fused)
            fused.recv()
        assert fused.alive
        assert fused.rate_hz == pytest.approx(4, rel=0.5)
        assert 0 < fused.age_ms < 5000


def test_watching_takes_effect_at_a_tick_and_the_status_says_which(running: Running) -> None:
    with ControlClient(running.endpoints.control) as control:
        siren = msgspec.structs.replace(config_queries(load_config("demo"))[0], name="siren")
        control.watch(siren)
        standing = running.until_query("siren")
        assert standing.modalities == ("audio", "vision")
        with pytest.raises(ControlError, match="standing already"):
            control.watch(siren)
        control.unwatch("siren")
        with pytest.raises(ControlError, match="no query 'siren'"):
            control.unwatch("siren")
        assert not control.watch(parse_query("a dog", name="dog")).note
        control.unwatch("dog")
        names = {registration.node for registration in control.directory()}
        assert {"ingest/lossy", "ingest/lossless", "encode/results", "fuse/results"} <= names


def test_a_second_service_on_the_same_port_says_what_to_do() -> None:
    command = [SIXSENSE, "demo", "--local", "--publish", "tcp://127.0.0.1:46571", "--control"]
    with subprocess.Popen(
        [*command, "tcp://127.0.0.1:46572", "--json"], stdout=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout is not None
        one.stdout.readline()
        other = subprocess.run(
            [*command, "tcp://127.0.0.1:46573"], capture_output=True, text=True, timeout=60
        )
        one.terminate()
        one.communicate(timeout=30)
    assert other.returncode == 1
    assert "46571: the port is in use" in other.stderr
    assert "Traceback" not in other.stderr


def test_listen_and_watch_follow_a_demo_that_ends_with_its_status(tmp_path: Path) -> None:
    results, control = f"ipc://{tmp_path}/results", f"ipc://{tmp_path}/control"
    command = [SIXSENSE, "demo", "--local", "--json", "--publish", results, "--control", control]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert json.loads(demo.stdout.readline())["kind"] in ("fused", "status")
        listen = [
            SIXSENSE,
            "listen",
            "fused",
            "--endpoint",
            results,
            "--json",
            "--count",
            "3",
            "--timeout",
            "20",
        ]
        heard = subprocess.run(listen, capture_output=True, text=True, timeout=60)
        assert heard.returncode == 0, heard.stderr
        assert [json.loads(line)["kind"] for line in heard.stdout.splitlines()] == ["fused"] * 3
        demo.terminate()
        out, _ = demo.communicate(timeout=30)
    last = json.loads(out.splitlines()[-1])
    assert (last["kind"], last["final"]) == ("status", True)
    assert "vector" not in out


def test_on_ray_a_service_that_is_terminated_ends_with_its_status(tmp_path: Path) -> None:
    results, control = f"ipc://{tmp_path}/results", f"ipc://{tmp_path}/control"
    command = [SIXSENSE, "demo", "--json", "--publish", results, "--control", control]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert any(json.loads(line)["kind"] == "fused" for line in demo.stdout)
        demo.terminate()
        out, err = demo.communicate(timeout=60)
    assert demo.returncode == 0, err
    last = json.loads(out.splitlines()[-1])
    assert (last["kind"], last["final"]) == ("status", True)
    assert "Traceback" not in err
