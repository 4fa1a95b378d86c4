"""Microphone: any channels and rate through PortAudio; int16 chunks of 20 ms, stamped by counting samples.

`id` is `default`, `pulse:SOURCE` (a source of PulseAudio or PipeWire by its name, as `pactl list short
sources` tells), or a sound card's name as PortAudio has it, without its number: that changes with a reboot.
`python -m sixsense.sensors.microphone default` prints one reading.
"""

import os
import re
import subprocess
import threading
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from .clock import Clock
from .counted import Chunk, Counted
from .device import DeviceError, DeviceFailedError, Found, Reading
from .sample import StreamInfo

if TYPE_CHECKING:
    import sounddevice

CHUNK_S = 0.02
QUEUED_S = 10.0
"""How much is kept for a reader that does not come; beyond it the oldest is an overrun."""
PULSE = "pulse:"
FIND_S = 1.5
MISSING = "cannot use PortAudio ({}); `sudo apt install libportaudio2` (macOS: brew install portaudio)"

_opening = threading.Lock()
_open: set[Any] = set()
"""PortAudio's list of devices is as old as its start, and it can only be started again while none is open."""


class Microphone:
    """One input of a sound card. `channels` and `rate_hz` are what it is opened with, not wishes."""

    def __init__(
        self,
        *,
        clock: Clock,
        id: str = "default",
        rate_hz: float = 48000,
        channels: int = 1,
        name: str = "microphone",
    ) -> None:
        self._device, self._clock = id, clock
        self._stream: sounddevice.RawInputStream | None = None
        self._chunks: deque[Chunk] = deque(maxlen=round(QUEUED_S / CHUNK_S))
        self._arrived = threading.Event()
        self._spilt = False
        self._counted = Counted(rate_hz)
        self._past: dict[str, int] = {}
        self._info = StreamInfo(
            stream=name,
            modality="audio",
            encoding="pcm_s16",
            rate_hz=rate_hz,
            clock="host",
            channels=channels,
            frame_id=name,
            source=id,
        )

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return (self._info,)

    def open(self) -> None:
        """Start capturing. Raises DeviceError; DeviceFailedError without PortAudio."""
        self.close()
        sounddevice, info = portaudio(), self._info
        self._past, self._counted = self._losses(), Counted(info.rate_hz)
        self._chunks.clear()
        with _opening, _environment(PULSE_SOURCE=pulse_source(self._device)):
            index = chosen(self._device, _listed(sounddevice))
            try:
                stream = sounddevice.RawInputStream(
                    device=index,
                    samplerate=info.rate_hz,
                    channels=info.channels,
                    dtype="int16",
                    blocksize=round(info.rate_hz * CHUNK_S),
                    callback=self._arrive,
                )
                stream.start()
            except sounddevice.PortAudioError as error:
                raise DeviceError(self._refused(sounddevice, index, error)) from error
            _open.add(stream)
        self._stream = stream

    def read(self, timeout_s: float) -> list[Reading]:
        """What was heard since the last call, by chunks; what was lost is a gap in the stamps."""
        stream = self._stream
        if stream is None:
            raise DeviceError(f"microphone {self._device} is not open; open it before reading")
        if not self._arrived.wait(timeout_s) and not stream.active:
            raise DeviceError(f"microphone {self._device} stopped; was it unplugged?")
        self._arrived.clear()
        readings: list[Reading] = []
        while self._chunks:
            for pcm, stamp_ns, clock in self._counted.add(self._next()):
                readings.append(Reading(self._info.stream, stamp_ns, "pcm_s16", pcm, clock=clock))
        return readings

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)
            _open.discard(stream)

    def counts(self) -> dict[str, dict[str, int]]:
        """PCM frames lost: `overrun` as the driver said, `gap` as the time between chunks shows, `early` as
        what came before them, stamped too late, left no time for them."""
        return {self._info.stream: self._losses()}

    def _losses(self) -> dict[str, int]:
        return {cause: self._past.get(cause, 0) + lost for cause, lost in self._counted.lost.items()}

    def _next(self) -> Chunk:
        chunk, spilt, self._spilt = self._chunks.popleft(), self._spilt, False
        return chunk._replace(broken=True) if spilt else chunk

    def _arrive(self, data: Any, frames: int, times: Any, status: Any) -> None:
        """PortAudio's callback, in its own thread: no more than taking note."""
        now_ns = self._clock.now_ns()
        pcm = np.frombuffer(bytes(data), np.int16).reshape(frames, self._info.channels)
        age_s = times.currentTime - times.inputBufferAdcTime
        age_ns = round(age_s * 1e9) if times.inputBufferAdcTime > 0 else None
        self._spilt |= len(self._chunks) == self._chunks.maxlen
        self._chunks.append(Chunk(pcm, now_ns, age_ns, bool(status.input_overflow)))
        self._arrived.set()

    def _refused(self, sounddevice: Any, index: int, error: Exception) -> str:
        """What the device was asked, and what it would rather give."""
        about, info = sounddevice.query_devices(index), self._info
        return (
            f"microphone {self._device} does not open with rate_hz = {info.rate_hz:g} and"
            f" channels = {info.channels} ({error}); it has up to {about['max_input_channels']} channels and"
            f" usually {about['default_samplerate']:g} Hz"
        )


def portaudio() -> Any:
    """The module sounddevice. Raises DeviceFailedError where its library is missing."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise DeviceFailedError(MISSING.format(error)) from error
    return sounddevice


def pulse_source(device: str) -> str | None:
    """The source of PulseAudio that a device names, if it is one."""
    return device.removeprefix(PULSE) if device.startswith(PULSE) else None


def chosen(device: str, listed: Sequence[Mapping[str, Any]]) -> int:
    """The index, now, of the input with this name. Raises DeviceError with the names that there are."""
    wanted = "pulse" if device.startswith(PULSE) else device
    inputs = {index: about["name"] for index, about in enumerate(listed) if about["max_input_channels"] > 0}
    matches = [i for i, name in inputs.items() if name == wanted] or [
        i for i, name in inputs.items() if stable_name(name) == wanted
    ]
    if len(matches) == 1:
        return matches[0]
    names = ", ".join(sorted(inputs.values())) or "none"
    if matches:
        raise DeviceError(f"there are {len(matches)} microphones called {device}; name one of: {names}")
    if wanted == "pulse":
        raise DeviceError(
            f"no PulseAudio for {device}: it does not run (`pactl info`), or ALSA cannot reach it"
            f" (`sudo apt install libasound2-plugins`); inputs: {names}"
        )
    raise DeviceError(f"there is no microphone {device}; plug it in, or name one that is there: {names}")


def stable_name(name: str) -> str:
    """`Yeti: USB Audio (hw:2,0)` without the numbers, which are those of this boot."""
    return re.sub(r" \((?:plug)?hw:\d+,\d+\)$", "", name)


def find() -> list[Found]:
    """Every source of PulseAudio or PipeWire but its monitors; without a sound server, every card's input.

    Raises DeviceFailedError without PortAudio.
    """
    sounddevice = portaudio()
    with _opening:
        listed = _listed(sounddevice)
    has_pulse = any(about["name"] == "pulse" and about["max_input_channels"] > 0 for about in listed)
    sources = [_of_source(source) for source in _sources() if not source["name"].endswith(".monitor")]
    if has_pulse and sources:
        return sources
    return [_of_card(about) for about in listed if about["max_input_channels"] and "hw:" in about["name"]]


def _of_source(source: Mapping[str, Any]) -> Found:
    form, channels, rate = source["sample_specification"].split()
    return _found(
        f"{PULSE}{source['name']}",
        source["description"],
        f"{form} {channels} {rate}",
        int(rate.removesuffix("Hz")),
        int(channels.removesuffix("ch")),
    )


def _of_card(about: Mapping[str, Any]) -> Found:
    channels, rate = about["max_input_channels"], about["default_samplerate"]
    name = stable_name(about["name"])
    return _found(name, name, f"up to {channels}ch, usually {rate:g}Hz", rate, channels)


def _found(device: str, name: str, mode: str, rate_hz: float, channels: int) -> Found:
    return Found(
        driver="microphone",
        id=device,
        name=name,
        modes=(mode,),
        options={"id": device, "rate_hz": rate_hz, "channels": min(channels, 2)},
    )


def _sources() -> list[dict[str, Any]]:
    """What a sound server has, or nothing where there is none."""
    try:
        told = subprocess.run(
            ["pactl", "--format=json", "list", "sources"], capture_output=True, timeout=FIND_S, check=True
        )
        return msgspec.json.decode(told.stdout, type=list[dict[str, Any]])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return []


def _listed(sounddevice: Any) -> list[Mapping[str, Any]]:
    """PortAudio's devices, as they are now where that can be known."""
    if not _open:
        sounddevice._terminate()
        sounddevice._initialize()
    return list(sounddevice.query_devices())


@contextmanager
def _environment(**values: str | None) -> Generator[None]:
    """Environment variables for a while: libpulse has no other way to be told through ALSA."""
    before = {name: os.environ.get(name) for name in values}
    _set_environment(values)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


if __name__ == "__main__":
    from .once import print_one

    print_one(Microphone)
