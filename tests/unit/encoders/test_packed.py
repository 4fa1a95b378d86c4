from pathlib import Path

import numpy as np
import pytest
import torch
from sixsense.encoders.architecture import TRUNKS, Architecture, Trunk, parse_architecture
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.loading import load_network
from sixsense.encoders.packed import PackedLinear, pack
from sixsense.encoders.precision import has_bfloat16_units
from torch.nn import functional as F

KEYS = (
    "vision", "vision_video", "vision_336", "audio", "audio_single", "depth", "thermal", "imu", "text",
)  # fmt: skip
SMALL = Architecture(64, {name: Trunk(256, 2, 4) for name in TRUNKS}, vocabulary=300)
SHAPES = {
    "vision": (3, 224, 224),
    "audio": (1, 128, 204),
    "depth": (1, 224, 224),
    "thermal": (1, 224, 224),
    "imu": (6, 2000),
}
END = 299

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this build of torch is without oneDNN"
)
needs_units = pytest.mark.skipif(not has_bfloat16_units(), reason="this CPU has no units for bfloat16")


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "imagebind_tiny"


@pytest.fixture(scope="module")
def reference(golden: Path) -> ImageBind:
    """The reference's weights, every trunk packed in float32."""
    config = (golden / "tiny_config.json").read_bytes()
    network = load_network(golden / "tiny_state_dict.pth", parse_architecture(config, "tiny"))
    for modality in network.architecture.trunks:
        pack(network, modality, torch.float32)
    return network


@pytest.mark.parametrize("key", KEYS)
def test_packed_float32_agrees_with_the_reference(key, golden, reference):
    with np.load(golden / "tiny_inputs.npz") as inputs, np.load(golden / "tiny_outputs.npz") as outputs:
        x, expected = torch.from_numpy(inputs[key]), {k: outputs[k] for k in outputs if k.startswith(key)}
    x = x.float() if x.is_floating_point() else x
    modality, trace = key.split("_")[0], {}
    np.testing.assert_allclose(reference(modality, x).numpy(), expected[key], rtol=0, atol=1e-5)
    reference(modality, x, trace)
    for name, activation in trace.items():
        block = expected[f"{key}/{name}"]
        np.testing.assert_allclose(activation[: len(block)].numpy(), block, rtol=0, atol=1e-5, err_msg=name)


def network() -> ImageBind:
    """Random weights that keep their input's size, with the biases and norms of a trained model's spread."""
    torch.manual_seed(0)
    network = ImageBind(SMALL).requires_grad_(False).eval()
    for name, parameter in network.named_parameters():
        if "norm" in name or (parameter.ndim == 1 and "heads" in name):
            parameter.normal_(float(name.endswith("weight")), 0.1)
        elif parameter.ndim:
            parameter.normal_(0, 0.1 if parameter.ndim == 1 else parameter[0].numel() ** -0.5)
    return network


def packed(modality: str, dtype: torch.dtype) -> ImageBind:
    one = network()
    pack(one, modality, dtype)
    return one


def batch(modality: str) -> torch.Tensor:
    torch.manual_seed(1)
    if modality != "text":
        return torch.randn(2, *SHAPES[modality])
    ids = torch.zeros(2, 77, dtype=torch.long)
    ids[0, :6], ids[1, :77] = torch.randint(1, END, (6,)), torch.randint(1, END, (77,))
    ids[0, 5] = ids[1, 76] = END
    return ids


@needs_units
@pytest.mark.parametrize("modality", TRUNKS)
def test_bfloat16_agrees_with_float32(modality):
    x = batch(modality)
    exact, fast = network()(modality, x), packed(modality, torch.bfloat16)(modality, x)
    assert fast.dtype == torch.float32
    cosines = F.cosine_similarity(exact.double(), fast.double(), dim=1)
    assert float(cosines.min()) >= 0.9999
    assert not torch.equal(exact, fast)


@needs_units
def test_the_residual_stream_stays_float32():
    trace: dict[str, torch.Tensor] = {}
    packed("imu", torch.bfloat16)("imu", batch("imu"), trace)
    assert {activation.dtype for activation in trace.values()} == {torch.float32}
    assert not torch.equal(trace["block1"], trace["block1"].bfloat16().float())


def test_a_packed_trunk_lets_its_former_weights_go():
    named = packed("imu", torch.float32).named_parameters()
    assert not [name for name, value in named if ".imu.blocks." in name and value.ndim == 2]


@pytest.mark.parametrize("rows", [1, 13, 257])
def test_one_packing_serves_any_number_of_rows(rows):
    torch.manual_seed(2)
    weight, bias, x = torch.randn(96, 64), torch.randn(96), torch.randn(2, rows, 64)
    linear = PackedLinear(weight, bias, torch.float32)
    torch.testing.assert_close(linear(x), F.linear(x, weight, bias), rtol=0, atol=1e-4)


def test_the_fused_gelu_is_the_exact_one():
    x = torch.linspace(-5, 5, 64)[None]
    linear = PackedLinear(torch.eye(64), torch.zeros(64), torch.float32, "gelu")
    torch.testing.assert_close(linear(x), F.gelu(x), rtol=0, atol=2e-6)
