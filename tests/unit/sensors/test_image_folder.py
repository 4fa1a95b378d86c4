"""Folders of pictures: stamps in names, EuRoC and TUM indexes, depth and thermal, and a real kitchen."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from sixsense.sensors.errors import SourceError
from sixsense.sensors.image_folder import nanoseconds
from sixsense.sensors.logs import open_log
from sixsense.sensors.sample import NS, Event, Sample

T0 = 1_700_000_000 * NS


def of(events: list[Event], stream: str) -> list[Sample]:
    return [event for event in events if isinstance(event, Sample) and event.stream == stream]


def save(path: Path, value: int, dtype: type = np.uint8, channels: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((4, 6, channels), value, dtype))


@pytest.mark.parametrize("digits", [19, 16, 13, 10])
def test_a_name_is_a_stamp_in_the_unit_of_its_size(tmp_path: Path, digits: int) -> None:
    for k in range(3):
        save(tmp_path / f"{str(T0 + k * NS)[:digits]}.jpg", 10 * k)
    log = open_log(tmp_path)
    (info,) = log.streams
    assert (info.stream, info.modality, info.encoding, info.clock) == ("camera", "vision", "jpeg", "driver")
    assert info.rate_hz == pytest.approx(1)
    assert [sample.stamp_ns for sample in of(list(log.events(1)), "camera")] == [T0, T0 + NS, T0 + 2 * NS]
    assert (log.start_ns, log.duration_ns) == (T0, 2 * NS)


def test_fractions_of_a_second_are_exact() -> None:
    assert nanoseconds("1305031102.175304") == 1_305_031_102_175_304_000
    assert nanoseconds("42") is None


def test_subfolders_are_streams_and_16_bits_are_depth(tmp_path: Path) -> None:
    for k in range(3):
        save(tmp_path / "rgb" / f"{T0 + k * NS}.png", 5, np.uint8)
        save(tmp_path / "range" / f"{T0 + k * NS}.png", 1234, np.uint16, 1)
        save(tmp_path / "heat" / f"{T0 + k * NS}.png", 29_800, np.uint16, 1)
    log = open_log(tmp_path, topics={"heat": {"modality": "thermal", "stream": "thermal"}})
    found = {info.stream: info.modality for info in log.streams}
    assert found == {"thermal": "thermal", "range": "depth", "rgb": "vision"}
    events = list(log.events(1))
    assert of(events, "range")[0].encoding == "16UC1"
    assert of(events, "range")[0].data[0, 0] == 1234
    assert of(events, "thermal")[0].units == "K"
    assert [one.topic for one in open_log(tmp_path, topics={"heat": "ignore"}).ignored] == ["heat"]
    with pytest.raises(SourceError, match="no 'cold'"):
        open_log(tmp_path, topics={"cold": "thermal"})


def test_tum_lists_pictures_and_keeps_depth_in_fifths_of_a_millimetre(tmp_path: Path) -> None:
    save(tmp_path / "depth" / "a.png", 5000, np.uint16, 1)
    save(tmp_path / "depth" / "b.png", 0, np.uint16, 1)
    (tmp_path / "depth.txt").write_text(
        "# depth maps\n1305031102.160407 depth/a.png\n1305031102.194330 depth/b.png\n"
    )
    log = open_log(tmp_path)
    near, invalid = of(list(log.events(1)), "depth")
    assert near.stamp_ns == 1_305_031_102_160_407_000
    assert near.data[0, 0] == pytest.approx(1.0)
    assert np.isnan(invalid.data).all()


def test_euroc_has_pictures_and_motion(tmp_path: Path) -> None:
    camera, imu = tmp_path / "mav0" / "cam0", tmp_path / "mav0" / "imu0"
    imu.mkdir(parents=True)
    for k in range(3):
        save(camera / "data" / f"{T0 + k * NS}.png", k, np.uint8, 1)
    listed = "".join(f"{T0 + k * NS},{T0 + k * NS}.png\n" for k in range(3))
    (camera / "data.csv").write_text("#timestamp [ns],filename\n" + listed)
    head = (
        "#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],a_RS_S_x [m s^-2],y,z\n"
    )
    rows = [f"{T0 + k * NS // 100},0.1,0.2,0.3,1,2,9.8\n" for k in range(200)]
    (imu / "data.csv").write_text(head + "".join(rows) + "nonsense\n" + rows[0])
    log = open_log(tmp_path)
    infos = {info.stream: info for info in log.streams}
    assert {name: info.modality for name, info in infos.items()} == {
        "mav0.cam0": "vision", "mav0.imu0": "imu",
    }  # fmt: skip
    events = list(log.events(1))
    data = np.concatenate([sample.data for sample in of(events, "mav0.imu0")])
    assert data.shape == (200, 6)
    assert data[0] == pytest.approx([1, 2, 9.8, 0.1, 0.2, 0.3])
    assert log.counts()["mav0.imu0"] == {"malformed": 1, "disorder": 1}
    assert len(of(events, "mav0.cam0")) == 3


def test_a_picture_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    for k in range(4):
        save(tmp_path / f"{T0 + k * NS}.png", k)
    (tmp_path / f"{T0 + 2 * NS}.png").write_bytes(b"\x89PNG\r\n\x1a\ncut")
    log = open_log(tmp_path)
    assert [sample.seq for sample in of(list(log.events(1)), "camera")] == [0, 1, 2]
    assert log.counts()["camera"] == {"corrupt": 1}


def test_frame_numbers_count_at_the_rate_that_is_said(tmp_path: Path) -> None:
    for k in range(3):
        save(tmp_path / f"frame-{k:06}.jpg", k)
    rule = {"frame": {"modality": "vision", "rate_hz": 10}}
    for topics, period in (({}, NS / 30), (rule, NS / 10)):
        log = open_log(tmp_path, topics=topics)
        assert log.streams[0].clock == "estimated"
        stamps = [sample.stamp_ns for sample in of(list(log.events(1)), "frame")]
        assert stamps == pytest.approx([0, period, 2 * period], abs=1)


def test_years_between_pictures_are_passed_over(tmp_path: Path) -> None:
    save(tmp_path / f"{T0}.jpg", 1)
    save(tmp_path / f"{T0 + 10**17}.jpg", 2)
    assert len(list(open_log(tmp_path).events(1))) < 20_000


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(SourceError, match="no pictures"):
        open_log(tmp_path)


def test_a_kitchen(shared: Path) -> None:
    kitchen = shared / "data" / "seven_scenes_kitchen"
    if not kitchen.is_dir():
        pytest.skip(f"no pictures at {kitchen}")
    log = open_log(kitchen)
    events = list(log.events(1))
    colour, depth = of(events, "color"), of(events, "depth")
    assert [sample.stamp_ns for sample in colour] == [sample.stamp_ns for sample in depth]
    assert colour[1].stamp_ns == 4 * NS // 30
    assert (depth[0].data.shape, depth[0].data.dtype) == ((480, 640), np.uint16)
    valid = depth[0].data[(depth[0].data > 0) & (depth[0].data < 65535)]
    assert 500 < np.median(valid) < 5000
