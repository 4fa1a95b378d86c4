import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from sixsense.encoders import pull as pull_module
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.checkpoint import find_checkpoint
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.verify import NAMES, PUBLISHED, Table
from sixsense.launch import cli
from sixsense.launch.models import table_lines
from typer.testing import CliRunner

SMALL = Architecture(8, {name: Trunk(8, 1, 2) for name in ("vision", "text", "audio")}, vocabulary=49408)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "sixsense"


@pytest.fixture
def invoke():
    def run(*arguments: object, **options):
        return CliRunner().invoke(cli.app, [*map(str, arguments)], **options)

    return run


@pytest.fixture
def folder(tmp_path) -> Path:
    """A small model with random weights and CLIP's number of tokens."""
    path = tmp_path / "small"
    path.mkdir()
    torch.manual_seed(0)
    state = {key: 0.1 * torch.randn(value.shape) for key, value in ImageBind(SMALL).state_dict().items()}
    torch.save(state, path / "weights.pth")
    (path / "config.json").write_text(json.dumps(format_architecture(SMALL)))
    return path


@pytest.mark.parametrize("command", ["list", "pull", "show", "convert", "export", "verify"])
def test_every_command_has_help(invoke, command):
    result = invoke("models", command, "--help")
    assert result.exit_code == 0
    assert "--json" in result.output


def test_list_names_what_is_here_and_how_to_get_the_rest(invoke, cache):
    result = invoke("models", "list")
    assert "mini" in result.output
    assert "sixsense models pull imagebind-huge" in result.output
    cache.mkdir(parents=True)
    (cache / "imagebind_huge.pth").write_bytes(b"x" * 1000)
    (cache / "other.pth").write_bytes(b"x")
    lines = [json.loads(line) for line in invoke("models", "list", "--json").stdout.splitlines()]
    assert [(line["name"], line["state"]) for line in lines] == [
        ("mini", "shipped"),
        ("imagebind-huge", "downloaded"),
        (str(cache / "other.pth"), "load it by its path"),
    ]
    assert lines[1]["megabytes"] == 0.001


def test_an_exported_model_is_shown_and_takes_the_place_of_its_source(invoke, folder, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    out = tmp_path / "small-onnx"
    result = invoke("models", "export", folder, out, "--modalities", "audio", "--int8", "--json")
    assert result.exit_code == 0, result.output
    assert "audio ..." in result.stderr
    told = json.loads(result.stdout)
    shown = json.loads(invoke("models", "show", out, "--json").stdout)
    assert told["space_id"] == shown["space_id"] == find_checkpoint(folder).space_id()
    assert (shown["precision"], list(shown["trunks"])) == ("int8", ["audio"])
    assert "exported to ONNX, int8" in invoke("models", "show", out).stdout
    (out / "audio.onnx").unlink()
    assert "audio.onnx is missing" in invoke("models", "show", out).output


def test_show_counts_what_each_modality_takes(invoke):
    shown = json.loads(invoke("models", "show", "--json").stdout)
    assert shown["space_id"].startswith("mini:")
    assert shown["trained"]
    assert set(shown["trunks"]) == {"vision", "text", "audio", "depth", "thermal", "imu"}
    assert all(trunk["memory_bytes"] == 4 * trunk["elements"] for trunk in shown["trunks"].values())
    assert shown["trunks"]["audio"]["file_bytes"] < shown["trunks"]["audio"]["memory_bytes"]
    text = invoke("models", "show", "mini", "--keys").output
    assert "dimensions, trained" in text
    assert "towers.imu.head.weight [256, 448] float16" in text


def test_show_names_what_is_wrong_with_a_model(invoke, folder):
    torch.save({}, folder / "weights.pth")
    result = invoke("models", "show", folder)
    assert result.exit_code == 1
    assert "is missing" in result.stderr


def test_convert_says_the_new_space(invoke, folder, tmp_path):
    result = invoke(
        "models", "convert", folder, tmp_path / "audio.safetensors", "--modalities", "audio, text"
    )
    assert result.exit_code == 0, result.output
    assert "space audio:" in result.output
    shown = json.loads(invoke("models", "show", tmp_path / "audio.safetensors", "--json").stdout)
    assert set(shown["trunks"]) == {"audio", "text"}
    again = invoke("models", "convert", folder, tmp_path / "audio.safetensors")
    assert again.exit_code == 1
    assert "is there already" in again.stderr


@pytest.fixture
def pulled(web, monkeypatch, folder, invoke):
    """Pulls the small model as if it were the released one."""
    merges, _ = web.serve(b"merges")
    monkeypatch.setattr(pull_module, "HUGE", SMALL)
    monkeypatch.setattr(pull_module, "VOCABULARY_SHA256", hashlib.sha256(b"merges").hexdigest())
    url, _ = web.serve((folder / "weights.pth").read_bytes())

    def pull(*arguments: str, **options):
        return invoke("models", "pull", "--url", url, "--vocabulary-url", merges, *arguments, **options)

    return pull


def test_pull_shows_the_licence_and_waits_for_a_yes(pulled, cache):
    result = pulled()
    assert result.exit_code == 1
    assert "CC BY-NC-SA 4.0" in result.stderr
    assert "--accept-licence" in result.stderr
    assert not cache.exists()


def test_pull_fetches_both_files_and_says_what_it_checked(pulled, cache):
    result = pulled("--accept-licence")
    assert result.exit_code == 0, result.output
    assert "nothing to compare it with; pinned in imagebind_huge.pth.sha256" in result.output
    assert f"all {len(ImageBind(SMALL).state_dict())} are imagebind_huge's" in result.output
    assert "100 % of" in result.stderr
    names = {path.name for path in cache.iterdir()}
    assert {"imagebind_huge.pth", "bpe_simple_vocab_16e6.txt.gz", "imagebind_huge.pth.licence.txt"} <= names
    again = pulled("--json")
    assert again.exit_code == 0
    assert "CC BY-NC-SA" not in again.stderr
    assert json.loads(again.stdout)["path"] == str(cache / "imagebind_huge.pth")


def test_a_typed_yes_accepts_and_anything_else_does_not(pulled, cache, monkeypatch):
    monkeypatch.setattr("sixsense.launch.models.interactive", lambda: True)
    refused = pulled(input="y\n")
    assert refused.exit_code == 1
    assert "nothing is fetched" in refused.stderr
    assert not cache.exists()
    assert pulled(input="yes\n").exit_code == 0


def test_a_wrong_digest_is_status_1(pulled):
    result = pulled("--accept-licence", "--sha256", "0" * 64)
    assert result.exit_code == 1
    assert "given with --sha256" in result.stderr


@pytest.fixture
def example(tmp_path, wav) -> Path:
    path = tmp_path / "example"
    path.mkdir()
    for level, name in enumerate(NAMES, start=1):
        cv2.imwrite(str(path / f"{name}_image.jpg"), np.full((32, 32, 3), 60 * level, np.uint8))
        wav(path / f"{name}_audio.wav", np.sin(np.arange(32000) * level / 10).astype(np.float32))
    return path


def test_verify_is_status_1_for_another_model(invoke, folder, example, shared):
    words = shared / "vocab" / "bpe_simple_vocab_16e6.txt.gz"
    result = invoke("models", "verify", example, "--model", folder, "--vocabulary", words)
    assert result.exit_code == 1
    assert result.output.count("DIFFERS") == 3
    again = invoke("models", "verify", example, "--model", folder, "--vocabulary", words, "--json")
    found = [json.loads(line) for line in again.stdout.splitlines()]
    assert [(table["rows"], table["columns"]) for table in found] == list(PUBLISHED)
    assert not any(table["agrees"] for table in found)


def test_verify_is_status_0_where_the_tables_agree(invoke, folder, example, shared, monkeypatch):
    words = shared / "vocab" / "bpe_simple_vocab_16e6.txt.gz"
    arguments = ("models", "verify", example, "--model", folder, "--vocabulary", words, "--json")
    computed = [json.loads(line) for line in invoke(*arguments).stdout.splitlines()]
    theirs = {(table["rows"], table["columns"]): table["computed"] for table in computed}
    monkeypatch.setattr("sixsense.encoders.verify.PUBLISHED", theirs)
    assert invoke(*arguments).exit_code == 0
    theirs["vision", "audio"][0][0] += 2e-3
    assert invoke(*arguments).exit_code == 1


def test_verify_needs_the_examples_files(invoke, folder, tmp_path, shared):
    words = shared / "vocab" / "bpe_simple_vocab_16e6.txt.gz"
    result = invoke("models", "verify", tmp_path, "--model", folder, "--vocabulary", words)
    assert result.exit_code == 1
    assert "dog_image.*" in result.stderr


def test_a_table_stands_beside_the_published_one():
    table = Table("vision", "text", np.eye(3) + 0.5, np.eye(3))
    lines = list(table_lines(table))
    assert lines[0] == "vision x text: DIFFERS, at most 0.5 from the published"
    assert lines[1].split() == ["1.5", "0.5", "0.5", "|", "1", "0", "0"]
