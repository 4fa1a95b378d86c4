"""The shipped model's table: what is asked is new to it, and what is held out is really another tower."""

import importlib
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sixsense.encoders.bind.recipes import motion, sight, sound
from sixsense.encoders.bind.recipes.assembly import save_tower, stored
from sixsense.encoders.bind.recipes.texts import paraphrases
from sixsense.encoders.checkpoint import find_checkpoint
from sixsense.encoders.evaluate.intervals import Share
from sixsense.encoders.model import load_model
from sixsense.encoders.towers.motion import MotionTower
from sixsense.encoders.towers.picture import PictureTower
from sixsense.encoders.towers.shape import MotionShape, SoundShape
from sixsense.encoders.towers.sound import SoundTower


@pytest.fixture
def rows() -> ModuleType:
    return importlib.import_module("mini_rows")


@pytest.mark.parametrize(("kind", "phrases"), [("sounds", sound.phrases), ("activities", motion.phrases)])
def test_no_paraphrase_is_a_text_that_a_tower_was_trained_towards(rows, kind, phrases):
    asked = paraphrases()[kind]
    assert set(asked) <= set(phrases())
    trained = {text.lower() for texts in phrases().values() for text in texts}
    assert not trained & {text.lower() for texts in asked.values() for text in texts}
    assert len({len(texts) for texts in asked.values()}) == 1
    assert len(rows.sets_of(asked)) == len(asked[next(iter(asked))])


def test_a_text_is_hit_where_it_is_nearer_than_those_of_other_classes(rows):
    texts = np.eye(3, dtype=np.float32)
    vectors = np.array([[1, 0.2, 0], [0.9, 1, 0], [0, 0, 1]], np.float32)
    found = rows.hits(vectors, ["dog", "dog", "rain"], texts, ["dog", "cat", "rain"])
    assert found.tolist() == [True, False, True]


def test_a_row_says_what_it_was_measured_on(rows):
    row = rows.Row("real", "rain", Share(0.5, 0.25, 0.75, 8), "0.9", "wet")
    assert list(rows.table([row]))[-1] == "| real | rain; wet | 0.500 [0.250, 0.750] | 8 | 0.9 |"


def test_the_held_out_model_has_the_other_towers_and_all_else_of_the_shipped_one(tmp_path):
    held_out = importlib.import_module("mini_held_out")
    torch.manual_seed(0)
    towers = {
        "audio": (SoundTower(SoundShape()), SoundShape()),
        "imu": (MotionTower(MotionShape()), MotionShape()),
        "vision": (PictureTower(sight.whole_shape("vision")), sight.whole_shape("vision")),
    }
    (tmp_path / "held-out").mkdir()
    for modality, (tower, shape) in towers.items():
        save_tower(tower.state_dict(), shape, tmp_path / "held-out" / f"{modality}.safetensors")
    whole = find_checkpoint("mini").weights
    path = held_out.held_out_model(whole, tmp_path, tmp_path, lambda _: None)
    before, after = load_file(whole), load_file(path)
    assert before.keys() == after.keys()
    theirs = stored({modality: tower.state_dict() for modality, (tower, _) in towers.items()})
    for key, value in after.items():
        assert torch.equal(value, theirs.get(key, before[key])), key


def test_simulated_worlds_and_times_are_measured_with_the_shipped_model(rows, tmp_path, monkeypatch):
    simulated, speed = importlib.import_module("mini_simulated"), importlib.import_module("mini_speed")
    for name, count in {"SOUNDS": 40, "MOTIONS": 6, "MOMENTS": 20, "VOICES": 2}.items():
        monkeypatch.setattr(simulated, name, count)
    monkeypatch.setattr(speed, "COUNT", 2)
    model = load_model("mini", device="cpu")
    parts = (simulated.worlds_heard, simulated.worlds_felt, simulated.worlds_seen, simulated.synthesised)
    found = [row for part in parts for row in part(rows.Given(model, model, tmp_path, tmp_path))]
    assert {row.kind for row in found} == {"simulated"}
    assert len(found) == 1 + 1 + 3 + 2 + 2
    assert len(list(speed.speed(model))) == 2 + len(model.modalities)


def test_every_part_can_be_asked_for(capsys):
    mini = importlib.import_module("mini")
    with pytest.raises(SystemExit, match="0"):
        mini.main(["--help"])
    said = capsys.readouterr().out
    assert all(name in said for name in ("sounds", "demo", "speed"))


def test_a_cut_picture_keeps_three_quarters_of_its_sides_or_more():
    pairs = importlib.import_module("mini_pairs")
    random = np.random.default_rng(0)
    for _ in range(50):
        height, width = pairs._cut(np.zeros((480, 640), np.uint8), random).shape
        assert 359 <= height <= 433
        assert width / height == pytest.approx(640 / 480, rel=0.01)
