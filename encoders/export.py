"""Export: a model as one ONNX file a modality, with its config, in float32 or with 8-bit weights."""

import logging
import os
import shutil
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from .errors import ModelError

EXAMPLES = {
    "vision": (3, 224, 224),
    "audio": (1, 128, 204),
    "depth": (1, 224, 224),
    "thermal": (1, 224, 224),
    "imu": (6, 2000),
}
"""What one row of each modality looks like to the network; text is token ids (length,), any length."""
LARGEST_BATCH, LONGEST_TEXT = 256, 77
LARGEST_FILE = 1_500_000_000
"""A protobuf file ends at 2 GiB: larger weights lie beside theirs."""


class _Rows(nn.Module):
    """One modality of a network: a batch in, its rows out."""

    def __init__(self, network: nn.Module, modality: str) -> None:
        super().__init__()
        self._network, self._modality = network, modality

    def forward(self, x: Tensor) -> Tensor:
        return cast(Any, self._network).rows(self._modality, x)


def export_onnx(
    network: nn.Module,
    modalities: tuple[str, ...],
    config: bytes,
    folder: Path,
    *,
    int8: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Write `<modality>.onnx` (any batch) and config.json to `folder`, which must be new or empty.

    `int8` stores the weights of matrix products in 8 bits a channel and quantises their inputs as they come.
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
            _export(network, modality, draft / f"{modality}.onnx", int8)
        (draft / "config.json").write_bytes(config)
        draft.replace(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _export(network: nn.Module, modality: str, path: Path, int8: bool) -> None:
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    if modality == "text":
        length = torch.export.Dim("length", min=2, max=LONGEST_TEXT)
        example, dims = torch.ones(2, 7, dtype=torch.int64), {0: batch, 1: length}
    else:
        example, dims = torch.zeros(2, *EXAMPLES[modality]), {0: batch}
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
        program.save(str(path), external_data=size > LARGEST_FILE)
        if int8:
            _quantise(path, external=size > LARGEST_FILE)


def _quantise(path: Path, external: bool) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    # What the exporter noted of inner shapes contradicts the quantiser's own inference.
    del model.graph.value_info[:]
    quantize_dynamic(
        model,
        path,
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
