"""`sync-check`: delays put between the simulated robot's senses are found again, live and in recordings."""

import json
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sixsense.launch import sync_check
from sixsense.launch.cli import app
from sixsense.launch.config import CONFIGS, load_config, parse_config
from sixsense.launch.delay_table import write_delays
from sixsense.launch.sync_check import Followed, aligned, from_devices, main, new_delays
from sixsense.sensors.activity import Loudness, Shaking
from sixsense.sensors.delays import Alignment, Delay, UnmatchedError
from sixsense.sensors.device import DeviceError, Reading
from sixsense.sensors.errors import SixsenseError, SourceError
from sixsense.sensors.sample import NS, Sample
from sixsense.sensors.simulated.robot import SimulatedRobot
from typer.testing import CliRunner

START = 1_700_000_040 * NS
SEED = 2


def sensed(robot: SimulatedRobot, from_ns: int, seconds: float) -> Iterator[Sample]:
    for event in robot.events(1, from_ns):
        if isinstance(event, Sample):
            if event.stamp_ns > from_ns + seconds * NS:
                return
            yield event


def quiet(_: str) -> None:
    pass


@pytest.mark.parametrize("delay_ms", [-120.0, 0.0, 35.0])
def test_bumps_tie_the_motion_to_the_sound(delay_ms: float) -> None:
    robot = SimulatedRobot(SEED, start_ns=START, streams=("microphone", "imu"))
    bumps = [h for h in robot.happenings(START, START + 120 * NS) if h.name == "bump"][:3]
    followed = {"microphone": Followed("audio", Loudness()), "imu": Followed("imu", Shaking())}
    for bump in bumps:
        for sample in sensed(robot, bump.start_ns - NS, 1.8):
            if sample.stamps is not None:
                shifted = sample.stamps + round(delay_ms * 1e6)
                sample = Sample(
                    **{f: getattr(sample, f) for f in sample.__struct_fields__} | {"stamps": shifted}
                )
            followed[sample.stream].activity.add(sample)
    found = aligned(followed, quiet).pairs["imu", "microphone"]
    assert found.events == 3
    assert abs(found.ns / 1e6 - delay_ms) <= found.uncertainty_ns / 1e6 <= 7


class Player:
    """A device that plays one stream of the simulated robot in real time; all of them begin together."""

    samples: list[Sample]
    began_ns: list[int]

    def __init__(self, *, clock) -> None:
        self._clock, self._left = clock, list(self.samples)

    def open(self) -> None:
        if not self.began_ns:
            self.began_ns.append(self._clock.now_ns())

    def read(self, timeout_s: float) -> list[Reading]:
        time.sleep(min(timeout_s, 0.005))
        shift = self.began_ns[0] - PLAYED_FROM
        due = [s for s in self._left if s.end_ns + shift <= self._clock.now_ns()]
        del self._left[: len(due)]
        return [Reading(s.stream, s.stamp_ns + shift, s.encoding, s.data) for s in due]

    def close(self) -> None: ...

    def counts(self) -> dict[str, dict[str, int]]:
        return {}


ROBOT = SimulatedRobot(SEED, start_ns=START, streams=("camera", "microphone"))
ALARM = next(h for h in ROBOT.happenings(START, START + 60 * NS) if h.name == "alarm")
PLAYED_FROM = ALARM.start_ns - 3 * NS // 2


@cache
def part() -> list[Sample]:
    """What the robot senses around the alarm; its pictures take seconds to be drawn."""
    return list(sensed(ROBOT, PLAYED_FROM, 5.5))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera and the microphone of an alarm as devices `played:camera` and `played:microphone`."""
    module, began = ModuleType("played"), []
    for info in ROBOT.streams:
        own = [sample for sample in part() if sample.stream == info.stream]
        fields = {"samples": own, "began_ns": began, "streams": (info,)}
        setattr(module, info.stream, type(info.stream, (Player,), fields))
    monkeypatch.setitem(sys.modules, "played", module)


CONFIG = """# my robot
[[sensor]]   # the eye
driver = "plugin"
use = "played:camera"
delay_ms = -70.0  # of last year

[[sensor]]
use = "played:microphone"
driver = "plugin"

[[sensor]]
driver = "simulated"
streams = ["thermal"]
"""


@pytest.mark.usefixtures("played")
def test_devices_of_a_configuration_are_followed_and_the_delay_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "robot.toml"
    path.write_text(CONFIG)
    main(str(path), 5.0, None, dry_run=False, json=True)
    pair, delay = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (pair["stream"], pair["other"], pair["events"] >= 3) == ("camera", "microphone", True)
    assert abs(pair["delay_ms"] - 70) <= pair["uncertainty_ms"] < 25
    assert (delay["sensor"], delay["was_ms"]) == (0, -70.0)
    assert delay["delay_ms"] == pytest.approx(pair["delay_ms"] - 70, abs=0.06)
    assert path.read_text() == CONFIG.replace("-70.0", str(delay["delay_ms"]))


@pytest.mark.usefixtures("played")
def test_a_device_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> None:
        raise DeviceError("no camera is plugged in; plug it in")

    monkeypatch.setattr(sys.modules["played"].camera, "open", gone)
    monkeypatch.setattr(sync_check, "READY_S", 0.5)
    path = tmp_path / "robot.toml"
    path.write_text(CONFIG)
    said: list[str] = []
    with pytest.raises(SourceError, match="camera is RECONNECTING no camera is plugged in"):
        from_devices(load_config(str(path)), 3.0, said.append)
    assert said == ["opening camera, microphone"]


FLASHES_S = (1.0, 2.36, 4.0)
LATE_S = 0.2


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A film of three flashes whose sound comes early, as when the camera is stamped late."""
    import av

    path = tmp_path / "claps.mkv"
    with av.open(str(path), "w") as file:
        video = file.add_stream("mjpeg", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        sound = file.add_stream("pcm_s16le", rate=16_000)
        sound.layout = "mono"
        for number in range(150):
            lit = any(0 <= number / 25 - LATE_S - flash < 0.2 for flash in FLASHES_S)
            shown = np.full((48, 64, 3), 220 if lit else 30, np.uint8)
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24")
            frame.pts = number
            file.mux(video.encode(frame))
        t = np.arange(6 * 16_000) / 16_000
        clicks = sum((t >= at) * np.exp(-np.maximum(t - at, 0) / 0.02) for at in FLASHES_S)
        pcm = (12_000 * clicks * np.sin(6000 * t)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), 0
        file.mux(sound.encode(frame))
        for stream in (video, sound):
            file.mux(stream.encode(None))
    return path


INLINE = 'sensor = [{ driver = "microphone" }, { driver = "camera", id = "x", delay_ms = 5.0 }]  # both\n'


def test_a_recording_is_as_good(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "robot.toml"
    path.write_text(INLINE)
    path.chmod(0o640)
    asked = ("sync-check", str(path), "--recording", str(recording))
    shown = CliRunner().invoke(app, [*asked, "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "camera is stamped" in shown.stdout
    assert "ms later than microphone (±" in shown.stdout
    assert path.read_text() == INLINE
    written = CliRunner().invoke(app, asked)
    assert f"written to {path}" in written.stderr
    microphone, camera = load_config(str(path)).sensor
    assert abs(camera.delay_ms - 5 - 1000 * LATE_S) <= 25
    assert microphone.delay_ms == 0
    assert path.read_text() == INLINE.replace("5.0", str(camera.delay_ms))
    assert (path.stat().st_mode & 0o777, [p.name for p in tmp_path.glob("tmp*")]) == (0o640, [])


def test_what_is_not_in_the_configuration_is_told(recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "robot.toml"
    path.write_text('[[sensor]]\ndriver = "microphone"\n')
    done = CliRunner().invoke(app, ["sync-check", str(path), "--recording", str(recording)])
    assert done.exit_code == 0
    assert "camera is no stream of a live [[sensor]] of this configuration" in done.stderr
    assert "written" not in done.stderr


def test_nothing_to_compare_is_refused(wav, tmp_path: Path) -> None:
    wav(tmp_path / "a.wav", np.zeros(32_000))
    with pytest.raises(UnmatchedError, match="there is microphone"):
        main(str(CONFIGS / "robot.toml"), 5.0, tmp_path / "a.wav", dry_run=True, json=False)


def test_a_packaged_configuration_is_not_written() -> None:
    with pytest.raises(SixsenseError, match="packaged configuration; copy"):
        main("robot", 5.0, None, dry_run=False, json=False)


def test_of_one_devices_streams_the_best_known_says_the_delay() -> None:
    depth = '[[sensor]]\ndriver = "depth"\ncolour = true\nimu = true\ndelay_ms = 2\n'
    config = parse_config(f'[[sensor]]\ndriver = "microphone"\n{depth}', "robot.toml")
    known = {
        "microphone": Delay(0, 0, 0),
        "depth_colour": Delay(30e6, 9e6, 3),
        "depth_accelerometer": Delay(31e6, 3e6, 3),
    }
    (delay,) = new_delays(config, Alignment("microphone", {}, known))
    assert (delay.sensor, delay.stream, delay.was_ms, delay.delay_ms) == (1, "depth_accelerometer", 2, 33)
    assert new_delays(config, Alignment("depth_accelerometer", {}, known))[0].stream == "microphone"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_the_delay_changes(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "a.toml"
    text = CONFIG.replace("\n", newline)
    path.write_bytes(text.encode())
    write_delays(path, {1: 12.34, 0: 0.0})
    after = path.read_bytes().decode()
    assert after.replace("delay_ms = 12.3\n", "").replace(" 0.0 ", " -70.0 ") == text
    assert [s.delay_ms for s in load_config(str(path)).sensor[:2]] == [0.0, 12.3]
