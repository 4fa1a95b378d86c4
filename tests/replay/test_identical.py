"""The same recording gives the same bytes: fast on Ray, fast in this process, paced, and again."""

import hashlib
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from sixsense.encoders.embedding import Embedding, Missing
from sixsense.fusion.fused import Fused, Match
from sixsense.launch.plan import plan_replay
from sixsense.launch.queries import parse_query
from sixsense.launch.schema import Config, Endpoints
from sixsense.launch.service import Output, Service
from sixsense.nodes.wire.status import Status

CONFIG = Config(endpoints=Endpoints(results="", control=""))
NOT_COMPARED = {"epoch", "recv_ns", "trace"}


def replay(path: Path, watch: list[Path], *, rate: float | None, local: bool) -> list[Output]:
    queries = [parse_query(str(query)) for query in watch]
    plan = plan_replay(CONFIG, str(path), rate=rate, queries=queries)
    with Service(plan, local=local) as service:
        return list(service.outputs(timeout_s=60))


def digest(outputs: list[Output]) -> str:
    """Stamps, windows, ranges, vectors, weights, ticks and events, in an order of their own."""
    fused = [_comparable(o) for o in outputs if isinstance(o, (Fused, Match))]
    windows = sorted(
        (o.input, o.index, _comparable(o)) for o in outputs if isinstance(o, (Embedding, Missing))
    )
    return hashlib.sha256(repr((fused, windows)).encode()).hexdigest()


def _comparable(message: msgspec.Struct) -> str:
    def plain(value: object) -> object:
        if isinstance(value, msgspec.Struct):
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            return {name: plain(item) for name, item in fields.items() if name not in NOT_COMPARED}
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return getattr(value, "tobytes", lambda: value)()

    return repr(plain(message))


@pytest.fixture(scope="module")
def karma(shared: Path) -> Path:
    return shared / "data" / "gopro" / "karma.mp4"


@pytest.fixture(scope="module")
def reference(karma: Path, shared: Path) -> list[Output]:
    return replay(karma, queries_of(shared), rate=None, local=True)


def queries_of(shared: Path) -> list[Path]:
    return [
        sorted((shared / "data" / "esc10" / "sea_waves").glob("*.ogg"))[0],
        shared / "data/gopro/karma.mp4",
    ]


def test_every_item_of_the_recording_is_accounted_for(reference: list[Output]) -> None:
    final = reference[-1]
    assert isinstance(final, Status)
    assert final.final
    produced = {name: counts.produced for name, counts in final.streams.items()}
    assert produced == {"camera": 362, "microphone": 579_584, "accelerometer": 2397, "gyroscope": 4795}
    for counts in final.streams.values():
        assert counts.lost_in_transport == counts.dropped == counts.unread == {}
        assert counts.late == counts.pending == 0
        assert counts.produced == counts.received == counts.windowed + sum(counts.skipped.values())
    for windows in final.windows.values():
        assert windows.closed == windows.embedded + windows.reused + sum(windows.none.values())
        assert windows.pending == 0


def test_ticks_run_from_the_first_embedding_to_the_last_window(reference: list[Output]) -> None:
    fused = [o for o in reference if isinstance(o, Fused)]
    windows = [o for o in reference if isinstance(o, Embedding)]
    hop_ns = round(CONFIG.fusion.hop_s * 1e9)
    first, last = fused[0].stamp_ns, fused[-1].stamp_ns
    assert last == max(w.end_ns for w in windows) // hop_ns * hop_ns
    assert first == -(-min(w.end_ns for w in windows) // hop_ns) * hop_ns
    assert len(fused) == (last - first) // hop_ns + 1
    assert all(o.vector is not None and o.closed == "complete" for o in fused)


def test_a_recording_that_is_its_own_example_is_found(reference: list[Output]) -> None:
    phases = Counter((o.query, o.phase) for o in reference if isinstance(o, Match))
    assert phases["karma", "begin"] >= 1
    assert phases["karma", "begin"] == phases["karma", "end"]


@pytest.mark.parametrize(
    ("rate", "local"), [(None, True), (None, False), pytest.param(8.0, True, id="paced-local")]
)
def test_the_same_bytes(
    karma: Path, shared: Path, reference: list[Output], rate: float | None, local: bool
) -> None:
    again = replay(karma, queries_of(shared), rate=rate, local=local)
    assert digest(again) == digest(reference)
