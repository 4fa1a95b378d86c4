"""Encoder: a window, or a query's arrays, to one unit vector."""

import numpy as np
from torch import Tensor

from ..sensors.modalities import MODALITIES
from . import preprocess
from .errors import InputError
from .model import Model
from .pictures import decode_jpeg
from .preprocess.audio import full_scale
from .preprocess.depth import DEFAULT_BASELINE, DEFAULT_FX
from .quality import depth_quality, motion_quality, picture_quality, sound_quality, thermal_quality
from .window import Window

TRAINING_WIDTH = 640


class Encoder:
    """What an encoder node does with each window. One a call, so that its bits depend on nothing else."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def embed(self, window: Window) -> tuple[np.ndarray, float]:
        """The window's unit vector, float32 (dim,), and its quality in [0, 1].

        Raises InputError, naming the window, for data that cannot be embedded.
        """
        try:
            tensor, quality = prepare(window)
            return self.model.forward(window.modality, tensor[None])[0], quality
        except InputError as error:
            raise InputError(f"window {window.index} of {window.input}: {error}") from error

    def embed_query(
        self,
        modality: str,
        data: str | np.ndarray,
        *,
        stamps: np.ndarray | None = None,
        rate_hz: float = 0.0,
        fx: float = 0.0,
        baseline: float = 0.0,
    ) -> np.ndarray:
        """A text, or an example's arrays, to a unit vector, float32 (dim,).

        `data` by modality: text a str; vision uint8 (h, w, 3) or (t, h, w, 3) RGB; audio (n,) or
        (n, channels) at `rate_hz`; depth metres (h, w) with `fx` at its own width; thermal kelvin (h, w);
        imu (n, 6) with `stamps`. Raises InputError.
        """
        model = self.model
        if isinstance(data, str):
            if modality != "text":
                raise InputError(f"{modality}: a query of this modality is an array, not the text {data!r}")
            return model.embed_text([data])[0]
        if modality == "vision":
            return (model.embed_video if data.ndim == 4 else model.embed_image)([data])[0]
        if modality == "audio":
            return model.embed_audio([(data, rate_hz)])[0]
        if modality == "depth":
            width = data.shape[1] if data.ndim == 2 else 0
            fx, baseline = _camera(fx, baseline, width)
            return model.embed_depth([data], fx=fx, baseline=baseline)[0]
        if modality == "thermal":
            return model.embed_thermal([data])[0]
        if modality == "imu" and stamps is not None:
            return model.embed_imu([data], [stamps])[0]
        raise InputError(
            f"no query of modality {modality!r} can be made of an array (imu needs its stamps too)"
        )


def prepare(window: Window) -> tuple[Tensor, float]:
    """The input of the window's trunk, without its batch dimension, and its quality. Raises InputError."""
    known = MODALITIES[window.modality].encodings if window.modality in MODALITIES else ()
    if window.encoding not in known:
        raise InputError(
            f"{window.modality}: encoding {window.encoding!r}; known are {', '.join(known) or 'none'}"
        )
    return _PREPARE[window.modality](window)


def _vision(window: Window) -> tuple[Tensor, float]:
    info, rgb = window.info, window.data
    if window.encoding == "jpeg":
        rgb = decode_jpeg(window.data, info.width, info.height)
    return preprocess.image(rgb), picture_quality(rgb)


def _depth(window: Window) -> tuple[Tensor, float]:
    width = window.data.shape[1] if window.data.ndim == 2 else 0
    fx, baseline = _camera(window.info.fx, window.info.baseline, width)
    return preprocess.depth(window.data, fx, baseline), depth_quality(window.data)


def _thermal(window: Window) -> tuple[Tensor, float]:
    return preprocess.thermal(window.data), thermal_quality(window.data)


def _audio(window: Window) -> tuple[Tensor, float]:
    tensor = preprocess.audio(window.data, window.info.rate_hz)
    first = window.data if window.data.ndim == 1 else window.data[:, 0]
    return tensor, sound_quality(full_scale(first))


def _imu(window: Window) -> tuple[Tensor, float]:
    if window.stamps is None:
        raise InputError("imu: rows without stamps")
    tensor = preprocess.imu(window.data, window.stamps, window.start_ns, window.end_ns)
    return tensor, motion_quality(window.data)


_PREPARE = {"vision": _vision, "depth": _depth, "thermal": _thermal, "audio": _audio, "imu": _imu}


def _camera(fx: float, baseline: float, width: int) -> tuple[float, float]:
    """Focal length at the training pictures' width, so that a smaller copy of a picture looks the same."""
    scaled = fx * TRAINING_WIDTH / width if fx and width else DEFAULT_FX
    return scaled, baseline or DEFAULT_BASELINE
