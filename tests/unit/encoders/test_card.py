import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from sixsense.encoders import digest
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.card import DEFAULT_WINDOWS, Background, ImuInput, WindowSpec, card_fields, read_card
from sixsense.encoders.checkpoint import SHIPPED, find_checkpoint
from sixsense.encoders.errors import ModelError
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import load_model

SMALL = Architecture(8, {"imu": Trunk(8, 1, 2)})


def folder(path, **fields):
    torch.save(ImageBind(SMALL).state_dict(), path / "weights.pth")
    (path / "config.json").write_text(json.dumps(format_architecture(SMALL) | fields))
    return path


def test_the_card_of_mini_is_whole():
    card = read_card("mini")
    assert card.trained
    assert set(card.modalities) == {"vision", "text", "audio", "depth", "thermal", "imu"}
    assert card.means.keys() == set(card.modalities)
    assert all(mean.shape == (card.dim,) and mean.dtype == np.float32 for mean in card.means.values())
    assert {"text/audio", "audio/vision", "imu/imu"} <= card.backgrounds.keys()
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


def test_how_a_model_takes_imu_rows_is_on_its_card_and_can_be_said_otherwise(tmp_path):
    given = {"order": "gyroscope-accelerometer", "rate_hz": 200.0}
    where = folder(tmp_path, imu=given)
    assert read_card(where).imu == ImuInput(order="gyroscope-accelerometer", rate_hz=200)
    rows = np.tile(np.array([0, 0, 9.81, 0, 0, 0.5], np.float32), (500, 1))
    stamps = np.arange(500) * 10_000_000
    as_said, otherwise = load_model(where, device="cpu"), load_model(where, device="cpu", imu=ImuInput())
    assert otherwise.card.imu == ImuInput()
    inputs = {}
    for model in (as_said, otherwise):
        model.forward = lambda _, batch, model=model: inputs.setdefault(id(model), batch.numpy())[:, :, 0]
        model.embed_imu([rows], [stamps])
    assert inputs[id(as_said)][0, :, 0].tolist() == [0, 0, 0.5, 0, 0, np.float32(9.81)]
    assert inputs[id(otherwise)][0, :, 0].tolist() == [0, 0, np.float32(9.81), 0, 0, 0.5]
    assert not inputs[id(as_said)][0, :, 1000:].any()


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
