"""Label sets of a configuration: their files, their vectors, and what a model cannot do with them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.card import Background, read_card
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import load_model
from sixsense.fusion.fused import Answer, Labels, Likely
from sixsense.launch import labels as label_module
from sixsense.launch.config import ConfigError, load_config, parse_config
from sixsense.launch.following import message_line
from sixsense.launch.labels import PACKAGED, LabelsError, label_tables, load_labels
from sixsense.sensors.sample import NS

SMALL = Architecture(8, {name: Trunk(8, 1, 2) for name in ("vision", "text", "audio")}, vocabulary=259)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "things.txt"
        path.write_text(text)
        return str(path)

    return write


def config_of(text: str = "", file: str = "x.txt"):
    return parse_config(f'[[labels]]\nname = "things"\nfile = "{file}"\n{text}', "r.toml")


def test_a_label_a_line_without_comments(listed) -> None:
    assert load_labels(listed("# things\na dog # barks\n\n  rain  \n")) == ("a dog", "rain")


@pytest.mark.parametrize("path", sorted(PACKAGED.glob("*.txt")), ids=lambda path: path.stem)
def test_the_packaged_sets_can_be_read_by_name(path: Path) -> None:
    assert len(load_labels(path.stem)) >= 40


@pytest.mark.parametrize(
    ("text", "why"), [("# none\n", "has 0 labels"), ("rain\nsun\nrain\n", "'rain' is there twice")]
)
def test_a_file_without_labels_or_with_one_twice_is_refused(listed, text: str, why: str) -> None:
    with pytest.raises(LabelsError, match=why):
        load_labels(listed(text))


def test_a_set_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(LabelsError, match=r'cannot read the labels home_sound .*did you mean "home_sounds"'):
        load_labels("home_sound")


def test_a_relative_file_is_the_configurations_and_a_name_is_a_packaged_set(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        '[[labels]]\nname = "a"\nfile = "mine.txt"\n[[labels]]\nname = "b"\nfile = "activities"\n'
    )
    config = load_config(str(tmp_path / "r.toml"))
    assert [one.file for one in config.labels] == [str(tmp_path / "mine.txt"), "activities"]


def test_two_sets_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"labels\[1\]\.name"):
        parse_config(2 * '[[labels]]\nname = "a"\nfile = "activities"\n', "r.toml")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A small model that compares everything, and counts how often it is loaded."""
    folder = tmp_path / "model"
    folder.mkdir()
    torch.manual_seed(0)
    state = {key: 0.1 * torch.randn(value.shape) for key, value in ImageBind(SMALL).state_dict().items()}
    torch.save(state, folder / "weights.pth")
    fields = format_architecture(SMALL) | {"temperatures": {"audio": 0.02}}
    (folder / "config.json").write_text(json.dumps(fields))
    model, loads = load_model(folder), []
    monkeypatch.setattr(label_module, "_text_model", lambda name: loads.append(name) or model)
    found = read_card(folder)
    assert found.temperatures == {"audio": 0.02}
    return found, loads, model


def test_each_target_has_the_mean_over_its_prompts_and_a_second_run_loads_no_model(card, listed) -> None:
    found, loads, model = card
    config = config_of("top = 1\nevery_s = 0.5", listed("dog\nrain\n"))
    tables = label_tables(config, found, {"audio", "vision"})
    assert [(one.target, one.labels, one.top, one.every_ns) for one in tables] == [
        ("audio", ("dog", "rain"), 1, NS // 2),
        ("vision", ("dog", "rain"), 1, NS // 2),
    ]
    prompts = label_module.load_templates()["audio"]
    mean = model.embed_text([prompt.format("rain") for prompt in prompts]).mean(axis=0)
    np.testing.assert_allclose(tables[0].vectors[1], mean / np.linalg.norm(mean), rtol=1e-6)
    again = label_tables(config, found, {"audio", "vision"})
    assert [one.vectors.tobytes() for one in again] == [one.vectors.tobytes() for one in tables]
    assert len(loads) == 1
    label_tables(config, replace(found, space_id="other"), {"audio"})
    assert len(loads) == 2


def test_damaged_vectors_are_embedded_again(card, listed, tmp_path: Path) -> None:
    found, loads, _ = card
    config = config_of(file=listed("dog\n"))
    (table,) = label_tables(config, found, {"audio"})
    (kept,) = (tmp_path / "cache").rglob("*.npy")
    kept.write_bytes(kept.read_bytes()[:-3])
    (again,) = label_tables(config, found, {"audio"})
    assert again.vectors.tobytes() == table.vectors.tobytes()
    assert len(loads) == 2


def test_what_the_run_or_the_model_lacks_is_said(card, listed) -> None:
    found, _, _ = card
    file = listed("dog\n")
    with pytest.raises(LabelsError, match=r"'things': no sensor gives vision; there are audio, fused"):
        label_tables(config_of('modalities = ["vision"]', file), found, {"audio"})
    only = replace(found, backgrounds={"audio/audio": Background(mean=0.0, deviation=0.1)})
    with pytest.raises(LabelsError, match=r"cannot compare texts with audio; it has the pairs audio/audio"):
        label_tables(config_of(file=file), only, {"audio"})
    (fused,) = label_tables(config_of('modalities = ["fused"]', file), found, {"audio"})
    assert fused.target == "fused"


def test_a_line_for_a_person() -> None:
    best = (Likely(label="a dog", share=0.61, cosine=0.2), Likely(label="rain", share=0.12, cosine=0.1))
    answers = (
        Answer(target="audio", best=best, none=0.2, calibrated=True),
        Answer(target="vision", best=best[:1], none=0.39, calibrated=False),
    )
    line = message_line(Labels(epoch=1, seq=0, name="sounds", stamp_ns=NS, answers=answers))
    assert line.endswith(
        "sounds: audio a dog 61 %, rain 12 %, none of these 20 %; vision a dog ~61 %, none of these ~39 %"
    )
