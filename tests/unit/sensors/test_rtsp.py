import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
from sixsense.sensors import rtsp
from sixsense.sensors.clock import ManualClock
from sixsense.sensors.device import DeviceError

FRAMES = 12
SEND = f"""
import sys, time, av, numpy as np
from fractions import Fraction
for attempt in range(100):
    try:
        with av.open(sys.argv[1], "w", format="rtsp", options={{"rtsp_transport": "tcp"}}) as file:
            stream = file.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for index in range({FRAMES}):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * index, np.uint8), format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        break
    except av.error.ConnectionRefusedError:
        time.sleep(0.05)
"""
"""Pushes a short video to who listens there; as a process, for FFmpeg holds Python's lock meanwhile."""


def all_of(container, url: str) -> list:
    readings = []
    with suppress(DeviceError):
        for reading in rtsp.readings(container, url, "door", ManualClock(10**12)):
            readings.append(reading)
    return readings


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_frames_of_a_network_camera_come_decoded_by_its_own_clock():
    url = f"rtsp://127.0.0.1:{free_port()}/live"
    sender = subprocess.Popen([sys.executable, "-c", SEND, url])
    container = rtsp.open_rtsp(url, {**rtsp.OPTIONS, "rtsp_flags": "listen", "listen_timeout": "5"})
    assert rtsp.shape_of(container) == ("rgb8", 64, 48)
    readings = all_of(container, url)
    sender.kill()
    sender.wait(5)
    assert len(readings) >= FRAMES - 2
    assert {(reading.encoding, reading.clock) for reading in readings} == {("rgb8", "estimated")}
    assert readings[-1].data.shape == (48, 64, 3)


def test_jpegs_are_passed_through(media: Callable[..., Path]):
    path = str(media("a.avi", video="mjpeg", seconds=0.4))
    with av.open(path) as file:
        sent = [bytes(packet) for packet in file.demux(video=0) if packet.size]
    container = av.open(path)
    assert rtsp.shape_of(container) == ("jpeg", 64, 48)
    readings = all_of(container, path)
    assert [reading.data.tobytes() for reading in readings] == sent
    assert {reading.encoding for reading in readings} == {"jpeg"}
