"""load_model and Model: one Python face, whatever the model. Rows are unit vectors, float32 (n, dim)."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from . import preprocess
from .architecture import Architecture
from .card import ModelCard, make_card, read_architecture
from .checkpoint import find_checkpoint
from .errors import InputError, ModelError
from .imagebind import ImageBind
from .loading import load_network
from .precision import Precision, apply_precision, check_precision
from .preprocess.depth import DEFAULT_BASELINE, DEFAULT_FX
from .tokenizer import ByteTokenizer, ClipTokenizer, Tokenizer

# What fits the model's 204 frames of 10 ms; longer recordings are heard as several clips.
ONE_AUDIO_WINDOW_S = 2.05


def load_model(
    name: str | os.PathLike[str] = "mini",
    *,
    device: str = "auto",
    precision: Precision = "exact",
    modalities: Sequence[str] | None = None,
    vocabulary: str | os.PathLike[str] | None = None,
) -> "Model":
    """Load `mini`, `imagebind-huge`, a `.pth` or `.safetensors` file, or a folder with a config.json.

    `device` is auto (CUDA where there is one, else the CPU) or torch's name of one. Only the trunks of
    `modalities` are built and read. `vocabulary` is the path of CLIP's merges, by default beside the
    weights, needed once text is embedded. `precision` is exact (float32) or fast (bfloat16 products, cosine
    to exact >= 0.9999), which is computed as exact where it would not be faster; `Model.precision` says which
    it became. Raises ModelError.
    """
    precision = check_precision(precision)
    checkpoint = find_checkpoint(name)
    architecture = read_architecture(checkpoint)
    if modalities is not None:
        architecture = architecture.only(tuple(modalities))
    network = load_network(checkpoint.weights, architecture)
    where = Path(vocabulary) if vocabulary is not None else checkpoint.vocabulary
    place = _device(device)
    effective = apply_precision(network, precision, place)
    return Model(network, make_card(checkpoint, architecture), place, where, effective)


class Model:
    """Encoders of one shared space. Every row is computed on its own, so its bits do not depend on others."""

    def __init__(
        self,
        network: ImageBind,
        card: ModelCard,
        device: torch.device,
        vocabulary: Path,
        precision: Precision = "exact",
    ) -> None:
        self.card = card
        self.device = device
        # What rows are really computed in, whatever was asked for.
        self.precision: Precision = precision
        self._network = network.to(device)
        self._vocabulary = vocabulary
        self._tokenizer: Tokenizer | None = None

    @property
    def dim(self) -> int:
        return self.card.dim

    @property
    def space_id(self) -> str:
        """Names the model and its weights: vectors of different spaces are never compared."""
        return self.card.space_id

    @property
    def modalities(self) -> tuple[str, ...]:
        return self.card.modalities

    def logit_scale(self, modality: str) -> float:
        """The factor before the softmax with which a modality was trained: its inverse temperature."""
        return self._network.logit_scale(modality)

    @torch.inference_mode()
    def forward(self, modality: str, batch: Tensor) -> np.ndarray:
        """Preprocessed inputs (n, ...) or clips (n, clips, ...) to unit vectors, float32 (n, dim).

        Raises InputError for a shape that the modality does not take or values that overflow the model.
        """
        rows = F.normalize(self._network(modality, batch.to(self.device)), dim=-1)
        if not bool(torch.isfinite(rows).all()):
            raise InputError(f"{modality}: the model's output is not finite; its input must be")
        return rows.cpu().numpy()

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        if isinstance(texts, str):
            raise InputError(f"text: {texts!r} is one text; give a list of them")
        return self._rows("text", (preprocess.text(text, self.tokenizer) for text in texts))

    def embed_image(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """RGB pictures, uint8 (h, w, 3) each."""
        return self._rows("vision", map(preprocess.image, images))

    def embed_video(self, videos: Sequence[np.ndarray], rate_hz: float | None = None) -> np.ndarray:
        """RGB clips, uint8 (t, h, w, 3) each; with `rate_hz`, whole videos seen as five clips."""
        return self._rows("vision", (preprocess.video(frames, rate_hz) for frames in videos))

    def embed_audio(self, recordings: Sequence[tuple[np.ndarray, float]]) -> np.ndarray:
        """(PCM (n,) or (n, channels), rate in Hz) each; beyond two seconds, as three clips spread evenly."""
        return self._rows("audio", (self._audio(pcm, rate_hz) for pcm, rate_hz in recordings))

    def embed_depth(
        self, pictures: Sequence[np.ndarray], *, fx: float = DEFAULT_FX, baseline: float = DEFAULT_BASELINE
    ) -> np.ndarray:
        """Metres (h, w) each; `fx` in pixels at 640 pixels' width, `baseline` in metres."""
        return self._rows("depth", (preprocess.depth(picture, fx, baseline) for picture in pictures))

    def embed_thermal(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Kelvin, float (h, w), or 8-bit grey without temperatures, each."""
        return self._rows("thermal", map(preprocess.thermal, pictures))

    def embed_imu(self, rows: Sequence[np.ndarray], stamps: Sequence[np.ndarray]) -> np.ndarray:
        """(n, 6) rows with int64 nanoseconds (n,) each; the model's window in the middle of them is seen."""
        return self._rows("imu", (self._imu(*pair) for pair in zip(rows, stamps, strict=True)))

    def embed_files(self, modality: str, paths: Sequence[str | os.PathLike[str]]) -> np.ndarray:
        """One row a file: see `encoders.files` for the formats. Raises InputError with the file's name."""
        from .files import embed_file

        return self._stacked([embed_file(self, modality, Path(path)) for path in paths])

    @property
    def tokenizer(self) -> Tokenizer:
        """The text trunk's. Raises ModelError when its vocabulary is missing or of another size."""
        if self._tokenizer is None:
            self._tokenizer = _tokenizer(self._network.architecture, self._vocabulary)
        return self._tokenizer

    def _audio(self, pcm: np.ndarray, rate_hz: float) -> Tensor:
        whole = preprocess.audio if len(pcm) <= ONE_AUDIO_WINDOW_S * rate_hz else preprocess.audio_clips
        return whole(pcm, rate_hz)

    def _imu(self, rows: np.ndarray, stamps: np.ndarray) -> Tensor:
        if len(stamps) < 2:
            return preprocess.imu(rows, stamps)
        length = self.card.windows["imu"].length_ns
        start = (int(stamps[0]) + int(stamps[-1]) - length) // 2
        return preprocess.imu(rows, stamps, start, start + length)

    def _rows(self, modality: str, inputs: Iterable[Tensor]) -> np.ndarray:
        return self._stacked([self.forward(modality, tensor[None])[0] for tensor in inputs])

    def _stacked(self, rows: list[np.ndarray]) -> np.ndarray:
        return np.stack(rows) if rows else np.zeros((0, self.dim), np.float32)


def _tokenizer(architecture: Architecture, vocabulary: Path) -> Tokenizer:
    if architecture.vocabulary == ByteTokenizer.size:
        return ByteTokenizer()
    if architecture.vocabulary != ClipTokenizer.end + 1:
        raise ModelError(
            f"no tokenizer has {architecture.vocabulary} tokens; CLIP's has {ClipTokenizer.end + 1}"
        )
    return ClipTokenizer(vocabulary)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"no device {name!r}; give auto, cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(
            "device 'cuda': torch sees no CUDA here; `sixsense doctor` says why, device='cpu' works"
        )
    return device
