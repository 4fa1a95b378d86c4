"""The audio track of a recording: pcm_s16 chunks of 20 ms at the file's own rate and channels."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np

from .container import MAX_GAP_NS, About, Losses, frames, open_media, require, seek, stamp_of
from .sample import NS, Sample, StreamInfo

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

CHUNK_S = 0.02

# Containers round stamps (Matroska to 1 ms); the samples' own count is the finer clock. A lost packet is
# 20 ms or more with the usual codecs.
TOLERANCE_NS = 10_000_000

# A lossy decoder needs what came before (MDCT overlap, Opus convergence of 80 ms) to settle after a seek.
PREROLL_NS = 500_000_000


class AudioTrack:
    """Stream "microphone": the file's best audio stream."""

    def __init__(self, about: About, layout: str, info: StreamInfo) -> None:
        self.info = info
        self.losses = Losses()
        self._about = about
        self._layout = layout
        self._rate = round(info.rate_hz)

    def samples(self, epoch: int, from_ns: int | None = None) -> Iterator[Sample]:
        """Chunks in order. Stamps count samples from where the sound began, or began again after a gap."""
        item = 0
        for seq, (stamp_ns, pcm) in enumerate(self._chunks(from_ns)):
            yield Sample(
                stream=self.info.stream,
                modality="audio",
                epoch=epoch,
                seq=seq,
                item=item,
                stamp_ns=stamp_ns,
                encoding="pcm_s16",
                data=pcm,
                rate_hz=self.info.rate_hz,
                clock=self.info.clock,
                units="full scale",
                frame_id=self.info.frame_id,
            )
            item += len(pcm)

    def _chunks(self, from_ns: int | None) -> Iterator[tuple[int, np.ndarray]]:
        """Cut into CHUNK_S from the stamp of the first sample on, and anew after each gap."""
        size = max(1, round(self._rate * CHUNK_S))
        base_ns, cut, rest, began = from_ns or 0, 0, np.empty((0, self.info.channels), np.int16), False
        for stamp_ns, pcm in self._blocks(from_ns):
            expected_ns = base_ns + self._length_ns(cut + len(rest))
            if self._begins_anew(stamp_ns, expected_ns, TOLERANCE_NS if began else 0):
                if len(rest):
                    yield base_ns + self._length_ns(cut), rest
                base_ns, cut, rest = stamp_ns or 0, 0, rest[:0]
            began, rest = True, np.concatenate([rest, pcm])
            while len(rest) >= size:
                yield base_ns + self._length_ns(cut), rest[:size].copy()
                cut, rest = cut + size, rest[size:]
        if len(rest):
            yield base_ns + self._length_ns(cut), rest

    def _begins_anew(self, stamp_ns: int | None, expected_ns: int, tolerance_ns: int) -> bool:
        """Whether the file's clock shows a gap, which counts in PCM frames.

        Where it is missing, goes back or leaps, the sound just goes on: `clock`.
        """
        ahead_ns = -MAX_GAP_NS if stamp_ns is None else stamp_ns - expected_ns
        if tolerance_ns < ahead_ns <= MAX_GAP_NS:
            self.losses["gap"] += round(ahead_ns * self._rate / NS) if tolerance_ns else 0
            return True
        self.losses["clock"] += abs(ahead_ns) > TOLERANCE_NS
        return False

    def _blocks(self, from_ns: int | None) -> Iterator[tuple[int | None, np.ndarray]]:
        """Stamp and int16 (n, channels) of each decoded frame, cut off before `from_ns`."""
        with open_media(self._about.path) as container:
            stream = audio_stream(container)
            if from_ns:
                seek(container, self._about.start, max(0, from_ns - PREROLL_NS))
            convert = Converter(self._layout, self._rate)
            for frame in frames(container, stream, self.losses, whole=not from_ns):
                stamp_ns = stamp_of(frame.pts, frame.time_base, self._about.start)
                pcm = convert(frame)
                if pcm is None:
                    self.losses["corrupt"] += 1
                    continue
                if from_ns and (stamp_ns is None or stamp_ns < from_ns):
                    early = len(pcm) if stamp_ns is None else -((stamp_ns - from_ns) * self._rate // NS)
                    stamp_ns, pcm = (stamp_ns or 0) + self._length_ns(early), pcm[early:]
                if len(pcm):
                    yield stamp_ns, pcm

    def _length_ns(self, count: int) -> int:
        return round(Fraction(count * NS, self._rate))


class Converter:
    """Decoded frames to packed int16 of one layout and rate, whatever theirs are."""

    def __init__(self, layout: str, rate: int) -> None:
        import av

        self._channels = av.AudioLayout(layout).nb_channels
        self._layout = layout
        self._rate = rate
        self._resampler: AudioResampler | None = None
        self._made_for: tuple[str, str, int] | None = None

    def __call__(self, frame: "AudioFrame") -> np.ndarray | None:
        """int16 (n, channels), at the same rate exactly the frame's samples; None where it cannot be done."""
        from av.error import FFmpegError

        frame.pts = None
        try:
            parts = [part.to_ndarray().reshape(-1, self._channels) for part in self._resample(frame)]
        except (FFmpegError, ValueError):
            return None
        return np.concatenate([np.empty((0, self._channels), np.int16), *parts])

    def _resample(self, frame: "AudioFrame") -> "list[AudioFrame]":
        """A resampler takes one kind of frame: at a change the old one gives up what it holds."""
        import av

        held: list[AudioFrame] = []
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or kind != self._made_for:
            held = self._resampler.resample(None) if self._resampler else []
            self._resampler = av.AudioResampler(format="s16", layout=self._layout, rate=self._rate)
            self._made_for = kind
        return held + self._resampler.resample(frame)


def open_audio(about: About) -> AudioTrack | None:
    """The track, or None where nothing of it can be decoded."""
    with open_media(about.path) as container:
        stream = audio_stream(container)
        first = next(frames(container, stream, Losses()), None)
        if first is None or Converter(first.layout.name, first.sample_rate)(first) is None:
            return None
        info = StreamInfo(
            stream="microphone",
            modality="audio",
            encoding="pcm_s16",
            rate_hz=float(first.sample_rate),
            clock="driver",
            channels=first.layout.nb_channels,
            frame_id="microphone",
            source=about.source,
            created=about.created,
        )
        return AudioTrack(about, first.layout.name, info)


def audio_stream(container: "InputContainer") -> "AudioStream":
    """The best audio stream, with nothing else read from the file. Raises SourceError without one."""
    return cast("AudioStream", require(container, "audio"))
