import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sixsense.sensors import microphone as module
from sixsense.sensors.clock import Timeline
from sixsense.sensors.device import DeviceError
from sixsense.sensors.microphone import Microphone, chosen, find, stable_name

RATE = 48_000
MODULES = (
    "module-native-protocol-unix",
    "module-null-sink sink_name=speaker rate=48000 channels=2",
    "module-remap-source source_name=microphone master=speaker.monitor",
)


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[np.ndarray], subprocess.Popen]]:
    """Plays int16 (n, 2) into a PulseAudio of our own, whose source `microphone` hears it."""
    skip_without_sound()
    home = tmp_path_factory.mktemp("pulse")
    with served(home):
        yield lambda pcm: _played(home, pcm)


def skip_without_sound() -> None:
    for program in ("pulseaudio", "pactl", "pacat"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here: apt install pulseaudio pulseaudio-utils libasound2-plugins")
    try:
        import sounddevice  # noqa: F401
    except OSError as error:
        pytest.skip(f"no PortAudio here ({error}): apt install libportaudio2")


@contextmanager
def served(home: Path) -> Iterator[subprocess.Popen]:
    """A PulseAudio server with all its files in `home`, which this process is sent to."""
    home.chmod(0o700)
    mine = {"XDG_RUNTIME_DIR": str(home), "HOME": str(home), "PULSE_SERVER": f"unix:{home}/pulse/native"}
    loads = [part for one in MODULES for part in ("-L", one)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in mine.items():
            patch.setenv(name, value)
        daemon = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", *loads], stderr=subprocess.DEVNULL
        )
        try:
            _await_server()
            yield daemon
        finally:
            daemon.terminate()
            daemon.wait(10)


def _await_server() -> None:
    end = time.monotonic() + 10
    while subprocess.run(["pactl", "info"], capture_output=True).returncode:
        assert time.monotonic() < end, "PulseAudio did not start"
        time.sleep(0.05)


def _played(home: Path, pcm: np.ndarray) -> subprocess.Popen:
    (home / "played.raw").write_bytes(pcm.astype("<i2").tobytes())
    how = ["--device=speaker", f"--rate={RATE}", "--channels=2", "--format=s16le", str(home / "played.raw")]
    return subprocess.Popen(["pacat", "--playback", *how])


def tone(*hertz: float, seconds: float) -> np.ndarray:
    time_s = np.arange(round(RATE * seconds)) / RATE
    return np.stack([8000 * np.sin(2 * np.pi * f * time_s) for f in hertz], axis=1)


def loudest_hz(pcm: np.ndarray, rate: float) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))) * rate / len(pcm))


def heard(microphone: Microphone, seconds: float) -> list:
    readings, wanted = [], round(seconds * microphone.streams[0].rate_hz)
    end = time.monotonic() + 10
    while sum(len(reading.data) for reading in readings) < wanted and time.monotonic() < end:
        readings += microphone.read(0.2)
    return readings


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (16_000, 1)])
def test_a_known_tone_is_found_in_what_was_captured(pulse: Callable, rate: int, channels: int):
    microphone = Microphone(clock=Timeline(0), id="pulse:microphone", rate_hz=rate, channels=channels)
    player = pulse(tone(1000, 1500 if channels == 2 else 1000, seconds=3))
    microphone.open()
    readings = heard(microphone, 1.5)
    now_ns = time.monotonic_ns()
    microphone.close()
    player.terminate()
    player.wait(5)
    pcm = np.concatenate([reading.data for reading in readings])
    assert (pcm.dtype, pcm.shape[1]) == (np.int16, channels)
    last_second = pcm[-rate // 2 :]
    assert loudest_hz(last_second[:, 0], rate) == pytest.approx(1000, abs=5)
    assert loudest_hz(last_second[:, -1], rate) == pytest.approx(1500 if channels == 2 else 1000, abs=5)
    steps = np.diff([reading.stamp_ns for reading in readings])
    assert np.median(np.abs(steps - 20_000_000)) < 50_000
    assert steps.min() >= 19_900_000
    assert 0 < now_ns - readings[-1].stamp_ns < 2_000_000_000


def test_a_server_that_dies_is_noticed_and_found_again(tmp_path: Path):
    skip_without_sound()
    with served(tmp_path) as daemon:
        microphone = Microphone(clock=Timeline(0), id="pulse:microphone")
        microphone.open()
        heard(microphone, 0.2)
        daemon.kill()
        daemon.wait(10)
        with pytest.raises(DeviceError, match="stopped; was it unplugged"):
            heard(microphone, 60)
        microphone.close()
        with pytest.raises(DeviceError, match="it does not run"):
            microphone.open()
    with served(tmp_path):
        microphone.open()
        assert heard(microphone, 0.2)
        microphone.close()


def test_a_source_is_found_by_the_name_that_stays(pulse: Callable):
    del pulse
    (found,) = find()
    assert (found.id, found.driver) == ("pulse:microphone", "microphone")
    assert found.options == {"id": "pulse:microphone", "rate_hz": 48_000, "channels": 2}


def test_a_reader_that_does_not_come_is_a_loss_that_is_counted(
    pulse: Callable, monkeypatch: pytest.MonkeyPatch
):
    del pulse
    monkeypatch.setattr(module, "QUEUED_S", 0.4)
    microphone = Microphone(clock=Timeline(0), id="pulse:microphone", name="ear")
    microphone.open()
    heard(microphone, 0.3)
    end = time.monotonic() + 5
    while len(microphone._chunks) < 20 or not microphone._spilt:
        assert time.monotonic() < end
        time.sleep(0.02)
    readings = heard(microphone, 0.3)
    microphone.close()
    assert microphone.counts()["ear"]["overrun"] > 0
    assert len(readings) > 10


def test_it_says_what_the_names_are_when_there_is_no_such_microphone(pulse: Callable):
    del pulse
    with pytest.raises(DeviceError, match=r"there is no microphone Yeti; .*pulse"):
        Microphone(clock=Timeline(0), id="Yeti").open()
    with pytest.raises(DeviceError, match="not open"):
        Microphone(clock=Timeline(0)).read(0)
    assert "PULSE_SOURCE" not in os.environ


LISTED = [
    {"name": "Yeti: USB Audio (hw:2,0)", "max_input_channels": 2},
    {"name": "HDMI: 0 (hw:0,3)", "max_input_channels": 0},
    {"name": "Cam: USB Audio (hw:1,0)", "max_input_channels": 1},
    {"name": "Cam: USB Audio (hw:3,0)", "max_input_channels": 1},
]


def test_a_card_is_known_without_its_number():
    assert stable_name("Yeti: USB Audio (hw:2,0)") == "Yeti: USB Audio"
    assert chosen("Yeti: USB Audio", LISTED) == 0
    assert chosen("Cam: USB Audio (hw:3,0)", LISTED) == 3


@pytest.mark.parametrize(
    ("device", "advice"),
    [
        ("Cam: USB Audio", "there are 2 microphones called Cam"),
        ("HDMI: 0", "there is no microphone HDMI"),
        ("pulse:x", "libasound2-plugins"),
    ],
)
def test_a_name_that_fits_none_or_several_is_refused(device: str, advice: str):
    with pytest.raises(DeviceError, match=advice):
        chosen(device, LISTED)
