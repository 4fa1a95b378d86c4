import json
from pathlib import Path

import numpy as np
import pytest
from sixsense.launch import export as export_module
from sixsense.launch.export import Export, check_out
from sixsense.launch.jsonl import json_line
from sixsense.sensors.errors import SixsenseError


def collected(messages) -> Export:
    export = Export()
    for _, message in messages:
        export.add(message)
    return export


def test_vectors_come_with_their_provenance(short_run, tmp_path: Path):
    collected(short_run()).save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as run:
        assert run["space_id"] == "mini:0123456789ab"
        assert list(run["inputs"]) == ["camera", "imu", "microphone"]
        assert list(run["modalities"]) == ["vision", "imu", "audio"]
        assert run["fused_vectors"].shape == (40, 4)
        assert run["fused_vectors"].dtype == np.float32
        assert run["shares"].sum(axis=1) == pytest.approx(1)
        # Tick 8 (of 1..40) is the first without imu, whose window became a `none`.
        assert list(run["parts"][7] < 0) == [False, True, False]
        assert run["ages_ns"][7].tolist() == [25_000_000, -1, 25_000_000]
        row = run["parts"][5, 2]
        assert run["inputs"][run["embedding_input"][row]] == "microphone"
        assert run["embedding_seq"][row] == 6
        ranges = run["range_embedding"] == row
        assert run["range_stream"][ranges].tolist() == ["microphone"]
        assert (run["range_first"][ranges], run["range_last"][ranges]) == (60, 70)
        assert run["none_cause"].tolist() == ["short"] * 8


def test_every_documented_key_is_there_and_no_other(short_run):
    arrays = collected(short_run()).arrays()
    assert export_module.__doc__ is not None
    missing = [key for key in arrays if key not in export_module.__doc__]
    assert missing == []


def test_the_same_messages_are_the_same_bytes(short_run, tmp_path: Path):
    for name in ("a.npz", "b.npz"):
        collected(short_run()).save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_a_tick_without_any_embedding_is_nan(made):
    export = Export()
    export.add(made.embedding("camera", 1))
    export.add(made.fused(1, "camera"))
    export.add(made.fused(2))
    vectors = export.arrays()["fused_vectors"]
    assert np.isnan(vectors[1]).all()
    assert not np.isnan(vectors[0]).any()


def test_an_empty_run_is_a_file_too(tmp_path: Path):
    Export().save(tmp_path / "empty.npz")
    with np.load(tmp_path / "empty.npz", allow_pickle=False) as run:
        assert run["fused_vectors"].shape == (0, 0)


@pytest.mark.parametrize("name", ["run.txt", "nowhere/run.npz", "folder.npz"])
def test_a_place_that_cannot_be_written_is_known_before_the_run(name: str, tmp_path: Path):
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(SixsenseError, match="--out"):
        check_out(tmp_path / name)


def test_json_has_the_message_without_its_vector(made):
    line = json.loads(json_line("fused", made.fused(3, "camera")))
    assert (line["kind"], line["stamp_ns"]) == ("fused", 750_000_000)
    assert line["parts"][0]["input"] == "camera"
    assert "vector" not in line
    assert "vector" not in json.loads(json_line("fused", made.fused(3)))
    assert json.loads(json_line("match", made.match("begin", 2)))["query"] == "alarm"


def test_the_file_does_not_depend_on_the_order_of_arrival_between_inputs(made, tmp_path: Path):
    messages = [made.embedding(name, k) for name in ("camera", "microphone") for k in range(4)]
    written: list[bytes] = []
    for order in (messages, messages[4:] + messages[:4]):
        export = Export()
        for message in order:
            export.add(message)
        export.save(tmp_path / "one.npz")
        written.append((tmp_path / "one.npz").read_bytes())
    assert written[0] == written[1]
