"""`sixsense eval` on files, tables and logs: the rows that were asked for, or what is missing for them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.digest import digest_of_files
from sixsense.encoders.imagebind import ImageBind
from sixsense.launch import cli
from sixsense.launch.evaluate import parse_names, parse_shots
from sixsense.sensors.errors import SixsenseError
from typer.testing import CliRunner

MODALITIES = ("vision", "audio", "imu", "text")
HEADER = "x_acc,y_acc,z_acc,x_gyro,y_gyro,z_gyro,timestamp,label\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A small ImageBind with random weights that says it was bound sound to text."""
    architecture = Architecture(16, {name: Trunk(16, 1, 2) for name in MODALITIES}, vocabulary=259)
    torch.manual_seed(0)
    network = ImageBind(architecture).requires_grad_(False)
    for name, parameter in network.named_parameters():
        parameter.normal_(0, 0.2)
        if "norm" in name and name.endswith("weight"):
            parameter.fill_(1.0)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    config = format_architecture(architecture) | {"bound": [{"modality": "audio", "anchor": "text"}]}
    save_file(
        {k: v.contiguous() for k, v in network.state_dict().items()}, path, {"sixsense": json.dumps(config)}
    )
    return path


@pytest.fixture
def invoke(monkeypatch, tmp_path, model):
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(*arguments: object):
        return CliRunner().invoke(cli.app, ["eval", "--model", str(model), *map(str, arguments)])

    yield run
    torch.set_num_threads(before)


@pytest.fixture
def sounds(tmp_path, wav) -> Path:
    """Two classes of tones in two folds."""
    for name, pitch in (("high", 3000), ("low", 200)):
        (tmp_path / "sounds" / name).mkdir(parents=True)
        for take in range(4):
            tone = 0.5 * np.sin(2 * np.pi * (pitch + 30 * take) * np.arange(16000) / 16000)
            wav(tmp_path / "sounds" / name / f"{1 + take % 2}-{name}{take}-A.wav", tone.astype(np.float32))
    return tmp_path / "sounds"


@pytest.fixture
def pictures(tmp_path) -> Path:
    import cv2

    for name, grey in (("high", 250), ("low", 20)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for take in range(3):
            cv2.imwrite(
                str(tmp_path / "pictures" / name / f"{take}.png"), np.full((32, 32, 3), grey - take, np.uint8)
            )
    return tmp_path / "pictures"


def rows(result) -> list[dict]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_classes_are_told_apart_with_and_without_examples(invoke, sounds):
    found = rows(invoke(sounds, "--modality", "audio", "--folds", "--shots", "1,all", "--json"))
    assert [(row["task"], row["measure"].split()[0]) for row in found] == [
        ("zero-shot", "accuracy"),
        ("zero-shot", "recall"),
        ("1-shot", "accuracy"),
        ("1-shot", "recall"),
        ("linear probe", "accuracy"),
        ("linear probe", "recall"),
    ]
    assert {row["kind"] for row in found} == {"real"}
    assert all(row["low"] <= row["value"] <= row["high"] for row in found)
    assert found[4]["value"] > 0.8
    assert (found[4]["cases"], found[4]["chance"]) == (8, 0.5)


def test_it_is_told_when_a_model_learnt_from_these_very_files(invoke, sounds, model):
    arguments = (f"audio:{sounds}", "--modality", "audio", "--shots", "")
    assert "learnt" not in invoke(*arguments).stderr
    with safe_open(model, framework="pt") as file:
        config = json.loads(file.metadata()["sixsense"]) | {
            "origin": {"data": {"tones": digest_of_files(sounds)}}
        }
    told = sounds.parent / "told.safetensors"
    save_file(load_file(model), told, {"sixsense": json.dumps(config)})
    said = "told learnt from tones, these very files: none is held out"
    assert said in invoke(*arguments, "--model", told).stderr
    next(sounds.rglob("*.wav")).unlink()
    assert said not in invoke(*arguments, "--model", told).stderr


def test_names_replace_what_folders_are_called(invoke, sounds, tmp_path):
    (tmp_path / "names.txt").write_text("high = a whistle | a shrill tone\nlow = a hum\n")
    plain = rows(invoke(sounds, "--modality", "audio", "--shots", "", "--json"))
    named = rows(invoke(sounds, "--modality", "audio", "--shots", "", "--labels", "names.txt", "--json"))
    assert len(plain) == len(named) == 2


def test_sounds_and_pictures_of_the_same_concepts_are_emergent(invoke, sounds, pictures):
    found = rows(invoke(f"audio:{sounds}", f"vision:{pictures}", "--emergent", "--json"))
    assert {(row["query"], row["target"], row["together"]) for row in found} == {
        ("audio", "vision", False),
        ("vision", "audio", False),
    }
    (refused,) = invoke(
        f"audio:{sounds}", "--modality", "audio", "--to", "text", "--emergent"
    ).stderr.splitlines()
    assert "was trained on every pair of audio, text" in refused
    found = rows(invoke(sounds, "--modality", "audio", "--to", "text", "--json"))
    assert {row["together"] for row in found} == {True}


def test_of_three_folders_every_pair_is_measured_with_its_own_two(invoke, sounds, pictures, tmp_path):
    (tmp_path / "felt" / "s01").mkdir(parents=True)
    lines = [f"0,0,9.8,0,0,0,{10 * i},{'high' if i < 600 else 'low'}" for i in range(1200)]
    (tmp_path / "felt" / "s01" / "a.csv").write_text(HEADER + "\n".join(lines) + "\n")
    data = (f"audio:{sounds}", f"vision:{pictures}", "imu:felt")
    found = rows(invoke(*data, "--emergent", "--json"))
    both_ways = {("audio", "vision"), ("audio", "imu"), ("vision", "imu")}
    assert {(row["query"], row["target"]) for row in found} == both_ways | {(b, a) for a, b in both_ways}


def test_labelled_motion_is_tested_person_by_person(invoke, tmp_path):
    rng = np.random.default_rng(0)
    for person in ("s01", "s02", "s03"):
        (tmp_path / "har" / person).mkdir(parents=True)
        lines = []
        for i in range(1200):
            shake = 3 * rng.normal() if i >= 600 else 0.0
            lines.append(f"{shake},0,{9.8 + shake},0,0,{shake},{10 * i},{'WALK' if i >= 600 else 'SIT'}")
        (tmp_path / "har" / person / "a.csv").write_text(HEADER + "\n".join(lines) + "\n")
    found = rows(invoke("har", "--modality", "imu", "--shots", "all", "--json"))
    assert found[-2]["task"] == "linear probe"
    assert found[-2]["cases"] >= 6
    assert found[-2]["value"] > 0.8


def test_a_log_of_the_robot_is_simulated_and_never_beside_a_real_one(invoke, sounds):
    found = rows(invoke("simulated:1:12", "--modality", "audio", "--to", "imu", "--near", 0.5, "--json"))
    assert {row["kind"] for row in found} == {"simulated"}
    assert {row["measure"] for row in found} >= {"R@1", "R@5"}
    both = invoke("simulated:1:4", sounds, "--modality", "audio")
    assert both.exit_code == 1
    assert "give them apart" in both.stderr


def test_the_table_is_for_people(invoke, sounds):
    result = invoke(sounds, "--modality", "audio", "--shots", "")
    assert result.exit_code == 0
    first, _ = result.stdout.splitlines()
    assert first.startswith("real       zero-shot     audio > text")
    assert "n=8  chance 0.500" in first
    assert "loading" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no data"),
        (("sounds", "--modality", "thermal"), "no modality 'thermal' in this model"),
        (("sounds/high", "--modality", "audio"), "no classes to tell apart"),
        (("sounds", "--modality", "audio", "--shots", "some"), "'some' is no number of examples"),
        (("audio:sounds", "--modality", "audio", "--to", "vision"), "none of the data is of vision"),
        (("sounds", "--modality", "audio", "--labels", "none.txt"), "cannot read none.txt"),
        (("audio:sounds/high", "vision:pictures/low", "--modality", "audio", "--to", "vision"), "no pairs"),
    ],
)
@pytest.mark.usefixtures("sounds", "pictures")
def test_what_cannot_be_measured_is_said(invoke, arguments, said):
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_broken_file_is_told_of_and_counted(invoke, sounds):
    (sounds / "low" / "1-broken.wav").write_bytes(b"RIFF")
    result = invoke(sounds, "--modality", "audio", "--shots", "")
    assert result.exit_code == 0
    assert "1-broken.wav" in result.stderr
    assert "left out: 1 audio that cannot be embedded" in result.stderr
    assert "n=8" in result.stdout


def test_real_sounds_follow_the_five_fold_protocol(shared, invoke, tmp_path):
    for name in ("rain", "rooster", "dog_bark"):
        (tmp_path / "esc" / name).mkdir(parents=True)
        for fold in (1, 2):
            for path in sorted((shared / "data" / "esc10" / name).glob(f"{fold}-*.ogg"))[:2]:
                (tmp_path / "esc" / name / path.name).symlink_to(path)
    found = rows(invoke("esc", "--modality", "audio", "--folds", "--shots", "2", "--json"))
    assert found[0]["cases"] == 12
    assert found[2]["task"] == "2-shot"


def test_shots_and_names_are_read_or_refused(tmp_path):
    assert parse_shots("1, 2,all") == (1, 2, None)
    assert parse_shots("") == ()
    with pytest.raises(SixsenseError, match="'0' is no number"):
        parse_shots("0")
    (tmp_path / "n.txt").write_text("dog = a dog | a puppy\n\nrain = rain\n")
    assert parse_names(tmp_path / "n.txt") == {"dog": ("a dog", "a puppy"), "rain": ("rain",)}
    (tmp_path / "n.txt").write_text("dog a dog\n")
    with pytest.raises(SixsenseError, match=r"n\.txt:1: 'dog a dog'; write `class = a text"):
        parse_names(tmp_path / "n.txt")
