"""Exported encoders on onnxruntime: one session a modality, reading and writing torch's memory directly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .architecture import Architecture
from .errors import ModelError
from .imagebind import check_input
from .towers.shape import TowersShape

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
INSTEAD = "`sixsense doctor` says what it lacks, device='cpu' works"
_DTYPES = {torch.float32: np.float32, torch.int64: np.int64}


class OnnxNetwork:
    """The files `<modality>.onnx` of a folder as a network, behind the same face as ImageBind and Towers.

    Every session runs on the device that was asked for or is not made: a session that onnxruntime would
    quietly move to the CPU is a ModelError. As many threads each as torch has here.
    """

    def __init__(
        self,
        folder: Path,
        architecture: Architecture | TowersShape,
        logit_scales: Mapping[str, float],
        device: torch.device,
    ) -> None:
        self.architecture = architecture
        self._device, self._scales = device, logit_scales
        self._sessions = {m: _session(folder / f"{m}.onnx", device) for m in architecture.modalities}

    def __call__(self, modality: str, x: Tensor) -> Tensor:
        """(n, ...) or clips (n, clips, ...) to (n, dim), scaled as the network's own rows.

        Raises InputError for a modality or shape that the model does not take, ModelError for one that
        the file does not.
        """
        clips = x.shape[1] if x.ndim >= 5 else 1
        rows = x.flatten(0, 1) if x.ndim >= 5 else x
        check_input(self.architecture.modalities, modality, x, rows, vocabulary_of(self.architecture))
        if modality == "text":
            rows = _trimmed(rows)
        if modality == "vision":
            rows, frames = _frames(rows, self._takes_pairs)
            clips *= frames
        out = self.rows(modality, rows.contiguous())
        return out.unflatten(0, (-1, clips)).mean(dim=1)

    def logit_scale(self, modality: str) -> float:
        """What softmax multiplies a modality's cosines by."""
        return self._scales[modality]

    @property
    def _takes_pairs(self) -> bool:
        return len(self._sessions["vision"].get_inputs()[0].shape) == 5

    def rows(self, modality: str, x: Tensor) -> Tensor:
        """What the file makes of `x`, unchecked. Raises ModelError where it cannot."""
        session = self._sessions[modality]
        out = torch.empty(len(x), self.architecture.dim, device=self._device)
        binding = session.io_binding()
        _bind(binding.bind_input, session.get_inputs()[0].name, x)
        _bind(binding.bind_output, session.get_outputs()[0].name, out)
        if x.is_cuda:
            # onnxruntime computes in a queue of its own, which does not wait for torch's.
            torch.cuda.current_stream(x.device).synchronize()
        try:
            session.run_with_iobinding(binding)
            binding.synchronize_outputs()
        except Exception as error:
            # onnxruntime's own exceptions share no base but this.
            raise ModelError(f"{modality}: onnxruntime cannot compute {tuple(x.shape)} ({error})") from error
        return out


def vocabulary_of(architecture: Architecture | TowersShape) -> int:
    """How many token ids a model has, 0 where it has no text."""
    if isinstance(architecture, Architecture):
        return architecture.vocabulary
    text = architecture.towers.text
    return text.vocabulary if text is not None else 0


def _trimmed(ids: Tensor) -> Tensor:
    """Token ids without the columns that only pad; the file takes two tokens and more."""
    used = (ids != 0).any(dim=0).nonzero()
    return ids[:, : max(2, int(used.max()) + 1 if len(used) else 2)]


def _frames(rows: Tensor, pairs: bool) -> tuple[Tensor, int]:
    """Pictures (n, 3, side, side) or clips of two frames as the file takes them, and rows for each."""
    if pairs and rows.ndim == 4:
        return rows[:, :, None].expand(-1, -1, 2, -1, -1), 1
    if not pairs and rows.ndim == 5:
        return rows.transpose(1, 2).flatten(0, 1), rows.shape[2]
    return rows, 1


def _bind(bind: Any, name: str, tensor: Tensor) -> None:
    place = tensor.device
    bind(name, place.type, place.index or 0, _DTYPES[tensor.dtype], tuple(tensor.shape), tensor.data_ptr())


def _session(path: Path, device: torch.device) -> Any:
    import onnxruntime

    wanted = PROVIDERS.get(device.type, "")
    if wanted not in onnxruntime.get_available_providers():
        raise ModelError(
            f"{path}: onnxruntime here has no provider for {device.type!r}, only "
            f"{', '.join(onnxruntime.get_available_providers())}; {INSTEAD}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[wanted])
    except Exception as error:
        raise ModelError(f"{path}: onnxruntime cannot load it ({error})") from error
    first = session.get_providers()[0]
    if first != wanted:
        raise ModelError(
            f"{path}: asked for {wanted}, onnxruntime took {first}: it may not run slower in silence; "
            f"{INSTEAD}"
        )
    return session
