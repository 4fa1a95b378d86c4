import inspect
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from sixsense.encoders.architecture import Architecture, Trunk
from sixsense.encoders.errors import InputError, ModelError
from sixsense.encoders.files import modality_of
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import load_model
from sixsense.sensors.errors import SourceError

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 255, (60, 80, 3)).astype(np.uint8)
WAVE = (0.1 * RNG.standard_normal(80000)).astype(np.float32)
ROWS = (np.array([0, 0, 9.81, 0, 0, 0]) + 0.3 * RNG.standard_normal((400, 6))).astype(np.float32)
STAMPS = np.arange(400) * 5_000_000


def test_load_model_has_the_documented_options():
    assert list(inspect.signature(load_model).parameters) == [
        "name", "device", "precision", "modalities", "vocabulary", "imu",
    ]  # fmt: skip


def test_rows_are_unit_vectors(mini):
    rows = {
        "text": mini.embed_text(["a dog", "rain"]),
        "image": mini.embed_image([RGB, RGB[::-1]]),
        "video": mini.embed_video([np.stack([RGB, RGB])] * 2),
        "whole video": mini.embed_video([np.stack([RGB, RGB])] * 2, rate_hz=1.0),
        "audio": mini.embed_audio([(WAVE, 16000), (WAVE[:32000], 16000.0)]),
        "depth": mini.embed_depth([np.full((9, 9), 2.0), np.full((9, 9), 3.0)], fx=500, baseline=0.1),
        "thermal": mini.embed_thermal([np.full((9, 9), 290.0), RGB[:, :, 0]]),
        "imu": mini.embed_imu([ROWS, ROWS[:100]], [STAMPS, STAMPS[:100]]),
    }
    for name, vectors in rows.items():
        assert vectors.shape == (2, mini.dim), name
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5, err_msg=name)


def test_no_rows_are_no_rows(mini):
    assert mini.embed_text([]).shape == (0, mini.dim)


def test_one_text_is_no_list(mini):
    with pytest.raises(InputError, match="give a list"):
        mini.embed_text("a dog")


def test_a_rows_bits_do_not_depend_on_its_neighbours(mini):
    alone = mini.embed_text(["rain"])[0]
    assert mini.embed_text(["a much longer text than that", "rain"])[1].tobytes() == alone.tobytes()


def test_what_pads_a_text_does_not_matter(mini):
    ids = torch.zeros(1, 77, dtype=torch.long)
    ids[0, :3] = torch.tensor([1, 50, 2])
    longer = torch.cat([ids, ids])
    longer[1, :9] = 7
    np.testing.assert_allclose(mini.forward("text", ids)[0], mini.forward("text", longer)[0], atol=1e-5)


def test_long_sounds_are_three_clips(mini):
    clips = mini.forward("audio", torch.stack([torch.zeros(3, 1, 128, 204)]))
    assert clips.shape == (1, mini.dim)
    starts = (0, 24000, 48000)
    parts = mini.embed_audio([(WAVE[start : start + 32000], 16000) for start in starts])
    mean = parts.mean(axis=0) / np.linalg.norm(parts.mean(axis=0))
    # They are as loud as each other, and so say as much.
    assert mini.embed_audio([(WAVE, 16000)])[0] @ mean == pytest.approx(1, abs=1e-2)


def test_imu_beyond_the_window_is_the_direction_of_several_windows(mini):
    second = 200
    assert len(ROWS) == 2 * second
    starts = (0, second // 2, second)
    parts = mini.embed_imu([ROWS[s : s + second] for s in starts], [STAMPS[s : s + second] for s in starts])
    mean = parts.mean(axis=0) / np.linalg.norm(parts.mean(axis=0))
    assert mini.embed_imu([ROWS], [STAMPS])[0] @ mean == pytest.approx(1, abs=1e-2)


def test_values_that_overflow_are_refused(mini):
    with pytest.raises(InputError, match="not finite"):
        mini.forward("thermal", torch.full((1, 1, 224, 224), torch.inf))


def test_loading_mini_does_not_bring_torchs_compiler_along():
    code = (
        "import sys; from sixsense import load_model; load_model('mini', device='cpu');"
        "print('torch._dynamo' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code]) == b"False\n"


def test_the_same_input_gives_the_same_bytes_in_any_process():
    code = (
        "import numpy as np, torch, sys; torch.set_num_threads(1); from sixsense import load_model;"
        "m = load_model('mini', device='cpu'); x = np.arange(14400, dtype='u1').reshape(60, 80, 3);"
        "sys.stdout.write((m.embed_image([x]).tobytes() + m.embed_text(['rain']).tobytes()).hex())"
    )
    outputs = {subprocess.check_output([sys.executable, "-c", code]) for _ in range(2)}
    assert len(outputs) == 1


def test_text_without_its_vocabulary_says_so(tmp_path, shared):
    golden = shared / "golden" / "imagebind_tiny"
    (tmp_path / "config.json").write_bytes((golden / "tiny_config.json").read_bytes())
    (tmp_path / "tiny.pth").symlink_to(golden / "tiny_state_dict.pth")
    with pytest.raises(ModelError, match=r"bpe_simple_vocab_16e6\.txt\.gz.*vocabulary="):
        load_model(tmp_path, device="cpu").embed_text(["a dog"])
    merges = shared / "vocab" / "bpe_simple_vocab_16e6.txt.gz"
    model = load_model(tmp_path, device="cpu", modalities=("text",), vocabulary=merges)
    assert model.embed_text(["a dog"]).shape == (1, 64)


@pytest.fixture
def files(tmp_path):
    cv2.imwrite(str(tmp_path / "picture.png"), RGB[:, :, ::-1])
    cv2.imwrite(str(tmp_path / "depth.png"), np.full((60, 80), 2000, np.uint16))
    cv2.imwrite(str(tmp_path / "grey.png"), RGB[:, :, 0])
    np.save(tmp_path / "kelvin.npy", np.full((60, 80), 295.0))
    np.savez(tmp_path / "motion.npz", rows=ROWS, stamps=STAMPS)
    lines = [",".join(map(str, [stamp, *row])) for stamp, row in zip(STAMPS, ROWS.tolist(), strict=True)]
    (tmp_path / "motion.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "words.txt").write_text("a dog")
    return tmp_path


def test_files_are_embedded_as_their_arrays_are(mini, files):
    def one(modality: str, name: str) -> np.ndarray:
        return mini.embed_files(modality, [files / name])[0]

    np.testing.assert_array_equal(one("vision", "picture.png"), mini.embed_image([RGB])[0])
    np.testing.assert_array_equal(one("depth", "depth.png"), mini.embed_depth([np.full((60, 80), 2.0)])[0])
    np.testing.assert_array_equal(one("thermal", "grey.png"), mini.embed_thermal([RGB[:, :, 0]])[0])
    np.testing.assert_array_equal(
        one("thermal", "kelvin.npy"), mini.embed_thermal([np.full((60, 80), 295.0)])[0]
    )
    np.testing.assert_array_equal(one("imu", "motion.npz"), mini.embed_imu([ROWS], [STAMPS])[0])
    np.testing.assert_allclose(one("imu", "motion.csv"), one("imu", "motion.npz"), atol=1e-5)
    np.testing.assert_array_equal(one("text", "words.txt"), mini.embed_text(["a dog"])[0])


def test_recordings_are_embedded(mini, shared):
    video = shared / "data" / "gopro" / "karma.mp4"
    sounds = sorted((shared / "data" / "esc10" / "rain").glob("1-*.ogg"))[:2]
    assert mini.embed_files("audio", sounds).shape == (2, mini.dim)
    assert mini.embed_files("vision", [video]).shape == (1, mini.dim)


@pytest.mark.parametrize(
    ("modality", "name", "error", "message"),
    [
        ("smell", "words.txt", InputError, "known are vision"),
        ("audio", "missing.wav", SourceError, r"missing\.wav: no such file"),
        ("audio", "words.txt", SourceError, r"words\.txt"),
        ("depth", "grey.png", SourceError, "8-bit"),
        ("imu", "words.txt", InputError, r"words\.txt: imu: .*; a line is a stamp .*, without a header"),
        ("thermal", "words.txt", SourceError, r"words\.txt"),
        ("vision", "words.txt", SourceError, r"words\.txt"),
    ],
)
def test_files_that_cannot_be_embedded_are_named(mini, files, modality, name, error, message):
    with pytest.raises(error, match=message):
        mini.embed_files(modality, [files / name])


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("picture.png", "vision"),
        ("grey.png", "vision"),
        ("motion.npz", "imu"),
        ("motion.csv", "imu"),
        ("words.txt", "text"),
    ],
)
def test_a_file_tells_its_modality(files, name, modality):
    assert modality_of(files / name) == modality


def test_a_recording_tells_its_modality(shared):
    assert modality_of(shared / "data" / "gopro" / "karma.mp4") == "vision"
    assert modality_of(next((shared / "data" / "esc10" / "rain").glob("*.ogg"))) == "audio"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("depth.png", InputError, "depth or thermal; say which"),
        ("kelvin.npy", InputError, r"depth \(metres\) or thermal \(kelvin\)"),
        ("missing.npz", SourceError, r"missing\.npz"),
        ("missing.wav", SourceError, r"missing\.wav"),
    ],
)
def test_a_file_that_may_be_several_things_is_asked_about(files, name, error, message):
    with pytest.raises(error, match=message):
        modality_of(files / name)


def test_the_factors_before_the_softmax_are_the_networks():
    network = ImageBind(Architecture(8, {name: Trunk(8, 1, 1) for name in ("vision", "text", "audio")}))
    assert network.logit_scale("vision") == 1
    assert network.logit_scale("text") == pytest.approx(1 / 0.07)
    assert network.logit_scale("audio") == pytest.approx(20)
    network.modality_postprocessors["text"][1].log_logit_scale.data.fill_(np.log(150))
    assert network.logit_scale("text") == pytest.approx(100)
