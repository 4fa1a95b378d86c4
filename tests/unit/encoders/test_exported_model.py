"""An exported folder is a model like any other: loaded by its path, of the same space, in its precision."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.checkpoint import CONFIG_KEY, find_checkpoint
from sixsense.encoders.errors import ModelError
from sixsense.encoders.export import export
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import Model, load_model

pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")

SMALL = Architecture(32, {m: Trunk(64, 1, 4) for m in ("vision", "text")}, vocabulary=259)
TEXTS = ["rain", "a dog barks, far away"]


@pytest.fixture(scope="module")
def imagebind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ImageBind as a weights file."""
    torch.manual_seed(3)
    state = {k: torch.randn_like(v) * 0.1 for k, v in ImageBind(SMALL).state_dict().items()}
    path = tmp_path_factory.mktemp("source") / "small.safetensors"
    config = format_architecture(SMALL) | {"windows": {"vision": {"length_ns": 7, "hop_ns": 5}}}
    save_file(state, path, metadata={CONFIG_KEY: json.dumps(config)})
    return path


@pytest.fixture(scope="module")
def exported(imagebind: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "small-onnx"
    export(find_checkpoint(imagebind), out)
    return out


def cosines(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum(axis=1).min())


def test_it_is_the_same_model(imagebind: Path, exported: Path) -> None:
    source, model = (load_model(path, device="cpu") for path in (imagebind, exported))
    assert (model.precision, model.space_id, model.dim) == ("exact", source.space_id, source.dim)
    assert model.modalities == source.modalities
    assert model.card.windows == source.card.windows
    assert model.logit_scale("text") == pytest.approx(source.logit_scale("text"))
    assert cosines(model.embed_text(TEXTS), source.embed_text(TEXTS)) >= 0.9999


def test_pictures_and_clips_of_two_frames(imagebind: Path, exported: Path) -> None:
    source, model = (load_model(path, device="cpu", modalities=["vision"]) for path in (imagebind, exported))
    rng = np.random.default_rng(1)
    clip = rng.integers(0, 255, (8, 48, 64, 3), np.uint8)
    assert cosines(model.embed_image([clip[0]]), source.embed_image([clip[0]])) >= 0.9999
    assert cosines(model.embed_video([clip]), source.embed_video([clip])) >= 0.9999


def test_the_shipped_model_too(mini: Model, tmp_path: Path) -> None:
    export(find_checkpoint("mini"), tmp_path / "mini-onnx", ("imu",))
    model = load_model(tmp_path / "mini-onnx", device="cpu")
    assert (model.precision, model.space_id) == ("exact", mini.space_id)
    rows = 3 * np.random.default_rng(2).standard_normal((200, 6)).astype(np.float32)
    stamps = np.arange(200) * 10_000_000
    assert cosines(model.embed_imu([rows], [stamps]), mini.embed_imu([rows], [stamps])) >= 0.9999


def test_the_shipped_model_in_8_bits(mini: Model, tmp_path: Path) -> None:
    export(find_checkpoint("mini"), tmp_path / "mini-int8", ("text",), int8=True)
    model = load_model(tmp_path / "mini-int8", device="cpu")
    assert (model.precision, model.space_id) == ("int8", mini.space_id)
    assert cosines(model.embed_text(TEXTS), mini.embed_text(TEXTS)) >= 0.999


def test_what_8_bits_would_turn_too_far_stays_in_float32(
    imagebind: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sixsense.encoders import export as module

    monkeypatch.setattr(module, "INT8_COSINE", 1.1)
    said: list[str] = []
    export(find_checkpoint(imagebind), tmp_path / "out", ("text",), int8=True, report=said.append)
    assert said[0] == "text"
    assert "text stays in float32: with 8 bits" in said[1]
    source, model = (load_model(path, modalities=["text"]) for path in (imagebind, tmp_path / "out"))
    assert cosines(model.embed_text(TEXTS), source.embed_text(TEXTS)) >= 0.9999


def test_precision_is_a_matter_of_exporting(
    imagebind: Path, exported: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ModelError, match="models export MODEL FOLDER --int8"):
        load_model(imagebind, device="cpu", precision="int8")
    with pytest.raises(ModelError, match="was exported in float32; export the model again, with --int8"):
        load_model(exported, device="cpu", precision="int8")
    with caplog.at_level(logging.WARNING):
        assert load_model(exported, device="cpu", precision="fast").precision == "exact"
    assert "computed as 'exact'" in caplog.text


def test_it_can_only_be_run(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can only be run: give the model that it was exported from"):
        export(find_checkpoint(exported), tmp_path / "again")


def test_a_damaged_folder_says_what_is_wrong(exported: Path, tmp_path: Path) -> None:
    config = json.loads((exported / "config.json").read_bytes())
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"vision\.onnx: onnxruntime cannot load it"):
        load_model(tmp_path, device="cpu")
    config["onnx"]["precision"] = "float12"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="float12"):
        find_checkpoint(tmp_path)
