"""Queries asked of a running service: sums, moments, rates; kept over a restart, removed for good."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sixsense.fusion.query import Query, Term
from sixsense.launch.asking import add_query, asked, list_queries, remove_query, taught
from sixsense.launch.config import load_config
from sixsense.launch.plan import plan_run
from sixsense.launch.schema import Config, Endpoints
from sixsense.launch.service import Service
from sixsense.nodes.wire.errors import ControlError
from sixsense.nodes.wire.status import Status

ROBOT = "asked"


class Running:
    """A service that goes on as far as its outputs are read."""

    def __init__(self, service: Service, control: str) -> None:
        self.control, self._outputs = control, service.outputs(timeout_s=60)

    def until(self, *names: str) -> None:
        """Read on until a status says that these queries, and no others, stand and are matched."""
        for output in self._outputs:
            if isinstance(output, Status) and output.ticks.fused > 8:
                known = {query.name for query in output.queries if query.since_ns}
                if known == {*names} and len(output.queries) == len(names):
                    return
        raise AssertionError(f"the run ended before {names} stood")


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    endpoints = Endpoints(results=f"ipc://{folder}/results", control=f"ipc://{folder}/control")
    config = Config(robot=ROBOT, sensor=load_config("demo").sensor, endpoints=endpoints)
    with Service(plan_run(config), local=True) as service:
        yield Running(service, endpoints.control)


def listed(control: str) -> str:
    return "\n".join(list_queries(control, json=False))


def test_what_is_asked_stands_until_it_is_removed(
    tmp_path: Path, wav: Callable[[Path, np.ndarray], None], caplog: pytest.LogCaptureFixture
) -> None:
    chirp = tmp_path / "chirp.wav"
    wav(chirp, 0.3 * np.sin(np.cumsum(np.linspace(0.2, 2, 16000))).astype(np.float32))
    with running(tmp_path) as one:
        one.until()
        control = one.control
        assert "no query is standing" in listed(control)
        mixed = asked(f"{chirp} - 0.5*'rain'", None, at_most=None, name="sum", modalities=("smell",))
        with pytest.raises(ControlError, match="cannot be compared with smell"):
            list(add_query(control, mixed, json=False))
        rated = asked(str(chirp), None, at_most="6/h", name="chirp", modalities=("audio",))
        assert "chirp stands" in "".join(add_query(control, rated, json=False))
        moment = asked(None, "microphone@2s", at_most=None, name="just now", modalities=("audio",))
        list(add_query(control, moment, json=False))
        with pytest.raises(ControlError, match="microphone has no embedding at"):
            list(add_query(control, asked(None, "microphone@1e6", at_most=None, name="then"), json=False))
        kettle = taught("kettle", [chirp], ["microphone@1s"], 0.0)
        list(add_query(control, kettle, json=False))
        one.until("chirp", "just now", "kettle")
        lines = listed(control)
        assert "chirp  in audio  at most 6/h  (calibrating, 0.0 of 3 h)" in lines
        wrong = Term(vector=np.ones(8, np.float32) / np.float32(8**0.5), modality="audio", space_id="other:1")
        with pytest.raises(ControlError, match="a vector of the space 'other:1'"):
            list(add_query(control, Query(name="vector", terms=(wrong,)), json=False))
    with running(tmp_path) as one:
        one.until("chirp", "just now", "kettle")
        control = one.control
        list(remove_query(control, "just now"))
        with pytest.raises(ControlError, match="no query 'just now'"):
            list(remove_query(control, "just now"))
    with running(tmp_path) as one:
        one.until("chirp", "kettle")
    assert "cannot be read" not in caplog.text
