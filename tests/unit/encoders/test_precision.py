import json
import logging

import pytest
import torch
from sixsense.encoders import precision
from sixsense.encoders.architecture import Architecture, Trunk, format_architecture
from sixsense.encoders.errors import ModelError
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.model import Model, load_model
from sixsense.encoders.packed import PackedBlock
from sixsense.encoders.precision import apply_precision, check_precision, has_bfloat16_units

WIDE = Architecture(16, {"imu": Trunk(256, 1, 4), "text": Trunk(64, 1, 4)}, vocabulary=259)
CPU = torch.device("cpu")


def network() -> ImageBind:
    torch.manual_seed(0)
    network = ImageBind(WIDE).requires_grad_(False).eval()
    for parameter in network.parameters():
        parameter.normal_(0, 0.05)
    return network


def is_packed(network: ImageBind, modality: str) -> bool:
    return any(isinstance(m, PackedBlock) for m in network.modality_trunks[modality].modules())


@pytest.fixture
def folder(tmp_path):
    torch.save(network().state_dict(), tmp_path / "weights.pth")
    (tmp_path / "config.json").write_text(json.dumps(format_architecture(WIDE)))
    return tmp_path


def imu(model: Model) -> bytes:
    torch.manual_seed(1)
    return model.forward("imu", torch.randn(1, 6, 2000)).tobytes()


@pytest.mark.skipif(not has_bfloat16_units(), reason="this CPU has no units for bfloat16")
def test_fast_where_it_can_be(folder, caplog):
    exact, fast = (load_model(folder, device="cpu", precision=name) for name in ("exact", "fast"))
    assert (exact.precision, fast.precision) == ("exact", "fast")
    assert imu(exact) != imu(fast)
    assert fast.space_id == exact.space_id
    assert not caplog.records


def test_without_units_fast_is_exact_and_says_so(folder, caplog, monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16_units", lambda: False)
    with caplog.at_level(logging.WARNING):
        fast = load_model(folder, device="cpu", precision="fast")
    assert fast.precision == "exact"
    assert "no units for bfloat16" in caplog.text
    assert imu(fast) == imu(load_model(folder, device="cpu"))


def test_a_torch_that_cannot_tell_has_no_units(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert not has_bfloat16_units()


def test_a_narrow_model_is_exact_and_says_so(mini, caplog):
    fast = load_model("mini", device="cpu", precision="fast")
    assert fast.precision == "exact"
    assert "as wide as 256" in caplog.text
    assert fast.embed_text(["rain"]).tobytes() == mini.embed_text(["rain"]).tobytes()


@pytest.mark.parametrize("name", ["exact", "fast"])
def test_narrow_trunks_are_left_as_they_are(name):
    one = network()
    apply_precision(one, name, CPU)
    assert not is_packed(one, "text")
    assert is_packed(one, "imu") == torch.backends.mkldnn.is_available()


def test_other_devices_get_plain_float32(caplog):
    one = network()
    assert apply_precision(one, "fast", torch.device("mps")) == "exact"
    assert "not for mps" in caplog.text
    assert not is_packed(one, "imu")


@pytest.mark.parametrize("units", [True, False])
def test_a_gpu_gets_bfloat16_where_it_has_units_for_it(units, caplog, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 6) if units else (7, 5))
    monkeypatch.setattr(precision, "move", lambda *_: None)
    one = network()
    assert apply_precision(one, "fast", torch.device("cuda")) == ("fast" if units else "exact")
    assert is_packed(one, "imu") == units
    assert not is_packed(one, "text")
    assert ("from Ampere on" in caplog.text) != units
    two = network()
    assert apply_precision(two, "exact", torch.device("cuda")) == "exact"
    assert not is_packed(two, "imu")


@pytest.mark.parametrize("cap", ["AVX2", "avx512_core"])
def test_units_that_onednn_may_not_use_are_none(cap, folder, monkeypatch, caplog):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", cap)
    assert not has_bfloat16_units()
    assert load_model(folder, device="cpu", precision="fast").precision == "exact"
    assert "no units for bfloat16" in caplog.text


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_trunk_that_bfloat16_would_turn_too_far_stays_exact_and_says_so(device, caplog, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(precision, "has_bfloat16_units", lambda: True)
    monkeypatch.setattr(precision, "move", lambda *_: None)
    monkeypatch.setattr(precision, "_rows", lambda *_: torch.randn(1, 16))
    one, plain = network(), network()
    x = torch.randn(1, 6, 2000)
    assert apply_precision(one, "fast", torch.device(device)) == "exact"
    assert "imu is computed as 'exact': in bfloat16 its rows would be" in caplog.text
    torch.testing.assert_close(one("imu", x), plain("imu", x), atol=1e-4, rtol=1e-4)
    assert is_packed(one, "imu") == (device == "cpu" and torch.backends.mkldnn.is_available())


def test_unknown_precisions_are_refused_with_the_known():
    with pytest.raises(ModelError, match="no precision 'int4'; there are exact, fast, int8"):
        check_precision("int4")
