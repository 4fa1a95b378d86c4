import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.card import read_architecture, read_card
from sixsense.encoders.checkpoint import CONFIG_KEY, find_checkpoint
from sixsense.encoders.convert import convert
from sixsense.encoders.errors import ModelError
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.loading import check_weights
from sixsense.encoders.model import load_model

SMALL = Architecture(
    8, {"text": Trunk(8, 1, 2), "audio": Trunk(8, 1, 2), "imu": Trunk(8, 1, 2)}, vocabulary=259
)


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {key: torch.randn(value.shape) for key, value in ImageBind(SMALL).state_dict().items()}


@pytest.fixture
def source(tmp_path) -> Path:
    """A folder with half-precision weights and a card of its own."""
    folder = tmp_path / "source"
    folder.mkdir()
    torch.save({key: value.half() for key, value in state().items()}, folder / "weights.pth")
    fields = format_architecture(SMALL) | {"trained": False, "means": {"imu": [0.5] * 8}}
    (folder / "config.json").write_text(json.dumps(fields))
    return folder


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(
        one[key].dtype == other[key].dtype and torch.equal(one[key], other[key]) for key in one
    )


def test_to_safetensors_and_back_is_identical(source, tmp_path):
    there, back = tmp_path / "there.safetensors", tmp_path / "back" / "w.pth"
    back.parent.mkdir()
    convert(find_checkpoint(source), there)
    convert(find_checkpoint(there), back)
    files = [source / "weights.pth", there, back]
    first, second, third = (check_weights(file, SMALL) for file in files)
    assert same_bits(first, second)
    assert same_bits(first, third)
    assert {value.dtype for value in third.values()} == {torch.float16}
    assert {file.stat().st_mode & 0o777 for file in files} == {files[0].stat().st_mode & 0o777}
    assert json.loads((back.parent / "config.json").read_bytes()) == json.loads(
        (source / "config.json").read_bytes()
    )


def test_the_copy_is_a_model_with_the_same_card(source, tmp_path):
    convert(find_checkpoint(source), tmp_path / "copy.safetensors")
    copy, original = read_card(tmp_path / "copy.safetensors"), read_card(source)
    assert (copy.trained, copy.windows, copy.modalities) == (False, original.windows, original.modalities)
    assert copy.means["imu"].tolist() == original.means["imu"].tolist()
    one, other = (load_model(path, device="cpu") for path in (source, tmp_path / "copy.safetensors"))
    assert one.embed_text(["rain"]).tobytes() == other.embed_text(["rain"]).tobytes()


@pytest.mark.parametrize(("name", "model"), [("imu.safetensors", "imu.safetensors"), ("imu.pth", ".")])
def test_some_trunks_become_a_model_of_their_own(source, tmp_path, name, model):
    part = tmp_path / "part"
    part.mkdir()
    convert(find_checkpoint(source), part / name, ("imu",))
    assert read_architecture(find_checkpoint(part / model)) == SMALL.only(("imu",))
    assert load_model(part / model).modalities == ("imu",)
    assert (part / name).stat().st_size < 0.6 * (source / "weights.pth").stat().st_size


def test_a_whole_imagebind_huge_needs_no_config_and_a_part_of_it_does(tmp_path, monkeypatch):
    monkeypatch.setattr("sixsense.encoders.card.HUGE", SMALL)
    torch.save(state(), tmp_path / "w.pth")
    convert(find_checkpoint(tmp_path / "w.pth"), tmp_path / "w.safetensors")
    convert(find_checkpoint(tmp_path / "w.safetensors"), tmp_path / "back.pth")
    assert find_checkpoint(tmp_path / "w.safetensors").config is None
    assert not (tmp_path / "config.json").exists()
    convert(find_checkpoint(tmp_path / "w.pth"), tmp_path / "imu.safetensors", ("imu",))
    assert read_architecture(find_checkpoint(tmp_path / "imu.safetensors")) == SMALL.only(("imu",))


def test_a_checkpoint_that_is_not_whole_is_not_converted(tmp_path):
    weights = state()
    del weights["modality_heads.imu.3.weight"]
    config = json.dumps(format_architecture(SMALL))
    save_file(weights, tmp_path / "w.safetensors", {CONFIG_KEY: config})
    with pytest.raises(ModelError, match="is missing"):
        convert(find_checkpoint(tmp_path / "w.safetensors"), tmp_path / "out.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.onnx", r"\.safetensors or \.pth files"),
        ("nowhere/out.pth", "there is no folder"),
        ("taken.pth", r"taken\.pth is there already"),
        ("beside/out.pth", r"config\.json is there already"),
        ("other.pth", r"its folder would be the model, and has taken\.pth"),
    ],
)
def test_nothing_is_overwritten(source, tmp_path, name, message):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "config.json").write_text("{}")
    (tmp_path / "taken.pth").write_text("precious")
    with pytest.raises(ModelError, match=message):
        convert(find_checkpoint(source), tmp_path / name)
    assert (tmp_path / "taken.pth").read_text() == "precious"


def test_a_disk_that_takes_no_more_leaves_nothing_behind(source, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sixsense.encoders.convert.save_file", full)
    with pytest.raises(ModelError, match="No space left"):
        convert(find_checkpoint(source), tmp_path / "out.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_a_modality_that_the_model_has_not_is_refused(source, tmp_path):
    with pytest.raises(ModelError, match="no modality 'vision'"):
        convert(find_checkpoint(source), tmp_path / "out.pth", ("vision",))
