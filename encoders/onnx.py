"""Exported encoders on onnxruntime: one session a modality, reading and writing torch's memory directly."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import ModelError

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_DTYPES = {torch.float32: np.float32, torch.int64: np.int64}


class OnnxNetwork:
    """The files `<modality>.onnx` of a folder as a network: (n, ...) or clips (n, clips, ...) to (n, dim).

    Every session runs on the device that was asked for or is not made: a session that onnxruntime would
    quietly move to the CPU is a ModelError. One thread each, as encoder nodes compute.
    """

    def __init__(self, folder: Path, modalities: tuple[str, ...], dim: int, device: torch.device) -> None:
        self._device, self._dim = device, dim
        self._sessions = {m: _session(folder / f"{m}.onnx", device) for m in modalities}

    def __call__(self, modality: str, x: Tensor) -> Tensor:
        """Raises ModelError for a modality that was not loaded or an input that the file does not take."""
        if modality not in self._sessions:
            raise ModelError(f"no {modality!r} encoder is loaded; loaded are {', '.join(self._sessions)}")
        session = self._sessions[modality]
        clips = x.shape[1] if x.ndim > len(session.get_inputs()[0].shape) else None
        rows = x.flatten(0, 1) if clips is not None else x
        out = self._run(session, modality, rows.contiguous())
        return out.unflatten(0, (-1, clips)).mean(dim=1) if clips is not None else out

    def _run(self, session: Any, modality: str, x: Tensor) -> Tensor:
        out = torch.empty(len(x), self._dim, device=self._device)
        binding = session.io_binding()
        _bind(binding.bind_input, session.get_inputs()[0].name, x)
        _bind(binding.bind_output, session.get_outputs()[0].name, out)
        try:
            session.run_with_iobinding(binding)
        except Exception as error:
            # onnxruntime's own exceptions share no base but this.
            raise ModelError(f"{modality}: onnxruntime cannot compute {tuple(x.shape)} ({error})") from error
        return out


def _bind(bind: Any, name: str, tensor: Tensor) -> None:
    place = tensor.device
    bind(name, place.type, place.index or 0, _DTYPES[tensor.dtype], tuple(tensor.shape), tensor.data_ptr())


def _session(path: Path, device: torch.device) -> Any:
    import onnxruntime

    wanted = PROVIDERS.get(device.type, "")
    if wanted not in onnxruntime.get_available_providers():
        raise ModelError(
            f"{path}: onnxruntime here has no provider for {device.type!r}, only "
            f"{', '.join(onnxruntime.get_available_providers())}; `sixsense doctor` says more"
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
            f"{path}: asked for {wanted}, onnxruntime took {first}: it may not run slower in silence"
        )
    return session
