"""A recording as a Source: every track of one file, merged by time."""

import os
from collections.abc import Iterator, Sequence
from typing import Protocol

from .audio import open_audio
from .container import MAX_GAP_NS, About, Losses, codec_of, open_media, pick, start_of
from .errors import SourceError
from .sample import End, Event, Progress, Sample, StreamInfo
from .telemetry import open_telemetry
from .topics import Ignored
from .video import open_video

OPENERS = {"camera": open_video, "microphone": open_audio}

# Half of what a Source owes its receivers at the latest, so that no window waits long for a silent stream.
PROGRESS_NS = 50_000_000


class Track(Protocol):
    """One stream of a file, read on its own."""

    info: StreamInfo
    losses: Losses

    def samples(self, epoch: int, from_ns: int | None = None) -> Iterator[Sample]:
        """Samples in the order of their stamps, `seq` and `item` from 0."""
        ...


class Recording:
    """A file's camera, microphone, accelerometer and gyroscope, as far as it has them.

    Each track reads the file on its own, one sample ahead: memory does not grow with the recording, however
    its tracks are interleaved, and the order of events depends on nothing but their stamps. The timeline
    begins at 0 with the first stream; `StreamInfo.created` is when the file says it was recorded.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        duration_ns: int,
        undecodable: Sequence[str],
        *,
        start_ns: int = 0,
        ignored: Sequence[Ignored] = (),
    ) -> None:
        self._tracks = tracks
        self._undecodable = undecodable
        self.start_ns, self.duration_ns = start_ns, duration_ns
        self.ignored = (
            *ignored,
            *(Ignored(name, "this FFmpeg has no decoder for it") for name in undecodable),
        )

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        return tuple(track.info for track in self._tracks)

    def events(self, epoch: int, from_ns: int | None = None) -> Iterator[Event]:
        """Yield Samples by `end_ns`, Progress every PROGRESS_NS and one End a stream.

        Can be called again, for another epoch. Raises SourceError when the file is gone or was replaced.
        """
        names = [track.info.stream for track in self._tracks]
        since = self.start_ns if from_ns is None else from_ns
        return merged(names, [track.samples(epoch, from_ns) for track in self._tracks], epoch, since)

    def counts(self) -> dict[str, dict[str, int]]:
        """Per stream, by cause.

        `corrupt` packets or frames that could not be decoded; `concealed` damaged frames that were mended
        and delivered; `truncated` packets that the file promises and lacks (1 where it only promises a
        length); `gap` PCM frames missing by the file's clock; `malformed` telemetry payloads; `clock` stamps
        that were missing or stepped and were replaced; `undecodable` 1 for a track that was left out.
        """
        counts = {track.info.stream: dict(+track.losses) for track in self._tracks}
        return counts | {stream: {"undecodable": 1} for stream in self._undecodable}


def open_recording(path: str | os.PathLike[str]) -> Recording:
    """Open a video, audio or action-camera file.

    Raises SourceError for a file that is missing, empty, a directory, not media, or without one video or
    audio track that can be decoded.
    """
    with open_media(path) as container:
        chosen = {"camera": pick(container, "video"), "microphone": pick(container, "audio")}
        codecs = {name: codec_of(stream) for name, stream in chosen.items() if stream is not None}
        start = start_of([stream for stream in chosen.values() if stream is not None])
        about = About(os.path.abspath(path), start, str(container.metadata.get("creation_time", "")))
        duration_ns = max(0, container.duration or 0) * 1000
    opened = {name: OPENERS[name](about) for name, codec in codecs.items() if codec}
    tracks: list[Track] = [track for track in opened.values() if track is not None]
    if not tracks:
        what = ", ".join(f"{name}: {codec or 'unknown codec'}" for name, codec in codecs.items()) or "none"
        raise SourceError(
            f"{path} has no video or audio track that can be decoded ({what}). It may be damaged, or of a "
            "codec this FFmpeg lacks; convert it, for example to H.264 and AAC."
        )
    undecodable = [name for name in codecs if opened.get(name) is None]
    return Recording([*tracks, *open_telemetry(about)], duration_ns, undecodable)


def merged(
    streams: list[str], sources: list[Iterator[Sample]], epoch: int, from_ns: int = 0
) -> Iterator[Event]:
    """Merge streams, each in its own order, by `Sample.end_ns`; ties go by the order of `streams`."""
    heads = [next(source, None) for source in sources]
    items = [0] * len(streams)
    tick = from_ns // PROGRESS_NS * PROGRESS_NS
    yield from (_end(stream, epoch, 0) for stream, head in zip(streams, heads, strict=True) if head is None)
    while alive := [i for i, head in enumerate(heads) if head is not None]:
        first = min(alive, key=lambda i: _available(heads[i]))
        sample = heads[first]
        assert sample is not None
        # Years may lie between the pictures of a folder.
        tick = max(tick, (sample.end_ns - MAX_GAP_NS) // PROGRESS_NS * PROGRESS_NS)
        while tick < sample.end_ns:
            yield from (_progress(head, tick) for head in heads if head is not None)
            tick += PROGRESS_NS
        yield sample
        items[first] += sample.items
        heads[first] = next(sources[first], None)
        if heads[first] is None:
            yield _end(streams[first], epoch, items[first])


def _available(head: Sample | None) -> int:
    assert head is not None
    return head.end_ns


def _progress(following: Sample, tick_ns: int) -> Progress:
    return Progress(stream=following.stream, epoch=following.epoch, t_ns=min(tick_ns, following.stamp_ns))


def _end(stream: str, epoch: int, items: int) -> End:
    return End(stream=stream, epoch=epoch, items=items)
