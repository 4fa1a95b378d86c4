"""Exports of Sensor Logger, written here as the app writes them: zip, folder and JSON, of both platforms."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from sixsense.sensors.errors import SourceError
from sixsense.sensors.logs import open_log
from sixsense.sensors.sample import NS, Event, Sample

T0 = 1_700_000_000 * NS
ROWS = range(200)
Media = Callable[..., Path]


def at(k: int) -> int:
    return T0 + k * 10_000_000 + 50_000_000


def table(xyz: tuple[float, float, float], shift_ns: int = 0) -> str:
    lines = [
        f"{at(k) + shift_ns},{(at(k) + shift_ns - T0) / NS:.6f},{xyz[2]},{xyz[1]},{xyz[0]}" for k in ROWS
    ]
    return "time,seconds_elapsed,z,y,x\n" + "\n".join(lines) + "\n"


def metadata(platform: str, standard: str = "false") -> str:
    return (
        f"version,device name,recording time,platform,standardisation\n3,pocket,2023,{platform},{standard}\n"
    )


def of(events: list[Event], stream: str) -> list[Sample]:
    return [event for event in events if isinstance(event, Sample) and event.stream == stream]


def export(folder: Path, platform: str, standard: str = "false") -> Path:
    """A phone flat on a table, screen up: gravity is +z on Android, -z on iOS (COORDINATES)."""
    folder.mkdir(exist_ok=True)
    sign = -1 if platform == "ios" and standard == "false" else 1
    (folder / "Metadata.csv").write_text(metadata(platform, standard))
    (folder / "Accelerometer.csv").write_text(table((sign * 0.5, 0, 0)))
    (folder / "Gravity.csv").write_text(table((0, 0, sign * 9.8), 3_000_000))
    (folder / "Gyroscope.csv").write_text(table((0.1, 0.2, 0.3)))
    (folder / "Location.csv").write_text("time,latitude\n1,2\n")
    return folder


@pytest.mark.parametrize(("platform", "standard"), [("android", "false"), ("ios", "false"), ("ios", "true")])
def test_acceleration_has_gravity_and_androids_signs(tmp_path: Path, platform: str, standard: str) -> None:
    log = open_log(export(tmp_path / "x", platform, standard))
    events = list(log.events(1))
    rows = np.concatenate([sample.data for sample in of(events, "accelerometer")])
    assert rows.shape == (200, 3)
    assert np.allclose(rows, [0.5, 0, 9.8])
    rates = np.concatenate([sample.data for sample in of(events, "gyroscope")])
    assert np.allclose(rates, [0.1, 0.2, 0.3])
    stamps = np.concatenate([sample.stamps for sample in of(events, "gyroscope")])
    assert stamps.tolist() == [at(k) for k in ROWS]
    assert dict(log.ignored) == {"Location": "nothing that the models sense"}
    assert {info.source for info in log.streams} == {"pocket"}


def test_gravity_is_interpolated_onto_the_acceleration(tmp_path: Path) -> None:
    folder = export(tmp_path / "x", "android")
    (folder / "Accelerometer.csv").write_text(table((0, 0, 0)))
    slope = [f"{at(k) + 5_000_000},0,{k % 2},0,0" for k in ROWS]
    (folder / "Gravity.csv").write_text("time,seconds_elapsed,z,y,x\n" + "\n".join(slope) + "\n")
    rows = np.concatenate([s.data for s in of(list(open_log(folder).events(1)), "accelerometer")])
    assert np.allclose(rows[:, 2], [0, *[0.5] * 199])


def test_total_acceleration_is_taken_where_there_is_one(tmp_path: Path) -> None:
    folder = export(tmp_path / "x", "android")
    (folder / "TotalAcceleration.csv").write_text(table((0, 0, 9.7)))
    rows = np.concatenate([s.data for s in of(list(open_log(folder).events(1)), "accelerometer")])
    assert np.allclose(rows, [0, 0, 9.7])


def test_acceleration_without_gravity_is_ignored_and_said(tmp_path: Path) -> None:
    folder = export(tmp_path / "x", "android")
    (folder / "Gravity.csv").unlink()
    assert "Gravity" in dict(open_log(folder).ignored)["accelerometer"]


def test_uncalibrated_acceleration_of_an_iphone_is_in_g(tmp_path: Path) -> None:
    folder = export(tmp_path / "x", "ios")
    (folder / "Gravity.csv").unlink()
    (folder / "AccelerometerUncalibrated.csv").write_text(table((0, 0, -1)))
    rows = np.concatenate([s.data for s in of(list(open_log(folder).events(1)), "accelerometer")])
    assert np.allclose(rows, [0, 0, 9.80665])


def test_a_zip_with_sound_and_pictures(tmp_path: Path, media: Media) -> None:
    folder = export(tmp_path / "x", "android")
    sound = media(tmp_path / "Microphone.mp4", audio="aac", seconds=1.0, rate=16000, channels=1)
    (folder / "Camera").mkdir()
    for k in range(3):
        cv2.imwrite(
            str(folder / "Camera" / f"{(T0 + k * NS) // 1_000_000}.jpg"), np.zeros((4, 6, 3), np.uint8)
        )
    path = tmp_path / "recording.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in (file for file in folder.glob("**/*") if file.is_file()):
            archive.write(file, f"drive/{file.relative_to(folder)}")
        archive.write(sound, "drive/Microphone.mp4")
    log = open_log(path)
    assert {info.stream for info in log.streams} == {"accelerometer", "gyroscope", "microphone", "camera"}
    events = list(log.events(1))
    ends = [event.end_ns for event in events if isinstance(event, Sample)]
    assert ends == sorted(ends)
    assert of(events, "microphone")[0].stamp_ns == T0
    assert [sample.stamp_ns for sample in of(events, "camera")] == [T0, T0 + NS, T0 + 2 * NS]
    late = of(list(log.events(1, T0 + NS // 2)), "microphone")
    assert late[0].stamp_ns == pytest.approx(T0 + NS // 2, abs=1_000_000)


def test_json_is_read_record_by_record(tmp_path: Path) -> None:
    records = [{"sensor": "Metadata", "platform": "ios", "device name": "pocket"}]
    for sensor, xyz in (("Accelerometer", (0.0, 0, 0)), ("Gravity", (0, 0, -9.8)), ("Gyroscope", (1, 2, 3))):
        records += [
            {"sensor": sensor, "time": str(at(k)), "seconds_elapsed": "0.1"}
            | dict(zip("xyz", map(str, xyz), strict=True))
            for k in ROWS
        ]
    records.append({"sensor": "Gyroscope", "time": "soon", "x": "1", "y": "2", "z": "3"})
    path = tmp_path / "export.json"
    path.write_text(json.dumps(records))
    log = open_log(path)
    events = list(log.events(1))
    rows = np.concatenate([sample.data for sample in of(events, "accelerometer")])
    assert np.allclose(rows, [0, 0, 9.8])
    assert sum(sample.items for sample in of(events, "gyroscope")) == 200
    assert log.counts()["gyroscope"] == {"malformed": 1}
    path.write_text(json.dumps(records)[:-500])
    cut = open_log(path)
    list(cut.events(1))
    assert cut.counts()["gyroscope"]["truncated"] == 1


@pytest.mark.parametrize("content", [b"PK\x03\x04 and no more", b"[", b"[1, 2, 3]", b'[{"sensor": 1}]'])
def test_what_is_no_export_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(SourceError):
        open_log(path)
