"""On a CUDA device: recorded graphs give what is computed as it comes, and what the CPU gives."""

import logging

import msgspec
import numpy as np
import pytest
import torch
from networks import random_network
from sixsense.encoders.accelerated import Accelerated, Prepared
from sixsense.encoders.architecture import HUGE, TRUNKS, Architecture, Trunk
from sixsense.encoders.encode import Encoder, prepare
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import load_model
from sixsense.encoders.noise import INPUTS
from sixsense.encoders.precision import apply_precision
from sixsense.encoders.preprocess.fill import fill_nearest
from sixsense.encoders.raw import Raw, raw
from sixsense.encoders.window import Window
from sixsense.sensors.sample import StreamInfo
from torch.nn import functional as F

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
WIDE = Architecture(64, {name: Trunk(256, 2, 4) for name in TRUNKS}, vocabulary=300)
RNG = np.random.default_rng(0)
Y, X = np.mgrid[0:480, 0:640]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture(scope="module")
def here() -> ImageBind:
    return random_network(WIDE)


@pytest.fixture(scope="module")
def recorded() -> Accelerated:
    return Accelerated(random_network(WIDE), CUDA)


def batch(modality: str, count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *INPUTS[modality], generator=generator)


def started(one: Accelerated, modality: str, x: torch.Tensor):
    return one.begin([Raw(modality, Prepared, (), (row,)) for row in x])


@pytest.mark.parametrize("modality", INPUTS)
@pytest.mark.parametrize("count", [1, 3, 8, 12, 70])
def test_rows_are_the_cpus(modality, count, here, recorded, caplog):
    x = batch(modality, count)
    with caplog.at_level(logging.WARNING):
        rows = recorded(modality, x)
    assert not caplog.records
    torch.testing.assert_close(rows, here(modality, x), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("modality", INPUTS)
def test_graphs_give_the_bits_of_the_same_work_without_them(modality, recorded):
    plain = Accelerated(random_network(WIDE), CUDA, graphs=False)
    for seed in range(4):
        x = batch(modality, 2, seed)
        assert torch.equal(recorded(modality, x), plain(modality, x))


def test_many_flights_of_all_modalities_land_in_any_order(recorded):
    expected = {(m, s): recorded(m, batch(m, 2, s)) for m in INPUTS for s in range(5)}
    flying = {(m, s): started(recorded, m, batch(m, 2, s)) for s in range(5) for m in INPUTS}
    for key in reversed(list(flying)):
        assert torch.equal(flying[key].rows(), expected[key]), key


def test_texts_and_clips_are_computed_as_they_come(here, recorded):
    ids = torch.zeros(2, 77, dtype=torch.long)
    ids[:, :3] = torch.tensor([[5, 6, 299], [7, 8, 299]])
    for modality, x in (("text", ids), ("audio", torch.randn(2, 3, 1, 128, 204))):
        torch.testing.assert_close(recorded(modality, x), here(modality, x), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("modality", TRUNKS)
def test_fast_is_near_exact(modality, here):
    one = random_network(WIDE)
    assert apply_precision(one, "fast", CUDA) == "fast"
    ids = torch.tensor([[5, 6, 299] + [0] * 74, [7, 299, 0] + [0] * 74])
    x = ids if modality == "text" else batch(modality, 2)
    near = Accelerated(one, CUDA)(modality, x)
    assert float(F.cosine_similarity(near.double(), here(modality, x).double()).min()) >= 0.9999


def window(modality: str, encoding: str, data: np.ndarray, stamps=None, **info) -> Window:
    stream = {"stream": "s", "modality": modality, "encoding": encoding, "rate_hz": 48000.0, "clock": "host"}
    return Window(
        input=modality,
        modality=modality,
        epoch=0,
        index=7,
        start_ns=0,
        end_ns=2_000_000_000,
        ranges=(),
        encoding=encoding,
        data=data,
        stamps=stamps,
        info=msgspec.convert(stream | info, StreamInfo),
    )


ROWS = (np.array([0, 0, 9.81, 0, 0, 0]) + 0.3 * RNG.standard_normal((199, 6))).astype(np.float32)
PCM = (3000 * RNG.standard_normal((96000, 1))).astype(np.int16)
WINDOWS = {
    "picture": window("vision", "rgb8", np.stack([X // 3, Y // 2, (X + Y) // 5], axis=2).astype(np.uint8)),
    "depth": window("depth", "32FC1", (1 + X / 200).astype(np.float32), fx=520.0, baseline=0.075),
    "thermal": window("thermal", "32FC1", (290 + Y / 40).astype(np.float32)),
    "grey": window("thermal", "mono8", (X % 256).astype(np.uint8)),
    "sound": window("audio", "pcm_s16", PCM),
    "at 44.1 kHz": window("audio", "pcm_s16", PCM, rate_hz=44100.0),
    "motion": window("imu", "f32", ROWS, np.arange(199) * 10_000_000),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_are_preprocessed_as_on_the_cpu(name):
    row, _ = raw(WINDOWS[name])
    steps = row.steps(CUDA, *row.options)
    got = steps(*(tensor[None].to(CUDA) for tensor in row.tensors))[0].cpu()
    grey_level = 1 / 255 / 0.26
    tolerance = 1.01 * grey_level if name == "picture" else 1e-3
    torch.testing.assert_close(got, prepare(WINDOWS[name])[0], atol=tolerance, rtol=1e-4)


def test_holes_are_filled_as_on_the_cpu():
    picture = torch.from_numpy(RNG.uniform(1, 5, (2, 120, 160)).astype(np.float32))
    picture[torch.rand(picture.shape, generator=torch.Generator().manual_seed(0)) < 0.8] = torch.nan
    torch.testing.assert_close(fill_nearest(picture.to(CUDA)).cpu(), fill_nearest(picture))


def test_the_shipped_model_gives_a_robots_windows_the_cpus_vectors(caplog):
    there, cpu = Encoder(load_model("mini", device="cuda")), Encoder(load_model("mini", device="cpu"))
    for _ in range(2):
        for name, one in WINDOWS.items():
            vector, quality = there.embed(one)
            expected, its_quality = cpu.embed(one)
            assert quality == its_quality
            assert float(vector @ expected) > 0.999, name
    assert not caplog.records


def test_work_that_cannot_be_recorded_is_done_all_the_same(caplog):
    class Waiting(Prepared):
        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            torch.cuda.synchronize()
            return x

    one = Accelerated(random_network(WIDE), CUDA)
    x = batch("imu", 1)
    rows = one.begin([Raw("imu", Waiting, (), (x[0],))]).rows()
    assert "not recorded as a CUDA graph" in caplog.text
    torch.testing.assert_close(rows, one("imu", x))


def test_a_full_size_trunk_is_recorded(caplog):
    one = random_network(HUGE.only(("audio",)))
    x = batch("audio", 2)
    exact = one.to(CUDA)("audio", x.to(CUDA)).cpu()
    apply_precision(one, "fast", CUDA)
    near = Accelerated(one, CUDA)("audio", x)
    assert float(F.cosine_similarity(near.double(), exact.double()).min()) >= 0.9999
    assert not caplog.records
