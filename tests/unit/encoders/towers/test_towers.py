"""Towers take what ImageBind takes, say unit rows of one space, and go through files and `load_model`."""

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sixsense import load_model
from sixsense.encoders.card import read_card
from sixsense.encoders.checkpoint import CONFIG_KEY, find_checkpoint
from sixsense.encoders.convert import convert
from sixsense.encoders.errors import InputError, ModelError
from sixsense.encoders.preprocess.audio import MEAN, STD
from sixsense.encoders.tokenizer import OwnTokenizer, learn_merges
from sixsense.encoders.towers.shape import (
    MotionShape,
    PictureShape,
    SoundShape,
    TextShape,
    TowerShapes,
    TowersShape,
    format_shape,
)
from sixsense.encoders.towers.sound import PADDING, loudness
from sixsense.encoders.towers.towers import Towers

MERGES = tuple(learn_merges(["a dog barks"], 6))
PICTURE = PictureShape(channels=3, widths=(4, 8, 8, 8), blocks=(1, 1, 1), features=8, meaning=16)
SHAPE = TowersShape(
    dim=24,
    towers=TowerShapes(
        vision=PICTURE,
        text=TextShape(meaning=24, vocabulary=OwnTokenizer(MERGES).size, width=16, blocks=1, heads=2),
        audio=SoundShape(meaning=24, widths=(4, 8, 8)),
        depth=msgspec.structs.replace(PICTURE, channels=1),
        thermal=msgspec.structs.replace(PICTURE, channels=1),
        imu=MotionShape(meaning=24, widths=(8, 8)),
    ),
    merges=MERGES,
)
INPUTS = {
    "vision": (2, 3, 224, 224),
    "audio": (2, 1, 128, 204),
    "depth": (2, 1, 224, 224),
    "thermal": (2, 1, 224, 224),
    "imu": (2, 6, 2000),
}


@pytest.fixture(scope="module")
def towers() -> Towers:
    torch.manual_seed(0)
    towers = Towers(SHAPE).eval().requires_grad_(False)
    towers.towers["text"].tokens.weight.normal_()
    return towers


@pytest.fixture(scope="module")
def weights(towers, tmp_path_factory):
    path = tmp_path_factory.mktemp("towers") / "small.safetensors"
    config = format_shape(SHAPE) | {"windows": {"imu": {"length_ns": 10**9, "hop_ns": 250_000_000}}}
    save_file(towers.state_dict(), path, metadata={CONFIG_KEY: msgspec.json.encode(config).decode()})
    return path


@pytest.mark.parametrize("modality", INPUTS)
def test_rows_are_unit_vectors_of_the_whole_space(towers, modality):
    rows = towers(modality, torch.randn(INPUTS[modality]))
    assert rows.shape == (2, SHAPE.dim)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(2))


def test_a_tower_that_says_less_says_0_in_the_rest(towers):
    assert not towers("vision", torch.randn(INPUTS["vision"]))[:, PICTURE.meaning :].any()
    assert towers("audio", torch.randn(INPUTS["audio"]))[:, PICTURE.meaning :].any()


def test_a_clip_that_is_louder_says_more(towers):
    clips = torch.randn(1, 2, 1, 128, 204)
    equal = towers("audio", clips)[0]
    # Three deviations of the log energy are a factor of a thousand in amplitude's square root.
    loud = towers("audio", clips - torch.tensor([0.0, 3.0]).view(1, 2, 1, 1, 1))[0]
    first = towers("audio", clips[:, 0])[0]
    torch.testing.assert_close(loud, first, atol=1e-2, rtol=0)
    assert float(equal @ first) < 0.9999


def test_silence_that_only_pads_is_not_counted_as_loud():
    x = torch.full((1, 1, 128, 204), PADDING)
    assert float(loudness(x)) < 0.02
    x[..., :100] = (2.0 - MEAN) / STD
    assert float(loudness(x)) == pytest.approx(np.exp(2.0 / 4), rel=1e-4)


def test_two_frames_are_the_direction_of_their_mean(towers):
    pairs = torch.randn(1, 2, 3, 2, 224, 224)
    frames = pairs[0].transpose(1, 2).flatten(0, 1)
    alone = towers("vision", frames).mean(dim=0)
    torch.testing.assert_close(towers("vision", pairs)[0], alone / alone.norm())


def test_padding_of_a_text_does_not_matter(towers):
    ids = torch.zeros(2, 77, dtype=torch.long)
    ids[0, :3], ids[1, :6] = torch.tensor([1, 2, 3]), torch.tensor([1, 4, 5, 6, 7, 3])
    torch.testing.assert_close(towers("text", ids)[0], towers("text", ids[:1])[0])


@pytest.mark.parametrize(
    ("modality", "shape", "message"),
    [
        ("smell", (1, 3), "no 'smell' trunk is loaded; loaded are vision, text"),
        ("audio", (2, 1, 128, 99), r"audio input of shape \(2, 1, 128, 99\); give log-mel"),
        ("imu", (0, 6, 2000), "imu input of shape"),
        ("vision", (1, 3, 112, 112), "towers take pictures of 224 pixels"),
    ],
)
def test_what_it_does_not_take_is_refused(towers, modality, shape, message):
    with pytest.raises(InputError, match=message):
        towers(modality, torch.zeros(shape))


def test_token_ids_beyond_the_vocabulary_are_refused(towers):
    with pytest.raises(InputError, match="this vocabulary has 0 to"):
        towers("text", torch.full((1, 77), 9999))


def test_a_file_of_towers_is_a_model_like_another(weights):
    model = load_model(weights, device="cpu")
    assert (model.dim, model.modalities) == (24, SHAPE.modalities)
    card = read_card(weights)
    assert (card.modalities, card.windows["imu"].length_ns) == (SHAPE.modalities, 10**9)
    assert model.embed_text(["a dog", "a cat"]).shape == (2, 24)
    assert model.logit_scale("text") == pytest.approx(1 / 0.07)
    wave = np.random.default_rng(0).standard_normal(48_000) * 0.1
    assert np.linalg.norm(model.embed_audio([(wave, 16_000)])[0]) == pytest.approx(1)


def test_fast_says_that_it_is_exact(weights, caplog):
    model = load_model(weights, device="cpu", precision="fast", modalities=("imu",))
    assert model.precision == "exact"
    assert "computed as 'exact'" in caplog.text


def test_only_the_towers_asked_for_are_read(weights, tmp_path):
    ears = load_model(weights, device="cpu", modalities=("audio", "text"))
    assert ears.modalities == ("text", "audio")
    convert(find_checkpoint(weights), tmp_path / "ears.safetensors", ("audio",))
    small = load_model(tmp_path / "ears.safetensors", device="cpu")
    wave = np.zeros(32_000, np.float32)
    assert small.modalities == ("audio",)
    assert small.embed_audio([(wave, 16_000)]).tobytes() == ears.embed_audio([(wave, 16_000)]).tobytes()


def test_a_missing_key_is_named(towers, tmp_path):
    state = towers.state_dict()
    del state["towers.audio.head.bias"]
    config = msgspec.json.encode(format_shape(SHAPE)).decode()
    save_file(state, tmp_path / "less.safetensors", metadata={CONFIG_KEY: config})
    with pytest.raises(ModelError, match=r"towers\.audio\.head\.bias is missing"):
        load_model(tmp_path / "less.safetensors", device="cpu")


@pytest.mark.parametrize("modality", INPUTS)
def test_rows_for_exporters_are_those_of_forward(towers, modality):
    x = torch.randn(INPUTS[modality])
    torch.testing.assert_close(towers.rows(modality, x), towers(modality, x))


def test_texts_for_exporters_may_be_padded(towers):
    ids = torch.tensor([[3, 4, 5, 0, 0], [6, 7, 8, 9, 1]])
    padded = torch.nn.functional.pad(ids, (0, 72))
    torch.testing.assert_close(towers.rows("text", ids), towers("text", padded))
