"""What a robot remembers: clients' queries survive a restart, damaged files harm nothing else."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from sixsense.fusion.query import Example, Query, Term
from sixsense.nodes.kept import KeptQueries, background_file, state_folder, write_whole
from sixsense.sensors.errors import SixsenseError

SOUND = Example(modality="audio", data=np.arange(8, dtype=np.int16)[:, None], rate_hz=16_000.0)
VECTOR = Term(weight=-0.5, vector=np.array([0.6, 0.8], np.float32), modality="text", space_id="mini:0")


def test_queries_come_back_as_they_were_asked(tmp_path: Path) -> None:
    kept = KeptQueries(tmp_path)
    kept.add(Query(name="kettle / boils", terms=(Term(example=SOUND), VECTOR), at_most_per_h=6.0))
    kept.add(Query(name="dog", terms=(Term(text="a dog barks"),)))
    kept.add(Query(name="rain", terms=(Term(text="rain"),)))
    kept.remove("rain")
    kept.remove("never asked")
    dog, kettle = KeptQueries(tmp_path).load()
    assert (dog.name, dog.terms[0].text) == ("dog", "a dog barks")
    assert kettle.at_most_per_h == 6.0
    assert kettle.terms[0].example is not None
    assert kettle.terms[0].example.data.tolist() == SOUND.data.tolist()
    assert kettle.terms[1].vector is not None
    assert kettle.terms[1].vector.tolist() == pytest.approx([0.6, 0.8])
    files = list((tmp_path / "queries").iterdir())
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}


def test_a_disk_that_is_full_keeps_what_was_there_and_no_drafts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "what was learnt"
    write_whole(path, b"before")
    monkeypatch.setattr(Path, "write_bytes", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(SixsenseError, match=r"No space left on device.*set XDG_STATE_HOME elsewhere"):
        write_whole(path, b"after")
    assert [found.name for found in tmp_path.iterdir()] == ["what was learnt"]
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\x93\x01\x02\x03", b"\xc1" * 40])
def test_a_damaged_file_is_said_and_takes_no_other_along(tmp_path: Path, caplog, damage: bytes) -> None:
    kept = KeptQueries(tmp_path)
    kept.add(Query(name="dog", terms=(Term(text="a dog barks"),)))
    (tmp_path / "queries" / "0.query").write_bytes(damage)
    assert [query.name for query in kept.load()] == ["dog"]
    assert "0.query cannot be read" in caplog.text


def test_every_prefix_of_a_file_is_read_or_refused(tmp_path: Path) -> None:
    kept = KeptQueries(tmp_path)
    kept.add(Query(name="kettle", terms=(Term(example=SOUND),)))
    (path,) = (tmp_path / "queries").iterdir()
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert kept.load() == []


def test_files_have_their_places_and_are_written_whole(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = state_folder("robot")
    assert folder == tmp_path / "sixsense" / "robot"
    path = background_file(folder, "mini:f72a/32")
    assert path.name == "background-mini-f72a-32.msgpack"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert [p.read_bytes() for p in folder.iterdir()] == [b"two"]
    (tmp_path / "file").touch()
    with pytest.raises(SixsenseError, match="cannot be written"):
        write_whole(tmp_path / "file" / "x", b"")
