"""`info`: what it counts, and how it says so."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from sixsense.launch.log_info import LogSummary, StreamSummary, info, lines, number
from sixsense.sensors.errors import SixsenseError
from sixsense.sensors.sample import NS
from typer.testing import CliRunner

T0 = 1_700_000_000 * NS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures ten times a second, with a hole of a second, and one that cannot be read."""
    for k in (*range(20), *range(30, 40)):
        assert cv2.imwrite(str(tmp_path / f"{T0 + k * NS // 10}.png"), np.zeros((4, 6, 3), np.uint8))
    (tmp_path / f"{T0 + 5 * NS // 10}.png").write_bytes(b"gone")
    return tmp_path


def summary(path: Path, **how: bool) -> dict:
    options = {"json": True, "quick": False, "repair": False} | how
    (line,) = info(path, "replay", **options)
    return json.loads(line)


def test_items_gaps_and_losses_are_counted(folder: Path) -> None:
    found = summary(folder)
    (camera,) = found["streams"]
    assert (camera["stream"], camera["items"], camera["unit"]) == ("camera", 29, "frame")
    assert (camera["gaps"], camera["longest_gap_s"]) == (1, pytest.approx(1.1))
    assert camera["lost"] == {"corrupt": 1}
    assert (camera["width"], camera["height"]) == (6, 4)
    assert found["start_ns"] == T0
    assert found["duration_s"] == pytest.approx(3.9)


def test_headers_alone_count_nothing_and_say_so(folder: Path) -> None:
    found = summary(folder, quick=True)
    assert found["read"] is False
    assert found["streams"][0]["items"] == 0


def test_a_person_reads_lines(folder: Path) -> None:
    from sixsense.launch.cli import app

    result = CliRunner().invoke(app, ["info", str(folder)])
    assert result.exit_code == 0
    assert "camera: vision rgb8, 6x4, 29 frames" in result.stdout
    assert "1 gaps, the longest 1.10 s" in result.stdout
    assert "lost: corrupt 1" in result.stdout
    assert CliRunner().invoke(app, ["info", str(folder / "none")]).exit_code == 1


def test_only_a_log_of_ours_is_repaired(folder: Path) -> None:
    with pytest.raises(SixsenseError):
        summary(folder, repair=True)
    foreign = folder / "foreign.mcap"
    foreign.write_bytes(b"\x89MCAP0\r\n" + bytes(100))
    with pytest.raises(SixsenseError):
        summary(foreign, repair=True)


def test_whole_numbers_stay_exact() -> None:
    assert number("1700000000000000007") == 1_700_000_000_000_000_007
    assert number("1.5") == 1.5
    assert number(None) is None
    with pytest.raises(typer.BadParameter):
        number("soon")


def test_rates_are_written_out() -> None:
    row = StreamSummary(
        stream="mic", modality="audio", encoding="pcm_s16", clock="host", unit="pcm", rate_hz=16_000.0
    )
    told = LogSummary(
        path="a.mcap",
        start_ns=0,
        duration_s=1.0,
        created="",
        read=False,
        streams=[row],
        ignored={},
        damage={},
    )
    assert "16000 Hz" in "\n".join(lines(told))
