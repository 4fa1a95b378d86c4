"""A damaged recording is replayed as far as it goes, and everything in it is accounted for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sixsense.launch.plan import plan_replay
from sixsense.launch.schema import Config, Endpoints
from sixsense.launch.service import Service
from sixsense.nodes.wire.status import Status

CONFIG = Config(endpoints=Endpoints(results="", control=""))
SIXSENSE = Path(sys.executable).with_name("sixsense")


def final_status(path: Path) -> Status:
    with Service(plan_replay(CONFIG, str(path), rate=None), local=True) as service:
        *_, final = service.outputs(timeout_s=60)
    assert isinstance(final, Status)
    return final


@pytest.mark.parametrize("seed", [1, 2])
def test_flipped_bytes_are_counted_and_the_rest_is_used(shared: Path, tmp_path: Path, seed: int) -> None:
    data = np.fromfile(shared / "data" / "gopro" / "karma.mp4", np.uint8)
    rng = np.random.default_rng(seed)
    places = rng.integers(100_000, len(data) - 400_000, 60)
    data[places] ^= rng.integers(1, 256, len(places), np.uint8)
    path = tmp_path / "flipped.mp4"
    data.tofile(path)
    final = final_status(path)
    assert sum(sum(counts.unread.values()) for counts in final.streams.values()) > 0
    for counts in final.streams.values():
        assert counts.produced == counts.received > 0
        skipped = sum(counts.skipped.values())
        assert counts.received == counts.windowed + skipped + counts.late + sum(counts.dropped.values())
        assert counts.pending == counts.late == 0
    assert final.ticks.fused > 30


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "missing.mp4"), (b"", "missing.mp4"), (b"not a recording at all" * 100, "missing.mp4")],
    ids=["missing", "empty", "text"],
)
@pytest.mark.parametrize("where", [["--local"], []], ids=["local", "ray"])
def test_what_is_no_recording_is_said_within_a_line_or_two(
    tmp_path: Path, content: bytes | None, said: str, where: list[str]
) -> None:
    path = tmp_path / "missing.mp4"
    if content is not None:
        path.write_bytes(content)
    done = subprocess.run([SIXSENSE, "replay", path, *where], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4
