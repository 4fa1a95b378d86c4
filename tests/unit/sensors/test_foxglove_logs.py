"""Logs with Foxglove's own schemas, in JSON and in protobuf."""

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from ros_logs import (
    MS,
    T0,
    TONE,
    check_contract,
    of,
)
from sixsense.sensors.errors import SourceError
from sixsense.sensors.logs import open_log
from sixsense.sensors.sample import NS


def test_foxglove_in_json(tmp_path: Path) -> None:
    from mcap.writer import Writer

    path = tmp_path / "f"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()

        def channel(topic: str, schema: str) -> int:
            return writer.register_channel(topic, "json", writer.register_schema(schema, "jsonschema", b"{}"))

        camera, sound, motion, odd = (
            channel("/camera", "foxglove.RawImage"),
            channel("/sound", "foxglove.RawAudio"),
            channel("/imu", "sensor_msgs/Imu"),
            channel("/odd", "foxglove.LocationFix"),
        )

        def put(number: int, after_ns: int, fields: dict) -> None:
            stamp = {"sec": (T0 + after_ns) // NS, "nsec": (T0 + after_ns) % NS}
            data = json.dumps({"timestamp": stamp, "header": {"stamp": stamp}} | fields).encode()
            writer.add_message(number, T0 + after_ns + MS, data, T0 + after_ns)

        for k in range(10):
            image = base64.b64encode(bytes([k]) * 72).decode()
            put(
                camera, k * 100 * MS, {"width": 6, "height": 4, "step": 18, "encoding": "rgb8", "data": image}
            )
            pcm = base64.b64encode(TONE[k * 1600 : (k + 1) * 1600].tobytes()).decode()
            form = {"format": "pcm-s16", "sample_rate": 16_000, "number_of_channels": 1}
            put(sound, k * 100 * MS, {**form, "data": pcm})
            xyz = {"x": 0.0, "y": 0.5, "z": 9.8}
            put(motion, k * 100 * MS, {"linear_acceleration": xyz, "angular_velocity": xyz})
        put(odd, 0, {"latitude": 1})
        writer.finish()
    log = open_log(path)
    events = list(log.events(1))
    check_contract(events, ["camera", "sound", "imu"])
    assert [int(s.data[0, 0, 0]) for s in of(events, "camera")] == list(range(10))
    assert np.array_equal(np.concatenate([s.data for s in of(events, "sound")])[:, 0], TONE[:16_000])
    assert sum(s.items for s in of(events, "imu")) == 10
    assert [one.topic for one in log.ignored] == ["/odd"]


def test_foxglove_in_protobuf_by_its_own_library(tmp_path: Path) -> None:
    import foxglove
    from foxglove import messages
    from foxglove.channels import CameraCalibrationChannel, CompressedImageChannel, RawAudioChannel

    path = tmp_path / "f.mcap"
    context = foxglove.Context()
    with foxglove.open_mcap(path, context=context):
        camera = CompressedImageChannel("/depth/image", context=context)
        sound = RawAudioChannel("/sound", context=context)
        calibration = CameraCalibrationChannel("/depth/calibration", context=context)
        for k in range(10):
            after = k * 100 * MS
            stamp = messages.Timestamp(sec=T0 // NS, nsec=after)
            png = cv2.imencode(".png", np.full((4, 6), 500 + k, np.uint16))[1].tobytes()
            fields = {"timestamp": stamp, "frame_id": "eye"}
            camera.log(messages.CompressedImage(**fields, data=png, format="png"), log_time=T0 + after)
            pcm = TONE[k * 1600 : (k + 1) * 1600].tobytes()
            sound.log(
                messages.RawAudio(
                    timestamp=stamp, data=pcm, format="pcm-s16", sample_rate=16_000, number_of_channels=1
                ),
                log_time=T0 + after,
            )
            calibration.log(
                messages.CameraCalibration(**fields, width=6, height=4, P=[40.0, 0, 0, -4.0, *[0.0] * 8]),
                log_time=T0 + after,
            )
    with pytest.raises(SourceError, match="/depth/image"):
        open_log(path, topics={"/sound": "ignore"})
    log = open_log(path, topics={"/depth/image": "depth"})
    infos = {info.stream: info for info in log.streams}
    assert (infos["depth.image"].fx, infos["depth.image"].baseline) == (40, 0.1)
    assert infos["depth.image"].frame_id == "eye"
    events = list(log.events(1))
    check_contract(events, list(infos))
    assert [int(s.data[0, 0]) for s in of(events, "depth.image")] == [500 + k for k in range(10)]
    assert np.array_equal(np.concatenate([s.data for s in of(events, "sound")])[:, 0], TONE[:16_000])
