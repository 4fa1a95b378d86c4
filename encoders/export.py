"""Export: a model as a folder of one ONNX file a modality, in float32 or with 8-bit weights."""

import logging
import os
import shutil
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .architecture import HUGE, format_architecture
from .card import read_architecture
from .checkpoint import EXPORT_KEY, VOCABULARY, Checkpoint, Exported
from .convert import config_of
from .errors import ModelError
from .loading import load_network
from .noise import noise
from .onnx import OnnxNetwork

LARGEST_BATCH, LONGEST_TEXT = 256, 77
INT8_COSINE = 0.999
"""How near 8 bits must come to float32, on noise, for a modality to be stored in them."""
LARGEST_FILE = 1_500_000_000
"""A protobuf file ends at 2 GiB: larger weights lie beside theirs."""


class _Rows(nn.Module):
    """One modality of a network: a batch in, its rows out."""

    def __init__(self, network: nn.Module, modality: str) -> None:
        super().__init__()
        self._network, self._modality = network, modality

    def forward(self, x: Tensor) -> Tensor:
        return cast(Any, self._network).rows(self._modality, x)


def export(
    source: Checkpoint,
    out: Path,
    modalities: tuple[str, ...] | None = None,
    *,
    int8: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Export `source` to the new folder `out`, which `load_model` takes; it keeps the source's `space_id`.

    `modalities` None: all. `report` gets each modality as it is begun. Raises ModelError.
    """
    whole = read_architecture(source)
    architecture = whole if modalities is None else whole.only(modalities)
    network = load_network(source.weights, architecture)
    precision = "int8" if int8 else "exact"
    scales = {m: network.logit_scale(m) for m in architecture.modalities}
    config = config_of(source, whole, architecture) or msgspec.json.encode(format_architecture(HUGE))
    exported = Exported(precision=precision, space_id=source.space_id(), logit_scales=scales)
    fields = msgspec.json.decode(config, type=dict[str, Any]) | {EXPORT_KEY: exported}
    files = {"config.json": msgspec.json.encode(fields)}
    if source.vocabulary.is_file() and "text" in architecture.modalities:
        files[VOCABULARY] = source.vocabulary.read_bytes()
    export_onnx(network, architecture.modalities, files, out, int8=int8, report=report)


def export_onnx(
    network: nn.Module,
    modalities: tuple[str, ...],
    files: Mapping[str, bytes],
    folder: Path,
    *,
    int8: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Write `<modality>.onnx` (any batch) and `files` to `folder`, which must be new or empty.

    `int8` stores the weights of matrix products in 8 bits a channel and quantises their inputs as they come,
    but for modalities whose rows that would turn too far: those stay in float32, which is reported.
    Raises ModelError where the folder is in use or the packages of the extra `onnx` are missing.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ModelError(f"{folder} is not empty; give a new folder for the exported model")
    _check_packages()
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    try:
        for modality in modalities:
            report(modality)
            example = noise(network, modality, 4)
            _export(network, modality, example, draft)
            if int8:
                _quantise(network, modality, example, draft, report)
        for name, content in files.items():
            (draft / name).write_bytes(content)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _export(network: nn.Module, modality: str, example: Tensor, folder: Path) -> None:
    dims = {0: torch.export.Dim("batch", min=1, max=LARGEST_BATCH)}
    if modality == "text":
        dims[1] = torch.export.Dim("length", min=2, max=LONGEST_TEXT)
    size = sum(p.numel() * p.element_size() for n, p in network.named_parameters() if f".{modality}." in n)
    with _quiet():
        module = _Rows(network, modality).eval()
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            dynamic_shapes=(dims,),
            input_names=["x"],
            output_names=["rows"],
            verbose=False,
        )
        assert program is not None, "the exporter returns a program unless it is given a file"
        program.save(str(folder / f"{modality}.onnx"), external_data=size > LARGEST_FILE)
    check_batch(folder / f"{modality}.onnx")


def check_batch(path: Path) -> None:
    """Raises ModelError for a file that takes the example's batch alone, as torch 2.5 writes them."""
    import onnx

    batch = onnx.load(path, load_external_data=False).graph.input[0].type.tensor_type.shape.dim[0]
    if not batch.dim_param:
        raise ModelError(f"torch {torch.__version__} exports {path.stem} for one batch alone; update it")


def _quantise(
    network: nn.Module, modality: str, example: Tensor, folder: Path, report: Callable[[str], None]
) -> None:
    """Put 8-bit weights in the place of a modality's file, if its rows stay where they were."""
    with TemporaryDirectory(dir=folder) as name:
        smaller = Path(name)
        with _quiet():
            _write_int8(folder / f"{modality}.onnx", smaller)
        architecture = cast(Any, network).architecture.only((modality,))
        session = OnnxNetwork(smaller, architecture, {}, torch.device("cpu"))
        rows = cast(Any, network).rows(modality, example)
        cosine = float(F.cosine_similarity(session.rows(modality, example), rows).min())
        if cosine >= INT8_COSINE:
            for old in folder.glob(f"{modality}.onnx*"):
                old.unlink()
            for new in smaller.iterdir():
                new.replace(folder / new.name)
    if cosine < INT8_COSINE:
        report(f"{modality} stays in float32: with 8 bits its rows would be {cosine:.4f} of what they are")


def _write_int8(path: Path, folder: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    external = any(path.parent.glob(f"{path.name}?*"))
    # What the exporter noted of inner shapes contradicts the quantiser's own inference.
    del model.graph.value_info[:]
    quantize_dynamic(
        model,
        folder / path.name,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm"],
        use_external_data_format=external,
    )


def _check_packages() -> None:
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise ModelError(f"exporting needs the package {package}: pip install 'sixsense[onnx]'")


@contextmanager
def _quiet() -> Generator[None]:
    """The exporter and the quantiser warn of what does not concern their caller."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
