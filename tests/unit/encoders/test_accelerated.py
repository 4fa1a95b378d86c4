"""The path that models take on a GPU, run on the CPU: every line of it but the recording of graphs."""

import msgspec
import numpy as np
import pytest
import torch
from networks import random_network
from sixsense.encoders import accelerated, preprocess
from sixsense.encoders.accelerated import Accelerated
from sixsense.encoders.architecture import TRUNKS, Architecture, Trunk
from sixsense.encoders.card import ImuInput, ModelCard
from sixsense.encoders.encode import Encoded, Encoder, prepare
from sixsense.encoders.errors import InputError, ModelError
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import Model, load_model
from sixsense.encoders.noise import INPUTS
from sixsense.encoders.packed import RoundedLinear, pack
from sixsense.encoders.place import Place
from sixsense.encoders.preprocess.image import whole_bicubic
from sixsense.encoders.raw import raw
from torch.nn import functional as F
from windows import START, window

CPU = torch.device("cpu")
SMALL = Architecture(32, {name: Trunk(64, 2, 4) for name in TRUNKS}, vocabulary=300)
RNG = np.random.default_rng(0)
Y, X = np.mgrid[0:60, 0:80]


@pytest.fixture(scope="module")
def network() -> ImageBind:
    return random_network(SMALL)


@pytest.fixture(scope="module")
def fast(network: ImageBind) -> Accelerated:
    return Accelerated(network, CPU)


def batch(modality: str, count: int) -> torch.Tensor:
    torch.manual_seed(count)
    return torch.randn(count, *INPUTS[modality])


METRES = (1 + X / 200).astype(np.float32)
KELVIN = (290 + Y / 40).astype(np.float32)
RGB = np.stack([X * 3, Y * 4, (X + Y) // 2], axis=2).astype(np.uint8)
PCM = (3000 * RNG.standard_normal((32000, 2))).astype(np.int16)
ROWS = (np.array([0, 0, 9.81, 0, 0, 0]) + 0.3 * RNG.standard_normal((199, 6))).astype(np.float32)
STAMPS = START + 3_000_000 + np.arange(199) * 5_000_000
WINDOWS = {
    "picture": window("vision", "rgb8", RGB),
    "mirrored": window("vision", "rgb8", RGB[:, ::-1]),
    "metres": window("depth", "32FC1", METRES, fx=520.0, baseline=0.075),
    "millimetres": window("depth", "16UC1", (METRES * 1000).astype(np.uint16)),
    "kelvin": window("thermal", "32FC1", KELVIN),
    "centikelvin": window("thermal", "16UC1", (KELVIN * 100).astype(np.uint16)),
    "grey": window("thermal", "mono8", RGB[:, :, 0].copy()),
    "sound": window("audio", "pcm_s16", PCM),
    "at 44.1 kHz": window("audio", "pcm_s16", PCM, rate_hz=44100.0),
    "at 48 kHz": window("audio", "pcm_s16", np.repeat(PCM, 3, axis=0), rate_hz=48000.0),
    "motion": window("imu", "f32", ROWS, STAMPS),
}


@pytest.mark.parametrize("modality", INPUTS)
def test_rows_are_the_networks_bit_for_bit(modality, network, fast) -> None:
    for count in (1, 2, 4):
        x = batch(modality, count)
        assert torch.equal(fast(modality, x), network(modality, x))


def test_other_numbers_are_filled_up_and_many_are_cut(network, monkeypatch) -> None:
    monkeypatch.setattr(accelerated, "SIZES", (1, 2, 4))
    fast = Accelerated(network, CPU)
    for count in (3, 9):
        x = batch("imu", count)
        torch.testing.assert_close(fast("imu", x), network("imu", x), atol=2e-5, rtol=1e-5)


def test_texts_clips_and_other_sizes_are_computed_as_they_come(network, fast) -> None:
    ids = torch.zeros(2, 77, dtype=torch.long)
    ids[:, :3] = torch.tensor([[5, 6, 299], [7, 8, 299]])
    clips, large = torch.randn(2, 3, 1, 128, 204), torch.randn(1, 3, 336, 336)
    for modality, x in (("text", ids), ("audio", clips), ("vision", large)):
        assert torch.equal(fast(modality, x), network(modality, x))


def test_other_shapes_and_modalities_are_refused_as_ever(fast) -> None:
    for modality, shape in (("imu", (1, 6, 1000)), ("imu", (0, 6, 2000)), ("smell", (1, 3))):
        with pytest.raises(InputError):
            fast(modality, torch.zeros(shape))


def test_a_second_model_of_all_kinds_of_towers(mini: Model) -> None:
    plain = load_model("mini", device="cpu")._network
    fast = Accelerated(plain, CPU)  # pyright: ignore[reportArgumentType]
    for modality in mini.modalities:
        if modality != "text":
            x = batch(modality, 2)
            rows = F.normalize(fast(modality, x), dim=-1).numpy()
            np.testing.assert_allclose(rows, mini.forward(modality, x), atol=1e-5)


def test_several_modalities_are_in_flight_and_land_in_any_order(network, fast) -> None:
    given = {m: batch(m, 2) for m in INPUTS}
    flying = {
        m: fast.begin([accelerated.Raw(m, accelerated.Prepared, (), (row,)) for row in x])
        for m, x in given.items()
    }
    for modality in reversed(list(flying)):
        assert torch.equal(flying[modality].rows(), network(modality, given[modality]))


def test_shapes_of_their_own_are_batches_of_their_own_and_keep_their_order(fast) -> None:
    raws = [raw(WINDOWS[name])[0] for name in ("kelvin", "grey", "centikelvin", "grey")]
    together = fast.begin(raws).rows()
    for row, one in zip(together, raws, strict=True):
        torch.testing.assert_close(row, fast.begin([one]).rows()[0], atol=2e-5, rtol=1e-5)


def test_each_shape_is_recorded_once_and_large_batches_never(network, monkeypatch) -> None:
    recorded: list[object] = []

    class Watched(Place):
        def recorded(self, work):
            recorded.append(work)
            return work

    monkeypatch.setattr(accelerated, "place_on", Watched)
    fast = Accelerated(network, CPU)
    for count in (1, 2, 3, 4, 1, 8, 9):
        fast("imu", batch("imu", count))
    assert len(recorded) == 4
    without = Accelerated(network, CPU, graphs=False)
    assert torch.equal(without("imu", batch("imu", 2)), fast("imu", batch("imu", 2)))
    assert len(recorded) == 4


def test_memory_is_bounded_whatever_shapes_come(network, monkeypatch) -> None:
    monkeypatch.setattr(accelerated, "MOST_LANES", 3)
    fast = Accelerated(network, CPU)
    for side in range(20, 26):
        fast.begin([raw(window("thermal", "32FC1", np.full((side, side), 290.0, np.float32)))[0]]).rows()
    assert len(fast._lanes) == 3


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_are_preprocessed_as_on_the_cpu(name) -> None:
    row, quality = raw(WINDOWS[name])
    expected, its_quality = prepare(WINDOWS[name])
    steps = row.steps(CPU, *row.options)
    both = steps(*(torch.stack([tensor, tensor]) for tensor in row.tensors))
    assert quality == its_quality
    for got in both:
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_a_gpu_which_resizes_no_integers_agrees_to_one_grey_level() -> None:
    pixels = torch.from_numpy(RNG.integers(0, 256, (2, 3, 480, 640), dtype=np.uint8))
    there = whole_bicubic(pixels, [224, 298])
    here = F.interpolate(pixels, [224, 298], mode="bicubic", antialias=True)
    assert float((there - here.float()).abs().max()) <= 1


def test_motion_of_any_number_of_rows_in_any_order_and_rate() -> None:
    for count in (2, 3, 64, 65, 199):
        rows, stamps = ROWS[:count], STAMPS[:count]
        for rate_hz, first in ((0.0, False), (100.0, True)):
            how = {"rate_hz": rate_hz, "gyroscope_first": first}
            expected = preprocess.imu(rows, stamps, START, START + 10**9, **how)
            order = "gyroscope-accelerometer" if first else "accelerometer-gyroscope"
            taken = msgspec.convert({"order": order, "rate_hz": rate_hz}, ImuInput)
            row, _ = raw(window("imu", "f32", rows, stamps), taken)
            got = row.steps(CPU, *row.options)(*(tensor[None] for tensor in row.tensors))[0]
            np.testing.assert_allclose(got.numpy(), expected.numpy(), atol=1e-6)


@pytest.fixture(scope="module")
def model(fast: Accelerated, tmp_path_factory) -> Model:
    return Model(fast, card(), CPU, tmp_path_factory.mktemp("none") / "vocabulary")


def card() -> ModelCard:
    return ModelCard(
        name="small",
        space_id="s",
        dim=32,
        trained=True,
        modalities=TRUNKS,
        windows={},
        means={},
        backgrounds={},
    )


def test_an_encoder_gives_what_one_on_the_cpu_gives(model, network, tmp_path) -> None:
    there, here = Encoder(model), Encoder(Model(network, card(), CPU, tmp_path / "vocabulary"))
    for one in WINDOWS.values():
        vector, quality = there.embed(one)
        expected, its_quality = here.embed(one)
        assert quality == its_quality
        assert float(vector @ expected) > 0.99999


def test_a_window_that_is_refused_is_named_and_spoils_no_other(model) -> None:
    silence = window("audio", "pcm_s16", PCM[:10])
    odd = window("audio", "pcm_s16", PCM, rate_hz=44100.5)
    good, short, wrong = Encoder(model).embed_all([WINDOWS["sound"], silence, odd])
    assert isinstance(good, Encoded)
    assert "window 7 of front audio: audio: 0.6 ms of sound" in str(short)
    assert "whole hertz" in str(wrong)


def test_where_pictures_are_compared_they_are_preprocessed_on_the_cpu(model) -> None:
    encoder = Encoder(model, unchanged=0.01)
    first, again = (encoder.embed_all([WINDOWS["picture"]])[0] for _ in range(2))
    assert isinstance(first, Encoded)
    assert isinstance(again, Encoded)
    assert again.reused == 7
    assert np.array_equal(first.vector, again.vector)


def test_values_that_overflow_are_refused(model) -> None:
    with pytest.raises(InputError, match="not finite"):
        model.forward("imu", torch.full((1, 6, 2000), torch.inf))


def test_a_model_on_the_cpu_takes_no_raw_windows(mini) -> None:
    assert not mini.takes_raw
    with pytest.raises(ModelError, match="use forward"):
        mini.begin([raw(WINDOWS["sound"])[0]])


@pytest.mark.parametrize("modality", TRUNKS)
def test_resident_bfloat16_agrees_with_float32(modality) -> None:
    architecture = Architecture(64, {modality: Trunk(256, 2, 4)}, vocabulary=300)
    network = random_network(architecture)
    x = batch(modality, 2) if modality != "text" else torch.tensor([[9, 299] + [0] * 75, [3, 299] + [0] * 75])
    exact = network(modality, x)
    pack(network, modality, torch.bfloat16, RoundedLinear)
    weights = [b for name, b in network.named_buffers() if ".blocks." in name]
    assert {b.dtype for b in weights} == {torch.bfloat16}
    rounded = Accelerated(network, CPU)(modality, x)
    assert rounded.dtype == torch.float32
    assert float(F.cosine_similarity(exact.double(), rounded.double()).min()) >= 0.9999
    assert not torch.equal(exact, rounded)
