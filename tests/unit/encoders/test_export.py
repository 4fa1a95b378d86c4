"""Exported encoders give the network's rows, at any batch, and never run elsewhere than asked."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from sixsense.encoders.architecture import Architecture, Trunk
from sixsense.encoders.errors import InputError, ModelError
from sixsense.encoders.export import check_batch, export_onnx
from sixsense.encoders.imagebind import ImageBind
from sixsense.encoders.onnx import OnnxNetwork
from torch.nn import functional as F

pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")

DIM = 64
ARCHITECTURE = Architecture(dim=DIM, trunks={m: Trunk(96, 1, 4) for m in ("text", "audio")}, vocabulary=514)
AUDIO = ARCHITECTURE.only(("audio",))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> ImageBind:
    network, generator = ImageBind(ARCHITECTURE), torch.Generator().manual_seed(4)
    for name, parameter in network.requires_grad_(False).named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(0, parameter[0].numel() ** -0.5, generator=generator)
        else:
            parameter.fill_(float(name.endswith("weight")))
    return network.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def exported(network: ImageBind, folder: Path) -> dict[bool, OnnxNetwork]:
    networks: dict[bool, OnnxNetwork] = {}
    for int8 in (False, True):
        out = folder / str(int8)
        export_onnx(network, ARCHITECTURE.modalities, {"config.json": b"{}"}, out, int8=int8)
        assert sorted(p.name for p in out.iterdir()) == ["audio.onnx", "config.json", "text.onnx"]
        networks[int8] = OnnxNetwork(out, ARCHITECTURE, {}, CPU)
    return networks


def inputs(modality: str, batch: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(batch)
    if modality == "text":
        ids = torch.randint(1, 512, (batch, 5 + batch), generator=generator)
        ids[:, -1] = 513
        return ids
    return torch.randn(batch, 1, 128, 204, generator=generator)


@pytest.mark.parametrize(("int8", "cosine"), [(False, 0.9999), (True, 0.999)])
@pytest.mark.parametrize("modality", ["text", "audio"])
def test_rows_are_the_networks_at_any_batch(network, exported, int8, cosine, modality) -> None:
    for batch in (1, 5):
        x = inputs(modality, batch)
        rows = exported[int8].rows(modality, x)
        assert rows.shape == (batch, DIM)
        assert F.cosine_similarity(rows, network.rows(modality, x)).min() >= cosine


def test_clips_are_averaged(network, exported) -> None:
    clips = inputs("audio", 6).unflatten(0, (2, 3))
    torch.testing.assert_close(exported[False]("audio", clips), network("audio", clips), atol=1e-4, rtol=1e-3)


def test_an_input_that_the_file_does_not_take_is_an_error(exported) -> None:
    with pytest.raises(ModelError, match="cannot compute"):
        exported[False]("audio", torch.zeros(1, 1, 128, 205))
    with pytest.raises(InputError, match="audio input of shape"):
        exported[False]("audio", torch.zeros(1, 1, 128, 100))
    with pytest.raises(InputError, match="no 'vision' trunk is loaded"):
        exported[False]("vision", torch.zeros(1, 3, 224, 224))


def test_it_never_runs_elsewhere_than_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    class Fallen:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    with monkeypatch.context() as patch:
        patch.setattr(onnxruntime, "get_available_providers", lambda: both)
        patch.setattr(onnxruntime, "InferenceSession", Fallen)
        with pytest.raises(ModelError, match="asked for CUDAExecutionProvider, onnxruntime took CPU"):
            OnnxNetwork(tmp_path, AUDIO, {}, torch.device("cuda"))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both[1:])
    with pytest.raises(ModelError, match="no provider for 'cuda'"):
        OnnxNetwork(tmp_path, AUDIO, {}, torch.device("cuda"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_real_onnxruntime_without_a_gpu_is_refused_and_says_what_to_do(exported, folder: Path) -> None:
    assert exported
    with pytest.raises(ModelError, match="`sixsense doctor` says what it lacks, device='cpu' works"):
        OnnxNetwork(folder / "False", AUDIO, {}, torch.device("cuda"))


def test_damaged_files_and_folders_in_use_are_refused(network, tmp_path: Path) -> None:
    (tmp_path / "audio.onnx").write_bytes(np.arange(100, dtype=np.uint8).tobytes())
    with pytest.raises(ModelError, match="cannot load"):
        OnnxNetwork(tmp_path, AUDIO, {}, CPU)
    with pytest.raises(ModelError, match="not empty"):
        export_onnx(network, ("audio",), {}, tmp_path)


def test_a_file_that_takes_one_batch_alone_is_refused(tmp_path: Path) -> None:
    for batch, refused in ((4, True), ("batch", False)):
        x, y = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [batch, 6]) for n in "xy")
        graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "imu", [x], [y])
        onnx.save(onnx.helper.make_model(graph), tmp_path / "imu.onnx")
        with pytest.raises(ModelError, match="exports imu for one batch alone") if refused else nullcontext():
            check_batch(tmp_path / "imu.onnx")
