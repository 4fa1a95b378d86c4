import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from sixsense.encoders.architecture import HUGE, Architecture, Trunk, format_architecture, parse_architecture
from sixsense.encoders.checkpoint import find_checkpoint
from sixsense.encoders.errors import ModelError
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.loading import load_network
from sixsense.encoders.model import load_model

SMALL = Architecture(8, {"imu": Trunk(8, 1, 2), "text": Trunk(8, 1, 2)}, vocabulary=259)


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {key: torch.randn(value.shape) for key, value in ImageBind(SMALL).state_dict().items()}


def folder(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    torch.save(weights, path / "weights.pth")
    (path / "config.json").write_text(json.dumps(format_architecture(SMALL)))
    return path


def test_a_folder_with_a_config_loads(tmp_path):
    model = load_model(folder(tmp_path, state()), device="cpu")
    assert set(model.modalities) == {"imu", "text"}
    assert model.dim == 8
    assert model.embed_text(["rain"]).shape == (1, 8)


def test_pth_and_safetensors_give_the_same_network(tmp_path):
    torch.save(state(), tmp_path / "w.pth")
    save_file(state(), tmp_path / "w.safetensors")
    one, other = (load_network(tmp_path / name, SMALL).state_dict() for name in ("w.pth", "w.safetensors"))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_half_precision_files_are_computed_in_float32(tmp_path):
    torch.save({key: value.half() for key, value in state().items()}, tmp_path / "w.pth")
    assert {p.dtype for p in load_network(tmp_path / "w.pth", SMALL).parameters()} == {torch.float32}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="tells what is mapped on Linux alone")
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_is_let_go_once_it_is_loaded(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    torch.save(state(), path) if suffix == ".pth" else save_file(state(), path)
    network = load_network(path, SMALL)
    assert str(path) not in Path("/proc/self/maps").read_text()
    assert network.rows("imu", torch.zeros(1, 6, 2000)).shape == (1, 8)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_missing_key_is_named(tmp_path, suffix):
    weights = state()
    del weights["modality_heads.imu.3.weight"]
    path = tmp_path / f"w{suffix}"
    torch.save(weights, path) if suffix == ".pth" else save_file(weights, path)
    with pytest.raises(ModelError, match=r"modality_heads\.imu\.3\.weight is missing \(1 of"):
        load_network(path, SMALL)


def test_an_unknown_key_is_named(tmp_path):
    torch.save(state() | {"modality_heads.smell.0.weight": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"modality_heads\.smell\.0\.weight belongs to no"):
        load_network(tmp_path / "w.pth", SMALL)


def test_an_unknown_key_of_a_loaded_trunk_is_named(tmp_path):
    torch.save(state() | {"modality_trunks.imu.blocks.7.norm_1.weight": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"blocks\.7"):
        load_network(tmp_path / "w.pth", SMALL)


def test_a_wrong_shape_is_named_with_both(tmp_path):
    torch.save(state() | {"modality_preprocessors.imu.cls_token": torch.zeros(1, 1, 9)}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"imu\.cls_token is \[1, 1, 9\], the model needs \[1, 1, 8\]"):
        load_network(tmp_path / "w.pth", SMALL)


def test_trunks_that_nobody_asked_for_stay_in_the_file(tmp_path):
    model = load_model(folder(tmp_path, state()), device="cpu", modalities=("imu",))
    assert model.modalities == ("imu",)
    assert model.card.windows.keys() == {"imu"}


def test_a_modality_that_the_model_has_not_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no modality 'audio' in this model; it has text, imu"):
        load_model(folder(tmp_path, state()), modalities=("audio",))


def allocated(tensors) -> int:
    """Bytes of the storages behind tensors, each counted once."""
    return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_memory_is_that_of_the_trunks_asked_for(tmp_path, suffix, dtype):
    weights = {key: value.to(dtype) for key, value in state().items()}
    path = tmp_path / f"w{suffix}"
    torch.save(weights, path) if suffix == ".pth" else save_file(weights, path)
    for modalities in (("imu",), ("text",), ("imu", "text")):
        network = load_network(path, SMALL.only(modalities))
        wanted = [value for key, value in weights.items() if key.split(".")[1] in modalities]
        assert allocated(network.state_dict().values()) == 4 * sum(value.numel() for value in wanted)


@pytest.mark.parametrize(
    ("modality", "gigabytes"),
    # What the released checkpoint's keys and shapes say, in float32.
    [
        ("vision", 2.53),
        ("text", 1.42),
        ("audio", 0.345),
        ("thermal", 0.345),
        ("depth", 0.087),
        ("imu", 0.078),
    ],
)
def test_a_trunk_of_the_full_size_takes_its_own_share(modality, gigabytes):
    with torch.device("meta"):
        network = ImageBind(HUGE.only((modality,)))
    assert sum(value.nbytes for value in network.state_dict().values()) / 1e9 == pytest.approx(
        gigabytes, rel=0.01
    )


class Trap:
    def __reduce__(self):
        return (Path("/tmp/never").write_text, ("executed",))


def test_a_pickle_is_never_executed(tmp_path):
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"a": Trap()}, protocol=2))
    with pytest.raises(ModelError, match="no readable state dict"):
        load_network(tmp_path / "w.pth", SMALL)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"x" * 7, b"\xff" * 100, b"\x10" + b"\0" * 7 + b"{}" * 8])
def test_rubbish_is_no_model(tmp_path, suffix, content):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"w\.(pth|safetensors)"):
        load_model(path)


@pytest.mark.parametrize("size", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_truncated_file_is_no_model(tmp_path, suffix, size):
    path = tmp_path / f"w{suffix}"
    torch.save(state(), path) if suffix == ".pth" else save_file(state(), path)
    path.write_bytes(path.read_bytes()[: int(size * path.stat().st_size)])
    with pytest.raises(ModelError, match=r"w\.(pth|safetensors)"):
        load_network(path, SMALL)


def test_a_list_is_no_state_dict(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / "w.pth")
    with pytest.raises(ModelError, match="no plain dictionary of tensors"):
        load_network(tmp_path / "w.pth", SMALL)


def test_a_precision_that_is_not_there_is_refused():
    with pytest.raises(ModelError, match="no precision 'half'"):
        load_model("mini", precision="half")


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ModelError, match="no device 'toaster'"):
        load_model("mini", device="toaster")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="no CUDA"):
            load_model("mini", device="cuda")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ModelError, match="mini, imagebind-huge"):
        load_model("maxi")


def test_a_model_that_must_be_downloaded_says_how(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"CC BY-NC-SA 4\.0; .*sixsense models pull imagebind-huge"):
        load_model("imagebind-huge")


def test_a_folder_needs_a_config_and_one_weights_file(tmp_path):
    with pytest.raises(ModelError, match="found none"):
        find_checkpoint(tmp_path)
    torch.save(state(), tmp_path / "a.pth")
    with pytest.raises(ModelError, match=r"no config\.json"):
        find_checkpoint(tmp_path)
    torch.save(state(), tmp_path / "b.pth")
    with pytest.raises(ModelError, match=r"found a\.pth, b\.pth"):
        find_checkpoint(tmp_path)


def test_other_suffixes_are_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"not \.onnx"):
        find_checkpoint(tmp_path / "model.onnx")


def test_an_architecture_survives_its_config():
    assert parse_architecture(json.dumps(format_architecture(SMALL)).encode(), "x") == SMALL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out_embed_dim": 0}, "out_embed_dim must be a whole number"),
        ({"imu_num_heads": 3}, "no multiple of 3 heads"),
        ({"imu_num_blocks": "two"}, "imu_num_blocks .* not 'two'"),
        ({"imu_num_heads": None}, "imu_num_heads"),
    ],
)
def test_an_impossible_config_is_refused(change, message):
    config = json.dumps(format_architecture(SMALL) | change).encode()
    with pytest.raises(ModelError, match=message):
        parse_architecture(config, "config.json")


@pytest.mark.parametrize("config", [b"", b"[]", b"{}", b"\xff"])
def test_a_config_that_is_none_is_refused(config):
    with pytest.raises(ModelError, match=r"config\.json"):
        parse_architecture(config, "config.json")
