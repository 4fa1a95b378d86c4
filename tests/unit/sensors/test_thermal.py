from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.device import DeviceError
from sixsense.sensors.thermal import Thermal, single, temperature, without_telemetry


def write(path: Path, frames: np.ndarray, pixel_format: str) -> str:
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=9)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = pixel_format
        for index, counts in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(counts, format=pixel_format)
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return str(path)


def newest(device: Thermal) -> tuple[str, np.ndarray]:
    device.open()
    readings = []
    with suppress(DeviceError):
        while True:
            readings += device.read(5.0)
    device.close()
    return readings[-1].encoding, readings[-1].data


@pytest.fixture
def y16(tmp_path: Path) -> str:
    """A Lepton 3's frames: 120 rows of a gradient around 300 K in centikelvin, and two of telemetry."""
    frames = np.empty((5, 122, 160), np.uint16)
    frames[:] = 30_000 + np.arange(160)
    frames[:, 120:] = 7
    return write(tmp_path / "y16.mkv", frames, "gray16le")


def test_centikelvin_pass_through_to_the_bit_without_telemetry(y16: str):
    device = Thermal(clock=ManualClock(), id=y16)
    encoding, data = newest(device)
    assert (encoding, data.dtype, data.shape) == ("16UC1", np.uint16, (120, 160))
    assert np.array_equal(data, np.tile(30_000 + np.arange(160), (120, 1)))
    assert (device.streams[0].width, device.streams[0].height) == (160, 120)


def test_counts_become_kelvin_by_the_line(y16: str):
    encoding, data = newest(
        Thermal(clock=ManualClock(), id=y16, kelvin_per_count=0.04, kelvin_at_zero=-900, rows=122)
    )
    assert (encoding, data.dtype, data.shape) == ("32FC1", np.float32, (122, 160))
    assert data[0, 0] == pytest.approx(300.0, abs=1e-3)


def test_eight_bits_are_marked_as_no_temperature(tmp_path: Path):
    path = write(tmp_path / "y8.mkv", np.full((3, 120, 160), 90, np.uint8), "gray")
    device = Thermal(clock=ManualClock(), id=path)
    encoding, data = newest(device)
    assert (encoding, data.dtype) == ("mono8", np.uint8)
    assert device.streams[0].encoding == "mono8"
    assert (data == 90).all()


def test_a_count_of_zero_is_no_temperature():
    _, kelvin = temperature(np.array([[0, 100]], np.uint16), 1.0, 200.0)
    assert np.isnan(kelvin[0, 0])
    assert kelvin[0, 1] == 300.0


@pytest.mark.parametrize(("came", "kept"), [(63, 60), (122, 120), (514, 512), (258, 256), (120, 120)])
def test_telemetry_is_known_by_the_number_of_rows(came: int, kept: int):
    assert len(without_telemetry(np.zeros((came, 4), np.uint16))) == kept


def test_colours_are_no_temperature():
    assert single(np.random.default_rng(0).integers(0, 255, (4, 4, 3)).astype(np.uint8)) is None
    assert single(np.zeros((4, 4), np.float32)) is None
