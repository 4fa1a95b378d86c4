"""`--as-recorded`: which recorded windows should have been made again."""

from pathlib import Path

import numpy as np
import pytest
from chunks import MIC, chunk
from sixsense.encoders.embedding import Embedding, Range
from sixsense.launch.vectors_again import VectorComparison, compare_vectors
from sixsense.nodes.record import Recorder, head_of
from sixsense.nodes.spec import RecordSpec
from sixsense.sensors.mcap.log import open_log
from sixsense.sensors.sample import NS, Progress


def compared(path: Path, *, chunks: tuple[int, ...], reached_s: float) -> VectorComparison:
    """An embedding of seconds 1 to 2 beside a log of these chunks, from which nothing was made again."""
    spec = RecordSpec(path=str(path), streams=(MIC,), plan="{}", keep_free_bytes=0)
    recorder = Recorder(spec, head_of(spec, "r", 1, 0))
    recorder.open(0)
    for seq in chunks:
        recorder.put_event(chunk(seq))
    recorder.put_event(Progress(stream="mic", epoch=1, t_ns=round(reached_s * NS)))
    recorder.put_result(
        Embedding(
            input="mic",
            modality="audio",
            epoch=1,
            seq=0,
            index=1,
            start_ns=NS,
            end_ns=2 * NS,
            ranges=(Range("mic", 1, 1000, 2000),),
            vector=np.ones(1, np.float32),
            quality=1.0,
            space_id="s",
        )
    )
    recorder.close()
    log = open_log(path)
    return compare_vectors(log, [], log.bases(), "exact")


@pytest.mark.parametrize(
    ("chunks", "reached_s", "absent"),
    [
        (tuple(range(5, 25)), 2.5, 1),
        (tuple(n for n in range(5, 25) if n != 13), 2.5, 0),
        (tuple(range(12, 25)), 2.5, 0),
        (tuple(range(5, 20)), 1.9, 1),
        (tuple(range(5, 19)), 1.9, 0),
    ],
    ids=["all there", "one lost by the recorder", "began inside", "samples to its end", "killed inside"],
)
def test_only_a_window_that_is_whole_in_the_log_is_missed(
    tmp_path: Path, chunks: tuple[int, ...], reached_s: float, absent: int
) -> None:
    found = compared(tmp_path / "a.mcap", chunks=chunks, reached_s=reached_s)
    assert (found.absent, found.other) == (absent, 1 - absent)
