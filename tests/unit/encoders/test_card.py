import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from sixsense.encoders import digest
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.card import DEFAULT_WINDOWS, Background, WindowSpec, card_fields, read_card
from sixsense.encoders.checkpoint import SHIPPED, find_checkpoint
from sixsense.encoders.errors import ModelError
from sixsense.encoders.imagebind import ImageBind

SMALL = Architecture(8, {"imu": Trunk(8, 1, 2)})


def folder(path, **fields):
    torch.save(ImageBind(SMALL).state_dict(), path / "weights.pth")
    (path / "config.json").write_text(json.dumps(format_architecture(SMALL) | fields))
    return path


def test_the_card_of_mini_says_that_it_is_untrained():
    card = read_card("mini")
    assert not card.trained
    assert set(card.modalities) == {"vision", "text", "audio", "depth", "thermal", "imu"}
    assert card.means.keys() == set(card.modalities)
    assert all(mean.shape == (card.dim,) and mean.dtype == np.float32 for mean in card.means.values())
    assert card.backgrounds.keys() == {f"{m}/{m}" for m in ("vision", "audio", "depth", "thermal", "imu")}
    assert card.windows["imu"] == WindowSpec(length_ns=1_000_000_000, hop_ns=250_000_000)


def test_space_id_is_the_name_and_the_digest_of_the_weights():
    digest = hashlib.sha256(SHIPPED["mini"].read_bytes()).hexdigest()
    assert read_card("mini").space_id == f"mini:{digest[:12]}"


def test_reading_a_card_imports_no_torch():
    code = (
        "import sys; from sixsense.encoders.card import read_card; card = read_card('mini');"
        "heavy = {'torch', 'ray', 'cv2', 'zmq', 'av'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_checkpoint_without_card_fields_has_imagebinds_windows_and_no_calibration(tmp_path):
    card = read_card(folder(tmp_path))
    assert card.trained
    assert card.windows == {"imu": DEFAULT_WINDOWS["imu"]}
    assert card.means == {}
    assert card.backgrounds == {}


def test_card_fields_survive_the_config(tmp_path):
    windows = {"imu": WindowSpec(length_ns=10, hop_ns=5)}
    means = {"imu": np.linspace(-1, 1, 8).astype(np.float32)}
    backgrounds = {"imu/imu": Background(mean=0.1, deviation=0.2)}
    card = read_card(folder(tmp_path, **card_fields(windows, means, backgrounds, trained=False)))
    assert (card.windows, card.backgrounds, card.trained) == (windows, backgrounds, False)
    np.testing.assert_array_equal(card.means["imu"], means["imu"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"means": {"imu": [1.0, 2.0]}}, "the mean of imu has 2 numbers, the model 8"),
        ({"windows": {"imu": {"length_ns": "long"}}}, "windows"),
    ],
)
def test_a_wrong_card_is_refused(tmp_path, fields, message):
    with pytest.raises(ModelError, match=message):
        read_card(folder(tmp_path, **fields))


def test_a_large_files_digest_is_remembered_until_it_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(digest, "REMEMBER_BYTES", 10)
    hashed = []
    compute = digest.compute_sha256
    monkeypatch.setattr(digest, "compute_sha256", lambda path: hashed.append(path) or compute(path))
    path = tmp_path / "w.pth"
    path.write_bytes(b"a" * 100)
    first = find_checkpoint(path).space_id()
    assert find_checkpoint(path).space_id() == first
    assert len(hashed) == 1
    path.write_bytes(b"b" * 101)
    assert find_checkpoint(path).space_id() != first
    (tmp_path / "w.pth.sha256.json").write_text("rubbish")
    assert find_checkpoint(path).space_id() != first
    assert len(hashed) == 3
