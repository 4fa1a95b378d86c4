"""A sensor of somebody's own: what docs/wire.md says is enough; what no configuration declares is refused."""

import re
from pathlib import Path

import msgspec
import pytest
from far import INFOS, Client, Robot, running
from sixsense.nodes.wire.ingest import (
    Ack,
    Begin,
    Counts,
    Join,
    Refused,
    Welcome,
)


def test_a_client_of_ones_own_needs_seven_kinds_of_message(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    robot = Robot(endpoint)
    with running(robot), Client(robot, endpoint) as client:
        client.join("imu")
        welcome = client.hear(Welcome)
        client.say(Begin(epoch=welcome.epoch, bases={}))
        for number in range(3):
            client.send(number, "imu")
        client.hear(Ack)
        robot.wait_for(lambda: len(robot.of("imu")) == 3)
        client.say(Counts(produced={"imu": 10}))
        robot.wait_for(lambda: robot.node.report()["produced"][2].items == 10)
        with Client(robot, endpoint) as again:
            again.join("imu")
            again.hear(Welcome)
            again.say(Begin(epoch=welcome.epoch, bases={}))
            for number in range(1, 4):
                again.send(number, "imu")
            robot.wait_for(lambda: len(robot.of("imu")) == 4)
    assert [sample.item for sample in robot.of("imu")] == [0, 2, 4, 6]
    assert {sample.epoch for sample in robot.samples} == {welcome.epoch}


@pytest.mark.parametrize(
    ("join", "said"),
    [
        (
            Join(sensor="ankle", traffic="lossless", streams=(INFOS["imu"],)),
            "no remote .* 'ankle'; it has wrist",
        ),
        (Join(sensor="wrist", traffic="lossy", streams=(INFOS["imu"],)), "declares .* and no imu"),
        (
            Join(
                sensor="wrist",
                traffic="lossless",
                streams=(msgspec.structs.replace(INFOS["imu"], rate_hz=100),),
            ),
            "rate_hz 100.* says 200",
        ),
    ],
)
def test_what_the_configuration_does_not_declare_is_refused(tmp_path: Path, join: Join, said: str) -> None:
    endpoint = f"ipc://{tmp_path}/ingest"
    robot = Robot(endpoint)
    with running(robot), Client(robot, endpoint) as client:
        client.say(join)
        assert re.search(said, client.hear(Refused).reason)
