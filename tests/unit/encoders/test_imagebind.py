import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sixsense.encoders.architecture import HUGE, Architecture, Trunk, parse_architecture
from sixsense.encoders.errors import InputError
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.loading import load_network

KEYS = (
    "vision", "vision_video", "vision_336", "audio", "audio_single", "depth", "thermal", "imu", "text",
)  # fmt: skip


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden" / "imagebind_tiny"


@pytest.fixture(scope="module")
def network(golden: Path) -> ImageBind:
    config = (golden / "tiny_config.json").read_bytes()
    return load_network(golden / "tiny_state_dict.pth", parse_architecture(config, "tiny"))


@pytest.fixture(scope="module")
def inputs(golden: Path) -> dict[str, torch.Tensor]:
    with np.load(golden / "tiny_inputs.npz") as arrays:
        tensors = {key: torch.from_numpy(arrays[key]) for key in arrays}
    return {key: x.float() if x.is_floating_point() else x for key, x in tensors.items()}


@pytest.fixture(scope="module")
def outputs(golden: Path) -> dict[str, np.ndarray]:
    with np.load(golden / "tiny_outputs.npz") as arrays:
        return {key: arrays[key] for key in arrays}


@pytest.mark.parametrize("key", KEYS)
def test_agrees_with_the_reference(key, network, inputs, outputs):
    got = network(key.split("_")[0], inputs[key]).numpy()
    np.testing.assert_allclose(got, outputs[key], rtol=0, atol=1e-5)


@pytest.mark.parametrize("key", KEYS)
def test_every_activation_agrees_with_the_reference(key, network, inputs, outputs):
    trace: dict[str, torch.Tensor] = {}
    network(key.split("_")[0], inputs[key], trace)
    wanted = {name.split("/")[1] for name in outputs if name.startswith(f"{key}/")}
    assert set(trace) == wanted
    for name, activation in trace.items():
        expected = outputs[f"{key}/{name}"]
        np.testing.assert_allclose(
            activation[: len(expected)].numpy(), expected, rtol=0, atol=1e-5, err_msg=name
        )


def test_logit_scale_is_clipped_at_100(network, inputs, outputs):
    scale = network.modality_postprocessors["text"][1].log_logit_scale
    before = scale.clone()
    try:
        scale.fill_(np.log(150.0))
        got = network("text", inputs["text"]).numpy()
    finally:
        scale.copy_(before)
    np.testing.assert_allclose(got, outputs["text_scale150"], rtol=0, atol=1e-5 * 100)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 100, rtol=1e-5)


def test_full_size_has_the_released_keys_and_shapes(shared):
    listed = json.loads((shared / "golden" / "imagebind_huge_keys.json").read_bytes())["keys"]
    with torch.device("meta"):
        network = ImageBind(HUGE)
    state = {key: list(value.shape) for key, value in network.state_dict().items()}
    assert state == {entry["key"]: entry["shape"] for entry in listed}
    assert {name for name, _ in network.named_parameters()} == {
        entry["key"] for entry in listed if entry["kind"] == "parameter"
    }


def test_only_the_trunks_asked_for_are_built():
    with torch.device("meta"):
        network = ImageBind(HUGE.only(("audio", "imu")))
    assert {key.split(".")[1] for key in network.state_dict()} == {"audio", "imu"}


@pytest.mark.parametrize(
    ("modality", "shape"),
    [
        ("vision", (1, 3, 2, 224, 224)),
        ("vision", (1, 3, 224, 225)),
        ("vision", (1, 4, 224, 224)),
        ("audio", (1, 1, 128, 195)),
        ("audio", (1, 1, 128, 206)),
        ("depth", (1, 1, 196, 196)),
        ("thermal", (1, 3, 224, 224)),
        ("imu", (1, 6, 1000)),
        ("imu", (0, 6, 2000)),
        ("text", (1, 76)),
    ],
)
def test_other_shapes_are_refused_with_the_right_one(modality, shape):
    tiny = Architecture(8, {name: Trunk(8, 1, 1) for name in HUGE.trunks}, vocabulary=10)
    x = torch.zeros(shape, dtype=torch.long if modality == "text" else torch.float32)
    with pytest.raises(InputError, match=r"shape \(.*give "):
        ImageBind(tiny)(modality, x)


def test_token_ids_outside_the_vocabulary_are_refused():
    tiny = Architecture(8, {"text": Trunk(8, 1, 1)}, vocabulary=10)
    with pytest.raises(InputError, match="0 to 9"):
        ImageBind(tiny)("text", torch.full((1, 77), 10))


def test_a_trunk_that_is_not_loaded_is_named():
    tiny = Architecture(8, {"imu": Trunk(8, 1, 1)})
    with pytest.raises(InputError, match="loaded are imu"):
        ImageBind(tiny)("audio", torch.zeros(1, 1, 128, 204))
