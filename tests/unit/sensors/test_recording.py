"""Recordings as Sources: files encoded here, and one from a real action camera."""

import itertools
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sixsense.sensors.container import MAX_GAP_NS, steady
from sixsense.sensors.errors import SourceError
from sixsense.sensors.recording import Recording, open_recording
from sixsense.sensors.sample import NS, End, Event, Progress, Sample

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{}\n#EXT-X-ENDLIST\n"
Media = Callable[..., Path]


def samples(recording: Recording, stream: str, from_ns: int | None = None) -> list[Sample]:
    events = recording.events(1, from_ns)
    return [event for event in events if isinstance(event, Sample) and event.stream == stream]


def items(recording: Recording) -> dict[str, int]:
    return {event.stream: event.items for event in recording.events(1) if isinstance(event, End)}


def losses(recording: Recording) -> set[str]:
    return {cause for causes in recording.counts().values() for cause in causes}


@pytest.fixture(scope="module")
def karma(shared: Path) -> Path:
    return shared / "data" / "gopro" / "karma.mp4"


@pytest.fixture(scope="module")
def flight(karma: Path) -> list[Event]:
    return list(open_recording(karma).events(1))


def of(events: list[Event], stream: str) -> list[Sample]:
    return [event for event in events if isinstance(event, Sample) and event.stream == stream]


def test_an_action_camera_gives_every_item(flight: list[Event], karma: Path) -> None:
    ends = {event.stream: event.items for event in flight if isinstance(event, End)}
    assert ends == {"camera": 362, "microphone": 579_584, "accelerometer": 2_397, "gyroscope": 4_795}
    infos = open_recording(karma).streams
    assert {info.stream: info.clock for info in infos} == {
        "camera": "driver", "microphone": "driver", "accelerometer": "estimated", "gyroscope": "estimated",
    }  # fmt: skip
    assert all(info.created == "2017-04-17T19:27:57.000000Z" for info in infos)


def test_items_and_sequence_count_without_a_hole(flight: list[Event]) -> None:
    for stream in ("camera", "microphone", "accelerometer", "gyroscope"):
        mine = of(flight, stream)
        assert [sample.seq for sample in mine] == list(range(len(mine)))
        assert [sample.item for sample in mine] == [0, *itertools.accumulate(s.items for s in mine)][:-1]


def test_an_action_cameras_stamps(flight: list[Event]) -> None:
    camera = [sample.stamp_ns for sample in of(flight, "camera")]
    assert camera == [round(n * 1001 * NS / 30_000) for n in range(362)]
    sound = of(flight, "microphone")
    assert all(sample.stamp_ns == round(sample.item * NS / 48_000) for sample in sound)
    gyroscope = np.concatenate([sample.stamps for sample in of(flight, "gyroscope")])
    assert (np.diff(gyroscope) > 0).all()
    assert 12_012_000_000 in gyroscope
    # The telemetry's header claims 13.013 s; the last payload's 28 rows at the usual rate end with the video.
    assert abs(gyroscope[-1] - 12.079 * NS) < 0.005 * NS


def test_a_hovering_drone_feels_gravity_upwards(flight: list[Event]) -> None:
    rows = np.concatenate([sample.data for sample in of(flight, "accelerometer")])
    assert rows.dtype == np.float32
    assert abs(np.linalg.norm(rows, axis=1).mean() - 9.81) < 0.1
    forward, left, up = rows.mean(axis=0)
    assert up > 9.5
    assert abs(forward) < 1
    assert abs(left) < 1


def test_the_gyroscope_turns_the_way_the_picture_does(flight: list[Event]) -> None:
    """Yaw is positive to the left (REP-103): then the scene moves to the right."""
    import cv2

    rows = np.concatenate([sample.data for sample in of(flight, "gyroscope")])
    stamps = np.concatenate([sample.stamps for sample in of(flight, "gyroscope")])
    grey = [
        (s.stamp_ns, cv2.cvtColor(s.data[::2, ::2], cv2.COLOR_RGB2GRAY)) for s in of(flight, "camera")[::3]
    ]
    window = cv2.createHanningWindow(grey[0][1].shape[::-1], cv2.CV_32F)
    shift, yaw = [], []
    for (start, before), (end, after) in itertools.pairwise(grey):
        (dx, _), _ = cv2.phaseCorrelate(np.float32(before), np.float32(after), window)
        shift.append(dx)
        yaw.append(rows[(stamps >= start) & (stamps < end), 2].mean())
    assert np.corrcoef(shift, yaw)[0, 1] > 0.9


def test_order_and_progress(flight: list[Event]) -> None:
    ends = [event.end_ns for event in flight if isinstance(event, Sample)]
    assert ends == sorted(ends)
    for stream in ("camera", "microphone", "accelerometer", "gyroscope"):
        promised = [e.t_ns for e in flight if isinstance(e, Progress) and e.stream == stream]
        assert max(np.diff(promised)) <= NS // 10
        assert promised[-1] > 11.9 * NS


def test_the_same_bytes_every_time(karma: Path) -> None:
    recording = open_recording(karma)
    for first, second in itertools.islice(zip(recording.events(1), recording.events(2), strict=True), 600):
        assert type(first) is type(second)
        if isinstance(first, Sample) and isinstance(second, Sample):
            assert (first.stream, first.stamp_ns) == (second.stream, second.stamp_ns)
            assert first.data.tobytes() == second.data.tobytes()


def test_starting_inside_gives_the_rest_and_nothing_else(flight: list[Event], karma: Path) -> None:
    recording = open_recording(karma)
    late = list(recording.events(1, 9 * NS + 1))
    for stream in ("camera", "gyroscope", "accelerometer"):
        rest = [s for s in of(flight, stream) if s.end_ns > 9 * NS]
        mine = of(late, stream)
        assert mine[0].item == mine[0].seq == 0
        assert np.array_equal(mine[-1].data, rest[-1].data)
        assert sum(s.items for s in mine) == sum(
            s.items if s.stamps is None else int((s.stamps > 9 * NS).sum()) for s in rest
        )
    sound, whole = of(late, "microphone"), np.concatenate([s.data for s in of(flight, "microphone")])
    assert sound[0].stamp_ns == round((9 * 48_000 + 1) * NS / 48_000)
    assert np.array_equal(np.concatenate([s.data for s in sound]), whole[9 * 48_000 + 1 :])
    assert not losses(recording)


@pytest.mark.parametrize(
    ("name", "how", "expected"),
    [
        ("a.mp4", {"video": "libx264", "audio": "aac"}, {"camera": 50, "microphone": 96_256}),
        ("a.mkv", {"video": "libx264", "audio": "libopus"}, {"camera": 50, "microphone": 96_000}),
        ("a.avi", {"video": "mjpeg"}, {"camera": 50}),
        ("a.ts", {"video": "mpeg2video"}, {"camera": 50}),
        ("a.wav", {"audio": "pcm_s16le", "rate": 44_100, "channels": 1}, {"microphone": 88_200}),
        ("a.flac", {"audio": "flac"}, {"microphone": 96_000}),
        ("a.opus", {"audio": "libopus", "channels": 1}, {"microphone": 96_000}),
    ],
)
def test_any_video_or_audio_file(media: Media, name: str, how: dict, expected: dict[str, int]) -> None:
    recording = open_recording(media(name, **how))
    assert items(recording) == expected
    assert not losses(recording)
    for info in recording.streams:
        mine = samples(recording, info.stream)
        assert mine[0].stamp_ns <= 0.03 * NS
        if info.modality == "audio":
            assert all(len(sample.data) == round(info.rate_hz / 50) for sample in mine[:-1])
            starts = [sample.stamp_ns for sample in mine]
            assert all(
                abs(at - round(s.item * NS / info.rate_hz)) <= 1 for at, s in zip(starts, mine, strict=True)
            )


def test_pcm_is_passed_through_unchanged(media: Media) -> None:
    recording = open_recording(media("a.wav", audio="pcm_s16le", rate=22_050, channels=2))
    got = np.concatenate([sample.data for sample in samples(recording, "microphone")])
    wave = 8000 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 22_050)
    assert np.array_equal(got, np.repeat(wave.astype(np.int16)[:, None], 2, axis=1))


def test_sound_that_begins_later_keeps_its_offset(media: Media) -> None:
    recording = open_recording(media("a.mkv", video="libx264", audio="flac", start_s=0.5))
    assert samples(recording, "camera")[0].stamp_ns == 0
    assert samples(recording, "microphone")[0].stamp_ns == NS // 2


def test_a_gap_in_the_video_is_kept_and_filled_with_progress(media: Media) -> None:
    pts = [*range(10), *range(35, 75)]
    recording = open_recording(media("a.mkv", video="mjpeg", pts=pts))
    events = list(recording.events(1))
    assert [s.stamp_ns for s in of(events, "camera")] == [n * NS // 25 for n in pts]
    promised = [event.t_ns for event in events if isinstance(event, Progress)]
    assert max(np.diff(promised)) <= NS // 10
    assert promised[-1] >= 2.9 * NS
    assert not losses(recording)


def test_an_upright_picture(media: Media) -> None:
    """A telephone held upright writes lying frames and a matrix that turns them by 90 degrees clockwise."""
    path = media("a.mp4", video="libx264")
    lying = samples(open_recording(path), "camera")[20].data
    whole = bytearray(path.read_bytes())
    identity = bytes.fromhex(
        "00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000"
    )
    turned = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000")
    at = whole.index(identity, whole.index(b"tkhd"))
    whole[at : at + 36] = turned
    path.write_bytes(whole)
    recording = open_recording(path)
    assert (recording.streams[0].width, recording.streams[0].height) == (48, 64)
    assert np.array_equal(samples(recording, "camera")[20].data, np.rot90(lying, -1))


def test_the_cover_picture_of_a_song_is_no_video(tmp_path: Path) -> None:
    import av
    from av.stream import Disposition

    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as file:
        sound = file.add_stream("libmp3lame", rate=48_000, layout="mono")
        cover = file.add_stream("mjpeg", rate=25, width=64, height=48, pix_fmt="yuvj420p")
        cover.disposition = Disposition.attached_pic
        file.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        file.mux(cover.encode(None))
        pcm = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), format="s16", layout="mono")
        pcm.sample_rate = 48_000
        file.mux(sound.encode(pcm))
        file.mux(sound.encode(None))
    assert [info.stream for info in open_recording(path).streams] == ["microphone"]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [(150, (150, True)), (100, (140, False)), (50, (140, False)), (None, (140, False)),
     (100 + MAX_GAP_NS, (100 + MAX_GAP_NS, True)), (101 + MAX_GAP_NS, (140, False))],
    ids=["later", "same", "back", "missing", "long gap", "leap"],
)  # fmt: skip
def test_a_clock_that_steps_is_replaced_by_the_files_own_pace(
    stamp: int | None, expected: tuple[int, bool]
) -> None:
    assert steady(stamp, 100, 40) == expected


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.mp4", None, "Cannot read .*none.mp4: No such file"),
        ("empty.mp4", b"", "empty"),
        ("text.txt", b"hello world\n" * 50, "text"),
        ("noise.mp4", bytes(range(256)) * 100, "cannot be read"),
    ],
)
def test_what_is_no_recording_is_a_clear_error(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=says):
        open_recording(tmp_path / name)


def test_a_playlist_cannot_reach_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        (tmp_path / "list.m3u8").write_text(PLAYLIST.format(address))
        with pytest.raises(SourceError, match="cannot be read"):
            open_recording(tmp_path / "list.m3u8")
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_directory_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a directory"):
        open_recording(tmp_path)


def test_an_unknown_codec_is_a_clear_error(media: Media) -> None:
    path = media("a.avi", video="mjpeg")
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"QQQQ"))
    with pytest.raises(SourceError, match=r"camera: unknown codec.*convert it"):
        open_recording(path)


def test_a_file_that_was_replaced_is_a_clear_error(media: Media) -> None:
    path = media("a.avi", video="mjpeg")
    recording = open_recording(path)
    media("a.avi", audio="pcm_s16le")
    with pytest.raises(SourceError, match="no video track"):
        list(recording.events(1))


def test_a_file_that_vanishes_is_a_clear_error(media: Media) -> None:
    path = media("a.wav", audio="pcm_s16le")
    recording = open_recording(path)
    path.unlink()
    with pytest.raises(SourceError, match="No such file"):
        list(recording.events(1))
