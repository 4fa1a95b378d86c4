"""Encoder: windows, or a query's arrays, to one unit vector each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..sensors.errors import SixsenseError
from ..sensors.modalities import MODALITIES
from . import preprocess
from .card import DEFAULT_IMU, ImuInput
from .errors import InputError
from .model import Model
from .pictures import decode_jpeg
from .preprocess.audio import full_scale
from .quality import depth_quality, motion_quality, picture_quality, sound_quality, thermal_quality
from .raw import Raw, camera, raw
from .unchanged import Unchanged
from .window import Window

MOST_TEXTS = 1000


class Encoded(NamedTuple):
    """A unit vector, float32 (dim,), its window's quality in [0, 1], and the index of the earlier window
    whose vector it is, -1 where it is its own."""

    vector: np.ndarray
    quality: float
    reused: int = -1


class Encoder:
    """What an encoder node does with windows: one a call, so that its bits depend on nothing else, or more.

    A picture that differs from the last one of its input that was encoded by less than `unchanged` (see
    `unchanged.py`; 0: never) gets that one's vector. A text is encoded once. Windows are preprocessed where
    the model is, but for models on the CPU, and where pictures are compared, which is done there.
    """

    def __init__(self, model: Model, unchanged: float = 0.0) -> None:
        self.model = model
        self._unchanged = Unchanged(unchanged)
        self._raw = model.takes_raw and not unchanged
        self._texts: dict[str, np.ndarray] = {}

    def embed(self, window: Window) -> tuple[np.ndarray, float]:
        """The window's unit vector, float32 (dim,), and its quality in [0, 1].

        Raises InputError, naming the window, for data that cannot be embedded.
        """
        try:
            given, quality = self._prepared(window)
            return self._computed([given], window.modality)[0], quality
        except InputError as error:
            raise _naming(window, error) from error

    def embed_all(self, windows: Sequence[Window]) -> list[Encoded | SixsenseError]:
        """Windows of one modality, computed together as far as they are computed at all; for each what became
        of it, or why it cannot be embedded."""
        results: dict[int, Encoded | SixsenseError] = {}
        fresh: list[tuple[int, Tensor | Raw, float]] = []
        for at, window in enumerate(windows):
            try:
                given, quality = self._prepared(window)
            except InputError as error:
                results[at] = _naming(window, error)
                continue
            known = self._unchanged.vector(window, given) if isinstance(given, Tensor) else None
            if known is not None:
                results[at] = Encoded(known[0], quality, known[1])
            else:
                fresh.append((at, given, quality))
        vectors = self._vectors([windows[at] for at, *_ in fresh], [given for _, given, _ in fresh])
        for (at, given, quality), vector in zip(fresh, vectors, strict=True):
            if isinstance(vector, np.ndarray):
                if isinstance(given, Tensor):
                    self._unchanged.encoded(windows[at], given, vector)
                results[at] = Encoded(vector, quality)
            else:
                results[at] = vector
        return [results[at] for at in range(len(windows))]

    def _prepared(self, window: Window) -> tuple[Tensor | Raw, float]:
        """What the model takes of a window, and its quality. Raises InputError."""
        if not self._raw:
            return prepare(window, self.model.card.imu)
        check_encoding(window)
        return raw(window, self.model.card.imu)

    def _computed(self, inputs: Sequence[Tensor | Raw], modality: str) -> np.ndarray:
        raws = [one for one in inputs if isinstance(one, Raw)]
        if raws:
            return self.model.begin(raws).rows()
        return self.model.forward(modality, torch.stack([one for one in inputs if isinstance(one, Tensor)]))

    def _vectors(
        self, windows: Sequence[Window], inputs: Sequence[Tensor | Raw]
    ) -> Sequence[np.ndarray | SixsenseError]:
        """A row each in one call; one by one where one of them spoils the call for the others."""
        if not windows:
            return []
        try:
            return list(self._computed(inputs, windows[0].modality))
        except SixsenseError as error:
            if len(windows) == 1:
                return [_naming(windows[0], error)]
        return [self._vectors([w], [given])[0] for w, given in zip(windows, inputs, strict=True)]

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
            return self._text(data)
        if modality == "vision":
            return (model.embed_video if data.ndim == 4 else model.embed_image)([data])[0]
        if modality == "audio":
            return model.embed_audio([(data, rate_hz)])[0]
        if modality == "depth":
            width = data.shape[1] if data.ndim == 2 else 0
            fx, baseline = camera(fx, baseline, width)
            return model.embed_depth([data], fx=fx, baseline=baseline)[0]
        if modality == "thermal":
            return model.embed_thermal([data])[0]
        if modality == "imu" and stamps is not None:
            return model.embed_imu([data], [stamps])[0]
        raise InputError(
            f"no query of modality {modality!r} can be made of an array (imu needs its stamps too)"
        )

    def _text(self, text: str) -> np.ndarray:
        if text not in self._texts:
            if len(self._texts) >= MOST_TEXTS:
                del self._texts[next(iter(self._texts))]
            self._texts[text] = self.model.embed_text([text])[0]
        return self._texts[text]


def _naming(window: Window, error: SixsenseError) -> InputError:
    return InputError(f"window {window.index} of {window.input}: {error}")


def prepare(window: Window, imu: ImuInput = DEFAULT_IMU) -> tuple[Tensor, float]:
    """The input of the window's trunk, without its batch dimension, and its quality. Raises InputError.

    `imu` is how the model takes rows.
    """
    check_encoding(window)
    return _imu(window, imu) if window.modality == "imu" else _PREPARE[window.modality](window)


def check_encoding(window: Window) -> None:
    """Raises InputError for a window of no known modality or encoding."""
    known = MODALITIES[window.modality].encodings if window.modality in MODALITIES else ()
    if window.encoding not in known:
        raise InputError(
            f"{window.modality}: encoding {window.encoding!r}; known are {', '.join(known) or 'none'}"
        )


def _vision(window: Window) -> tuple[Tensor, float]:
    info, rgb = window.info, window.data
    if window.encoding == "jpeg":
        rgb = decode_jpeg(window.data, info.width, info.height)
    return preprocess.image(rgb), picture_quality(rgb)


def _depth(window: Window) -> tuple[Tensor, float]:
    width = window.data.shape[1] if window.data.ndim == 2 else 0
    fx, baseline = camera(window.info.fx, window.info.baseline, width)
    return preprocess.depth(window.data, fx, baseline), depth_quality(window.data)


def _thermal(window: Window) -> tuple[Tensor, float]:
    return preprocess.thermal(window.data), thermal_quality(window.data)


def _audio(window: Window) -> tuple[Tensor, float]:
    tensor = preprocess.audio(window.data, window.info.rate_hz)
    first = window.data if window.data.ndim == 1 else window.data[:, 0]
    return tensor, sound_quality(full_scale(first))


def _imu(window: Window, imu: ImuInput) -> tuple[Tensor, float]:
    if window.stamps is None:
        raise InputError("imu: rows without stamps")
    tensor = preprocess.imu(window.data, window.stamps, window.start_ns, window.end_ns, **imu.options())
    return tensor, motion_quality(window.data)


_PREPARE = {"vision": _vision, "depth": _depth, "thermal": _thermal, "audio": _audio}
