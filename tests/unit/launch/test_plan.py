"""The plan: a pure reading of a configuration; what cannot work is said before anything starts."""

from pathlib import Path

import msgspec
import pytest
from sixsense.encoders.batcher import LONGEST_NS
from sixsense.encoders.card import ImuInput
from sixsense.launch.config import load_config, parse_config
from sixsense.launch.plan import plan_replay, plan_run
from sixsense.launch.schema import (
    Config,
    EncodeConfig,
    Endpoints,
    ImuConfig,
    InputConfig,
    SimulatedSensor,
    WindowConfig,
)
from sixsense.nodes.recorded import from_json
from sixsense.nodes.spec import EncodeSpec, FuseSpec, IngestSpec, Plan
from sixsense.sensors.errors import SixsenseError
from sixsense.sensors.sample import NS

DEMO = load_config("demo")


def body(plan: Plan, name: str):
    return next(spec.body for spec in plan.nodes if spec.name == name)


def changed(**fields: object) -> Config:
    return msgspec.structs.replace(DEMO, **fields)


def test_the_same_configuration_gives_the_same_plan():
    assert repr(plan_run(DEMO)) == repr(plan_run(DEMO))


def test_a_live_rig_is_four_nodes_and_everyone_who_reads_is_planned():
    plan = plan_run(DEMO, seconds=5)
    assert [spec.name for spec in plan.nodes] == ["ingest", "encode", "fuse", "edge"]
    readers = {(spec.name, o.traffic): o.consumers for spec in plan.nodes for o in spec.outlets}
    assert readers == {
        ("ingest", "lossy"): ("encode",),
        ("ingest", "lossless"): ("encode",),
        ("encode", "results"): ("fuse", "edge", "output"),
        ("fuse", "results"): ("edge", "output"),
    }
    wanted = {(i.node, i.traffic) for spec in plan.nodes for i in spec.inlets}
    assert wanted == set(readers)
    ingest, fuse = body(plan, "ingest"), body(plan, "fuse")
    assert isinstance(ingest, IngestSpec)
    assert isinstance(fuse, FuseSpec)
    assert (ingest.live, ingest.pace, ingest.seconds, fuse.deadline_s) == (True, 1.0, 5, 0.5)
    assert plan.whole_minute


def test_nobody_publishes_where_there_are_no_endpoints():
    plan = plan_run(changed(endpoints=Endpoints(results="", control="")))
    assert "edge" not in [spec.name for spec in plan.nodes]
    assert all("edge" not in outlet.consumers for spec in plan.nodes for outlet in spec.outlets)


def test_windows_are_the_models_but_for_what_the_configuration_says():
    plan = plan_run(changed(windows={"audio": WindowConfig(hop_s=0.5)}))
    encode = body(plan, "encode")
    assert isinstance(encode, EncodeSpec)
    own = plan.card.windows
    assert encode.windows["audio"].hop_ns == NS // 2
    assert encode.windows["audio"].length_ns == own["audio"].length_ns
    assert encode.windows["imu"] == own["imu"]


def test_how_the_model_takes_imu_rows_is_recorded_and_said_where_the_configuration_decides():
    plan = plan_run(DEMO)
    assert body(plan, "encode").imu == plan.card.imu
    assert not any("imu is given" in note for note in plan.notes)
    plan = plan_run(changed(imu=ImuConfig(order="gyroscope-accelerometer", rate_hz=200)))
    assert body(plan, "encode").imu == ImuInput(order="gyroscope-accelerometer", rate_hz=200)
    assert from_json(plan.facts).encode.imu.rate_hz == 200
    assert any("as the configuration says: gyroscope-accelerometer, 200 instants" in n for n in plan.notes)
    with pytest.raises(SixsenseError, match=r"rate_hz = 9000 over windows of 1 s .* write at most 2000"):
        plan_run(changed(imu=ImuConfig(rate_hz=9000)))


def test_live_windows_share_batches_and_a_replay_encodes_each_by_itself(shared: Path):
    live = body(plan_run(changed(encode=EncodeConfig(wait_ms=20, precision="fast"))), "encode")
    assert (live.batch, live.wait_s, live.unchanged, live.precision) == (8, 0.02, 0.01, "fast")
    path = str(shared / "data" / "gopro" / "karma.mp4")
    replayed = body(plan_replay(Config(), path, rate=1.0), "encode")
    assert (replayed.batch, replayed.wait_s, replayed.unchanged) == (1, 0.0, 0.0)


def test_an_overloaded_machine_gives_up_windows_while_ticks_can_still_use_the_others():
    plan = plan_run(load_config("demo"))
    encode, fuse = body(plan, "encode"), body(plan, "fuse")
    oldest_ns = min(rule.limit_ns for rule in fuse.rules.values()) + round(fuse.deadline_s * NS)
    assert encode.shed_s * NS + LONGEST_NS < oldest_ns


def test_a_recording_has_no_deadline_and_loses_nothing(shared: Path):
    plan = plan_replay(Config(), str(shared / "data" / "gopro" / "karma.mp4"), rate=None)
    encode, fuse = body(plan, "encode"), body(plan, "fuse")
    assert [spec.name for spec in encode.inputs] == ["imu", "camera", "microphone"]
    assert [info.stream for info in encode.inputs[0].members] == ["accelerometer", "gyroscope"]
    assert (encode.shed_s, fuse.deadline_s) == (None, None)
    assert all(spec.lossless for spec in plan.nodes)
    assert not plan.whole_minute


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sensor": ()}, "has no \\[\\[sensor\\]\\]"),
        ({"inputs": {"cammera": InputConfig()}}, "no such input; there are .*camera"),
        ({"model": "/nowhere"}, "/nowhere"),
        (
            {
                "sensor": (
                    SimulatedSensor(seed=1, streams=("imu",)),
                    SimulatedSensor(seed=2, streams=("imu",)),
                )
            },
            "two sensors have the stream 'imu'",
        ),
    ],
    ids=["no sensor", "unknown input", "no model", "same stream twice"],
)
def test_what_cannot_work_is_said_before_anything_starts(fields: dict, said: str):
    with pytest.raises(SixsenseError, match=said):
        plan_run(changed(**fields))


LIVE = """
[[sensor]]
driver = "imu_serial"
id = "/dev/serial/by-id/none"
delay_ms = 12.5
columns = ["t", "ax", "ay", "az", "gx", "gy", "gz"]

[[sensor]]
driver = "phone"
name = "wrist"
"""


def test_a_run_is_planned_with_devices_that_are_not_there():
    plan = plan_run(parse_config(LIVE, "robot.toml"))
    imu, phone = body(plan, "ingest").sources
    assert (imu.device, imu.delay_ms, imu.options["id"]) == (True, 12.5, "/dev/serial/by-id/none")
    assert "delay_ms" not in imu.options
    assert [info.stream for info in phone.streams] == ["wrist.accelerometer", "wrist.gyroscope"]
    inputs = [(spec.name, spec.modality) for spec in body(plan, "encode").inputs]
    assert inputs == [("wrist.imu", "imu"), ("imu", "imu")]
    assert not plan.whole_minute


def test_two_phones_need_two_names():
    with pytest.raises(SixsenseError, match=r"the stream 'accelerometer'.*another `name`"):
        plan_run(parse_config(2 * '[[sensor]]\ndriver = "phone"\n', "robot.toml"))
    with pytest.raises(SixsenseError, match="the input 'imu'"):
        plan_run(
            parse_config(
                '[[sensor]]\ndriver = "phone"\n[[sensor]]\ndriver = "imu_serial"\nid = "/dev/x"\n', "r"
            )
        )


def test_options_of_a_device_that_are_at_odds_are_said_before_anything_starts():
    with pytest.raises(SixsenseError, match="add `token`"):
        plan_run(parse_config('[[sensor]]\ndriver = "phone"\nhost = "0.0.0.0"\n', "robot.toml"))
