import cv2
import numpy as np
import pytest
import torch
from sixsense.encoders.architecture import Architecture, Trunk
from sixsense.encoders.errors import InputError
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.tokenizer import ByteTokenizer
from sixsense.encoders.verify import NAMES, PUBLISHED, TOLERANCE, Table, example_files, raw_outputs, tables

TINY = Architecture(8, {name: Trunk(8, 1, 2) for name in ("vision", "text", "audio", "imu")}, vocabulary=259)


def outputs_of(logits: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs whose products are `logits` for vision x text, and what follows for the other pairs."""
    return {"vision": logits, "text": np.eye(3), "audio": 50 * np.eye(3)}


@pytest.fixture
def example(tmp_path, wav):
    rng = np.random.default_rng(0)
    for i, name in enumerate(NAMES):
        cv2.imwrite(str(tmp_path / f"{name}_image.jpg"), rng.integers(0, 255, (50, 60, 3)).astype(np.uint8))
        wav(tmp_path / f"{name}_audio.wav", (0.1 * rng.standard_normal(30000 + 20000 * i)).astype(np.float32))
    return tmp_path


def test_outputs_that_give_the_published_table_agree():
    found = {
        (table.rows, table.columns): table
        for table in tables(outputs_of(np.log(PUBLISHED["vision", "text"])))
    }
    assert found["vision", "text"].agrees
    assert found["audio", "text"].agrees
    assert not found["vision", "audio"].agrees


@pytest.mark.parametrize(
    ("error", "agrees"), [(0.9 * TOLERANCE, True), (1.1 * TOLERANCE, False), (np.nan, False)]
)
def test_what_is_beyond_the_tolerance_differs(error, agrees):
    published = np.eye(3)
    computed = published.copy()
    computed[1, 2] += error
    table = Table("vision", "text", computed, published)
    assert table.agrees is agrees
    np.testing.assert_allclose(table.difference, error)


def test_softmax_is_over_the_columns_and_survives_large_logits():
    logits = np.array([[1000.0, 0, 0], [0, 1, 2], [0, 0, 0]])
    (table, _, _) = tables(outputs_of(logits))
    assert table.computed[0].tolist() == [1, 0, 0]
    np.testing.assert_allclose(table.computed.sum(axis=1), 1)
    np.testing.assert_allclose(table.computed[1], np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum())


def test_outputs_are_scaled_as_released(example, tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / "w.pth"
    state = {key: torch.randn(value.shape) for key, value in ImageBind(TINY).state_dict().items()}
    state["modality_postprocessors.text.1.log_logit_scale"] = torch.tensor(3.0).log()
    state["modality_postprocessors.audio.1.log_logit_scale"] = torch.tensor(7.0).log()
    torch.save(state, weights)
    outputs = raw_outputs(weights, TINY, ByteTokenizer(), example)
    assert set(outputs) == {"vision", "text", "audio"}
    lengths = {name: np.linalg.norm(rows, axis=1) for name, rows in outputs.items()}
    np.testing.assert_allclose(lengths["vision"], 1, rtol=1e-5)
    np.testing.assert_allclose(lengths["text"], 3, rtol=1e-5)
    # The first sound is one clip three times over; the mean of different clips is shorter.
    assert lengths["audio"][0] == pytest.approx(7, rel=1e-5)
    assert (lengths["audio"][1:] < 7).all()
    assert [table.agrees for table in tables(outputs)] == [False, False, False]


def test_a_missing_file_is_named(example):
    pictures, sounds = example_files(example)
    assert [path.name for path in pictures] == ["dog_image.jpg", "car_image.jpg", "bird_image.jpg"]
    assert [path.name for path in sounds] == ["dog_audio.wav", "car_audio.wav", "bird_audio.wav"]
    (example / "car_audio.wav").unlink()
    with pytest.raises(InputError, match=r"needs one car_audio\.\*, found none; .*\.assets"):
        example_files(example)
