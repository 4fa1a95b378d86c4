import json
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
import torch
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.card import read_card
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import load_model
from sixsense.launch import cli
from sixsense.launch.embed import comparable, parse_labels
from sixsense.sensors.errors import SixsenseError
from typer.testing import CliRunner

SMALL = Architecture(8, {name: Trunk(8, 1, 2) for name in ("vision", "text", "audio")}, vocabulary=259)


@pytest.fixture
def invoke(monkeypatch, files):
    monkeypatch.chdir(files)

    def run(*arguments: object):
        return CliRunner().invoke(cli.app, [*map(str, arguments)])

    return run


@pytest.fixture
def files(tmp_path, wav) -> Path:
    rng = np.random.default_rng(0)
    noisy = rng.integers(0, 255, (60, 80, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "red.png"), np.full((60, 80, 3), (0, 0, 255), np.uint8))
    cv2.imwrite(str(tmp_path / "noise.png"), noisy)
    cv2.imwrite(str(tmp_path / "raw.png"), rng.integers(500, 3000, (60, 80)).astype(np.uint16))
    wav(tmp_path / "tone.wav", 0.5 * np.sin(np.arange(32000) / 5).astype(np.float32))
    (tmp_path / "words.txt").write_text("a dog")
    (tmp_path / "broken.wav").write_bytes(b"RIFF....")
    return tmp_path


@pytest.fixture
def trained(tmp_path) -> Path:
    """A model that says it is trained, with random weights."""
    folder = tmp_path / "random"
    folder.mkdir()
    torch.manual_seed(0)
    state = {key: 0.1 * torch.randn(value.shape) for key, value in ImageBind(SMALL).state_dict().items()}
    state["modality_postprocessors.text.1.log_logit_scale"] = torch.tensor(5.0).log()
    torch.save(state, folder / "weights.pth")
    (folder / "config.json").write_text(json.dumps(format_architecture(SMALL)))
    return folder


@pytest.fixture
def untrained(trained) -> Path:
    """The same, and it says that it is not."""
    (trained / "config.json").write_text(json.dumps(format_architecture(SMALL) | {"trained": False}))
    return trained


def lines(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_embed_prints_the_models_own_vectors(invoke, files):
    result = invoke("embed", "red.png", "tone.wav", "words.txt", "--json")
    assert result.exit_code == 0, result.output
    model = load_model("mini", device="cpu")
    found = lines(result)
    assert [(line["file"], line["modality"]) for line in found] == [
        ("red.png", "vision"),
        ("tone.wav", "audio"),
        ("words.txt", "text"),
    ]
    for line in found:
        expected = model.embed_files(line["modality"], [files / line["file"]])[0]
        assert np.float32(line["vector"]).tobytes() == expected.tobytes()
        assert (line["space_id"], line["trained"]) == (model.space_id, True)


def test_embed_saves_vectors_with_what_they_are(invoke, files):
    assert invoke("embed", "red.png", "tone.wav", "--out", "v.npz").exit_code == 0
    with np.load(files / "v.npz", allow_pickle=False) as saved:
        assert saved["vectors"].shape == (2, read_card("mini").dim)
        assert saved["vectors"].dtype == np.float32
        assert saved["files"].tolist() == ["red.png", "tone.wav"]
        assert saved["modalities"].tolist() == ["vision", "audio"]
        assert saved["space_id"] == read_card("mini").space_id
    assert [path for path in files.iterdir() if path.name.startswith(".")] == []


def test_one_bad_file_stops_no_other_and_is_status_1(invoke):
    result = invoke("embed", "red.png", "broken.wav", "missing.png", "noise.png", "--json")
    assert result.exit_code == 1
    assert [line["file"] for line in lines(result)] == ["red.png", "noise.png"]
    assert "broken.wav" in result.stderr
    assert "missing.png" in result.stderr
    assert "2 of 4 files have no vector" in result.stderr


def test_no_file_that_can_be_read_is_one_error(invoke):
    result = invoke("compare", "missing.png", "broken.wav")
    assert result.exit_code == 1
    assert result.stderr.count("sixsense:") == 1
    assert "loading" not in result.stderr


def test_a_picture_that_may_be_two_things_is_asked_about(invoke):
    result = invoke("embed", "raw.png")
    assert result.exit_code == 1
    assert "may be depth or thermal; say which: depth:raw.png, thermal:raw.png or --modality" in result.stderr
    found = lines(invoke("embed", "depth:raw.png", "red.png", "--json"))
    assert [line["modality"] for line in found] == ["depth", "vision"]
    (forced,) = lines(invoke("embed", "raw.png", "--modality", "depth", "--json"))
    assert forced["vector"] == found[0]["vector"]


def test_an_unknown_modality_lists_the_known(invoke):
    result = invoke("embed", "red.png", "--modality", "smell")
    assert result.exit_code == 1
    assert "there is no modality 'smell'" in result.stderr
    assert "vision" in result.stderr


def test_compare_is_symmetric_with_ones(invoke):
    (found,) = lines(invoke("compare", "red.png", "noise.png", "tone.wav", "--json"))
    cosines = np.array(found["cosines"])
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-6)
    np.testing.assert_allclose(cosines, cosines.T, atol=1e-6)
    assert found["modalities"] == ["vision", "vision", "audio"]
    assert found["comparable"] == [[True] * 3] * 3


def test_untrained_numbers_across_modalities_say_that_they_mean_nothing(invoke, untrained):
    result = invoke("compare", "red.png", "words.txt", "--model", untrained)
    rows = result.stdout.splitlines()
    assert rows[0].endswith("red.png (vision)")
    assert rows[0].split()[2].startswith("(")
    assert "untrained: similarity only" in result.stderr
    assert "similarity only" not in invoke("compare", "red.png", "noise.png", "--model", untrained).stderr


def test_classify_with_an_untrained_model_gives_no_shares(invoke, untrained):
    asked = ("classify", "red.png", "--labels", "a dog,a car", "--model", untrained)
    result = invoke(*asked, "--json")
    (found,) = lines(result)
    assert {label["label"] for label in found["labels"]} == {"a dog", "a car"}
    assert [label["share"] for label in found["labels"]] == [None, None]
    assert "untrained: similarity only" in result.stderr
    assert "%" not in invoke(*asked).stdout


def test_classify_is_the_softmax_at_the_models_temperature(invoke, files, trained):
    result = invoke("classify", "red.png", "--labels", "a dog,a car,rain", "--model", trained, "--json")
    (found,) = lines(result)
    model = load_model(trained, device="cpu")
    cosines = (
        model.embed_text(["a dog", "a car", "rain"]) @ model.embed_files("vision", [files / "red.png"])[0]
    )
    powers = np.exp(5.0 * cosines.astype(float))
    expected = dict(zip(["a dog", "a car", "rain"], powers / powers.sum(), strict=True))
    assert {label["label"]: label["share"] for label in found["labels"]} == pytest.approx(expected, abs=1e-6)
    shares = [label["share"] for label in found["labels"]]
    assert shares == sorted(shares, reverse=True)
    assert "untrained" not in result.stderr
    assert "%" in invoke("classify", "red.png", "--labels", "a dog,a car", "--model", trained).stdout


def test_labels_come_from_a_list_or_a_file(tmp_path):
    assert parse_labels(" a dog, a car ,") == ["a dog", "a car"]
    (tmp_path / "labels.txt").write_text("a dog\n\na car\n")
    assert parse_labels(str(tmp_path / "labels.txt")) == ["a dog", "a car"]
    with pytest.raises(SixsenseError, match="at least two"):
        parse_labels("a dog")


def test_a_trained_model_compares_what_its_backgrounds_name(trained):
    card = read_card(trained)
    assert comparable(card, "vision", "text")
    assert not comparable(msgspec.structs.replace(card, trained=False), "vision", "text")
    mini = read_card("mini")
    assert comparable(mini, "text", "text")
    assert comparable(mini, "vision", "text")
