"""What `make mini` writes into the file of what it was made from: each set, teacher and seed by itself."""

from pathlib import Path

import pytest
from sixsense.encoders.bind import mini, minilm


@pytest.fixture
def given(tmp_path, monkeypatch) -> Path:
    for kind, names in (("data", mini.DATA), ("teachers", mini.TEACHERS)):
        for name in names:
            (tmp_path / kind / name).mkdir(parents=True)
            (tmp_path / kind / name / "content").write_text(name)
    (tmp_path / "embedder").mkdir()
    (tmp_path / "embedder" / "model.safetensors").write_text("weights")
    monkeypatch.setattr(minilm, "folder", lambda: tmp_path / "embedder")
    return tmp_path


def test_every_set_teacher_and_seed_is_named(given):
    origin = mini.origin(given, given)
    assert origin["data"].keys() == set(mini.DATA)
    assert origin["teachers"].keys() == {*mini.TEACHERS, minilm.PACKAGE}
    assert origin["seeds"].keys() == {"text", "audio", "imu", "pictures"}


def test_another_content_is_another_hash(given):
    before = mini.origin(given, given)
    (given / "embedder" / "model.safetensors").write_text("other")
    (given / "data" / "esc10" / "content").write_text("other")
    after = mini.origin(given, given)
    changed = [
        name
        for kind in ("data", "teachers")
        for name, one in before[kind].items()
        if after[kind][name] != one
    ]
    assert changed == ["esc10", minilm.PACKAGE]
