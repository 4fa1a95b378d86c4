"""A serial inertial unit on a pseudo-terminal, through pyserial: units, noise, half frames, hang-ups."""

import math
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sixsense.sensors import imu_serial
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.device import DeviceError, DeviceFailedError, Reading
from sixsense.sensors.imu_frames import CHECKS
from sixsense.sensors.imu_serial import SerialImu
from sixsense.sensors.sample import NS

pytest.importorskip("serial", reason="pyserial (sixsense[wearables]) is not installed")
MS = NS // 1000
START = 1_700_000_000 * NS
LINE = b"1,2,3,0.1,0.2,0.3\n"


@pytest.fixture
def opened(serial_port) -> Iterator[Callable[..., SerialImu]]:
    made: list[SerialImu] = []

    def make(**options: object) -> SerialImu:
        imu = SerialImu(id=str(serial_port.path), **{"clock": ManualClock(START), **options})  # type: ignore[arg-type]
        imu.open()
        made.append(imu)
        return imu

    yield make
    for imu in made:
        imu.close()


def rows_of(imu: SerialImu, count: int) -> list[Reading]:
    """Read until `count` rows have come: the terminal may hand them over in pieces."""
    readings: list[Reading] = []
    for _ in range(50):
        readings += imu.read(0.1)
        if sum(len(r.data) for r in readings) >= count:
            break
    return readings


def test_lines_become_rows_a_period_apart_that_end_now(serial_port, opened) -> None:
    imu = opened(rate_hz=100.0)
    serial_port.send(b"3,0.1,0.2\n")
    serial_port.send(LINE)
    assert len(rows_of(imu, 1)) == 1
    serial_port.send(LINE * 3)
    readings = rows_of(imu, 3)
    assert np.concatenate([r.data for r in readings]) == pytest.approx(
        np.tile([1, 2, 3, 0.1, 0.2, 0.3], (3, 1))
    )
    stamps = np.concatenate([r.stamps for r in readings])
    assert stamps[-1] == START
    assert (np.diff(stamps) >= 0).all()
    assert {r.clock for r in readings} == {"host"}


def test_rows_that_come_late_and_together_share_the_time_since_the_last(serial_port, opened) -> None:
    imu = opened(rate_hz=100.0)
    serial_port.send(LINE * 2)
    assert len(rows_of(imu, 1)) == 1
    imu._clock.advance(6 * MS)
    serial_port.send(LINE * 3)
    stamps = np.concatenate([r.stamps for r in rows_of(imu, 3)])
    assert stamps[-1] == START + 6 * MS
    assert (np.diff([START, *stamps]) > 0).all()


def test_g_and_degrees_are_converted_once_and_unwanted_columns_left_out(serial_port, opened) -> None:
    columns = ("_", "gz", "gy", "gx", "az", "ay", "ax")
    imu = opened(columns=columns, separator="", acceleration="g", rotation="deg/s", rotation_scale=0.5)
    serial_port.send(b"\n77 3 2 180 1  0.5\t0\r\n")
    (reading,) = rows_of(imu, 1)
    g = 9.80665
    assert reading.data[0] == pytest.approx([0, g / 2, g, math.pi / 2, math.pi / 180, 1.5 * math.pi / 180])
    assert reading.data.dtype == np.float32


@pytest.mark.parametrize(
    ("columns", "modality", "channels"),
    [(("t", "ax", "ay", "az"), "accelerometer", 3), (("gx", "gy", "gz", "_"), "gyroscope", 3)],
)
def test_three_axes_are_a_stream_of_their_own(columns: tuple[str, ...], modality: str, channels: int) -> None:
    (info,) = SerialImu(clock=ManualClock(), id="x", columns=columns).streams
    assert (info.modality, info.channels) == (modality, channels)


def test_the_units_own_clock_is_followed_and_may_begin_anew(serial_port, opened) -> None:
    clock = ManualClock(START)
    imu = opened(clock=clock, columns=("t", "ax", "ay", "az", "gx", "gy", "gz"), stamp="ms")
    serial_port.send(b"\n" + b"".join(b"%d,0,0,9.8,0,0,0\n" % (5000 + 10 * k) for k in range(5)))
    first = rows_of(imu, 5)
    assert np.concatenate([r.stamps for r in first]) == pytest.approx(START - 10 * MS * np.arange(4, -1, -1))
    clock.advance(2 * NS)
    serial_port.send(b"10,0,0,9.8,0,0,0\n")
    (again,) = rows_of(imu, 1)
    assert again.stamps.tolist() == [START + 2 * NS]
    assert again.clock == "estimated"


def frame(values: tuple[int, ...], checksum: str) -> bytes:
    payload = struct.pack("<6h", *values)
    check = CHECKS[checksum]
    return b"\xaa\x55" + payload + check.of(payload).to_bytes(check.size, "little")


@pytest.mark.parametrize("checksum", ["none", "sum8", "xor8", "crc16"])
def test_binary_frames_are_found_in_noise(serial_port, opened, checksum: str) -> None:
    imu = opened(binary="<6h", sync="aa55", checksum=checksum, acceleration="g", acceleration_scale=1 / 16384)
    good = frame((16384, 0, -16384, 1, 2, 3), checksum)
    serial_port.send(b"\x00\xaa" + good + b"\xaa\xff\xaa" + good[:5])
    first = rows_of(imu, 1)
    serial_port.send(good[5:] + good)
    rest = rows_of(imu, 2)
    rows = np.concatenate([r.data for r in [*first, *rest]])
    assert rows == pytest.approx(np.tile([9.80665, 0, -9.80665, 1, 2, 3], (3, 1)))


def test_crc16_is_xmodems() -> None:
    assert CHECKS["crc16"].of(b"123456789") == 0x31C3


def test_a_wrong_checksum_and_malformed_lines_are_counted(serial_port, opened) -> None:
    imu = opened(binary="<6h", sync="aa55", checksum="crc16")
    good = frame((1, 2, 3, 4, 5, 6), "crc16")
    serial_port.send(good[:-1] + bytes([good[-1] ^ 1]) + good)
    assert len(rows_of(imu, 1)) == 1
    assert imu.counts() == {"imu": {"checksum": 1}}
    imu.close()
    text = opened()
    serial_port.send(
        b"\n1,2,3\n\xff\xfe,,\nnan,0,0,0,0,0\n1e300,0,0,0,0,0\n# a comment\n" + b"x" * 3000 + b"\n" + LINE * 2
    )
    assert sum(len(r.data) for r in rows_of(text, 1)) >= 1
    counts = text.counts()["imu"]
    assert counts["malformed"] + counts.get("overlong", 0) >= 5


def test_hanging_up_is_an_error_and_it_can_be_opened_again(serial_port, opened) -> None:
    imu = opened()
    serial_port.unplug()
    with pytest.raises(DeviceError, match="hung up"):
        rows_of(imu, 1)
    imu.close()
    with pytest.raises(DeviceError, match="is it plugged in"):
        imu.open()
    serial_port.plug()
    imu.open()
    serial_port.send(b"\n" + LINE)
    assert len(rows_of(imu, 1)) == 1


def test_what_is_closed_says_so_and_closes_again() -> None:
    imu = SerialImu(clock=ManualClock(), id="/dev/none")
    imu.close()
    with pytest.raises(DeviceError, match="open it before"):
        imu.read(0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ("ax", "ay")}, "name all of ax ay az"),
        ({"columns": ("ax", "ay", "az", "ax")}, "each once"),
        ({"columns": ("ax", "ay", "az", "gx")}, "name all of"),
        ({"binary": "<5h", "sync": "aa"}, "5 fields for 6 columns"),
        ({"binary": "<6h"}, "sync"),
        ({"binary": "6y", "sync": "aa"}, "write for example"),
        ({"binary": "<6c", "sync": "aa"}, "write for example"),
        ({"binary": "<6h", "sync": "xy"}, "write for example"),
    ],
)
def test_options_at_odds_are_refused_with_what_to_write(options: dict, said: str) -> None:
    with pytest.raises(DeviceFailedError, match=said):
        SerialImu(clock=ManualClock(), id="x", **options)


def test_find_lists_ports_by_their_stable_names(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(imu_serial, "PORTS", tmp_path)
    (tmp_path / "usb-Bosch_BNO085_1234-if00").touch()
    (found,) = imu_serial.find()
    assert found.options == {"id": str(tmp_path / "usb-Bosch_BNO085_1234-if00")}
    monkeypatch.setattr(imu_serial, "PORTS", tmp_path / "nowhere")
    assert imu_serial.find() == []


def test_its_main_prints_one_reading(serial_port) -> None:
    command = [sys.executable, "-m", "sixsense.sensors.imu_serial", str(serial_port.path), "rate_hz=200"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            serial_port.send(LINE)
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        assert process.stdout is not None
        assert process.stdout.read().startswith("imu: f32 ")
