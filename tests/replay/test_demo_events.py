"""The demo's watches find what happens in test worlds, with all sensors and without any one of them."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from sixsense import load_model
from sixsense.encoders.encode import Encoder
from sixsense.launch.config import load_config
from sixsense.launch.queries import config_queries

BENCH = Path(__file__).parent.parent.parent / "bench" / "events.py"
spec = importlib.util.spec_from_file_location("bench_events", BENCH)
assert spec is not None
assert spec.loader is not None
events = sys.modules["bench_events"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(events)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.set_num_threads(1)
    return Encoder(load_model("mini", device="cpu"))


@pytest.fixture(scope="module")
def asked(encoder):
    return events.standing(encoder, config_queries(load_config("demo")))


def found(encoder, asked, minutes, without: str = ""):
    return events.total(list(events.measure(encoder.model.card, asked, minutes, without).values()))


def test_two_minutes_of_happenings_are_found(encoder, asked):
    """Twelve happenings, none missed: one event too many is a precision of 0.92."""
    whole = found(encoder, asked, [events.minute(encoder, "test", seed) for seed in (9200, 9201)])
    assert whole.happenings == whole.found == 12
    assert whole.precision >= 0.9


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_twelve_minutes_of_happenings_are_found_with_all_sensors_and_without_any(encoder, asked):
    minutes = [events.minute(encoder, "test", seed) for seed in (*range(9100, 9104), *range(9200, 9208))]
    whole = found(encoder, asked, minutes)
    assert whole.recall >= 0.9
    assert whole.precision >= 0.9
    for without in events.STREAMS:
        some = found(encoder, asked, minutes, without)
        assert some.recall >= 0.8, without
        assert some.precision >= 0.8, without


def test_an_event_counts_within_a_second_of_its_own_kind_alone():
    second = events.NS
    bump = SimpleNamespace(name="bump", start_ns=10 * second, end_ns=11 * second)
    other = SimpleNamespace(name="alarm", start_ns=30 * second, end_ns=34 * second)

    def scored(begin_s: float, last_s: float) -> tuple[int, int]:
        told = SimpleNamespace(
            query="bump", phase="end", begin_ns=int(begin_s * second), last_ns=int(last_s * second)
        )
        one = events.scored([told], [bump, other], "bump", "bump")
        assert (one.events, one.happenings) == (1, 1)
        return one.right, one.found

    assert scored(9.1, 9.2) == (1, 1)
    assert scored(11.9, 13) == (1, 1)
    assert scored(8, 10) == (0, 1)
    assert scored(12.1, 13) == (0, 0)
    assert scored(31, 32) == (0, 0)
