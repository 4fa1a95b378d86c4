"""load_model and Model: one Python face, whatever the model. Rows are unit vectors, float32 (n, dim)."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from . import preprocess
from .accelerated import Accelerated, Batch
from .architecture import Architecture
from .card import ImuInput, ModelCard, make_card, read_architecture
from .checkpoint import find_checkpoint
from .errors import InputError, ModelError
from .loading import Network, load_network
from .onnx import OnnxNetwork
from .precision import Precision, apply_precision, check_precision, exported_precision
from .preprocess.depth import DEFAULT_BASELINE, DEFAULT_FX
from .raw import Raw
from .tokenizer import ByteTokenizer, ClipTokenizer, OwnTokenizer, Tokenizer
from .towers.shape import TowersShape

# What fits the model's 204 frames of 10 ms; longer recordings are heard as several clips.
ONE_AUDIO_WINDOW_S = 2.05
# Ten seconds at windows of one: what is longer is a log, not an example.
MOST_IMU_WINDOWS = 19


def load_model(
    name: str | os.PathLike[str] = "mini",
    *,
    device: str = "auto",
    precision: Precision = "exact",
    modalities: Sequence[str] | None = None,
    vocabulary: str | os.PathLike[str] | None = None,
    imu: ImuInput | None = None,
) -> "Model":
    """Load `mini`, `imagebind-huge`, a `.pth` or `.safetensors` file, or a folder with a config.json, which
    may be one that `sixsense models export` made.

    `device` is auto (CUDA where there is one, else the CPU) or torch's name of one. Only the trunks of
    `modalities` are built and read. `vocabulary` is the path of CLIP's merges, by default beside the
    weights, needed once text is embedded. `precision` is exact (float32) or fast (bfloat16 products, cosine
    to exact >= 0.9999), which is computed as exact where it would not be faster; an exported model is
    computed as it was exported, in float32 or int8. `Model.precision` says which it became. `imu` is how the
    model takes IMU rows, where its card is not to be believed. Raises ModelError.
    """
    precision = check_precision(precision)
    checkpoint = find_checkpoint(name)
    architecture = read_architecture(checkpoint)
    if modalities is not None:
        architecture = architecture.only(tuple(modalities))
    where = Path(vocabulary) if vocabulary is not None else checkpoint.vocabulary
    place = _device(device)
    if (exported := checkpoint.exported) is not None:
        effective = exported_precision(precision, exported.precision, checkpoint.where)
        network = OnnxNetwork(checkpoint.weights, architecture, exported.logit_scales, place)
    else:
        network = load_network(checkpoint.weights, architecture)
        effective = apply_precision(network, precision, place)
        if place.type == "cuda":
            network = Accelerated(network, place)
    card = make_card(checkpoint, architecture)
    if imu is not None:
        card = msgspec.structs.replace(card, imu=imu)
    return Model(network, card, place, where, effective)


class Model:
    """Encoders of one shared space. Every row is computed on its own, so its bits do not depend on others."""

    def __init__(
        self,
        network: Network | OnnxNetwork | Accelerated,
        card: ModelCard,
        device: torch.device,
        vocabulary: Path,
        precision: Precision = "exact",
    ) -> None:
        self.card = card
        self.device = device
        # What rows are really computed in, whatever was asked for.
        self.precision: Precision = precision
        self._network = network.to(device) if isinstance(network, torch.nn.Module) else network
        # An accelerated network copies by itself, from the CPU and to it.
        self._takes = torch.device("cpu") if isinstance(network, Accelerated) else device
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
        return _unit_rows(modality, self._network(modality, batch.to(self._takes)))

    @property
    def takes_raw(self) -> bool:
        """Whether windows can be preprocessed where the model is computed, as `begin` needs."""
        return isinstance(self._network, Accelerated)

    def begin(self, raws: Sequence[Raw]) -> "Pending":
        """Start on windows of one modality that are not preprocessed yet; others can be started meanwhile."""
        if not isinstance(self._network, Accelerated):
            raise ModelError(f"a model on {self.device} takes preprocessed inputs alone: use forward")
        return Pending(raws[0].modality, self._network.begin(raws))

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
        """(n, 6) rows with int64 nanoseconds (n,) each; rows longer than the model's window are seen as the
        direction of the mean of several windows, spread evenly at about half a window's distance."""
        return self._stacked([self._imu(*pair) for pair in zip(rows, stamps, strict=True)])

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

    def _imu(self, rows: np.ndarray, stamps: np.ndarray) -> np.ndarray:
        starts = _imu_starts(stamps, self.card.windows["imu"].length_ns)
        how = self.card.imu.options()
        windows = [preprocess.imu(rows, stamps, start, end, **how) for start, end in starts]
        mean = self._rows("imu", windows).mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _rows(self, modality: str, inputs: Iterable[Tensor]) -> np.ndarray:
        return self._stacked([self.forward(modality, tensor[None])[0] for tensor in inputs])

    def _stacked(self, rows: list[np.ndarray]) -> np.ndarray:
        return np.stack(rows) if rows else np.zeros((0, self.dim), np.float32)


class Pending:
    """Rows that are being computed."""

    def __init__(self, modality: str, batch: Batch) -> None:
        self._modality, self._batch = modality, batch

    @torch.inference_mode()
    def rows(self) -> np.ndarray:
        """Waits for them: unit vectors, float32 (n, dim). Raises InputError as `Model.forward` does."""
        return _unit_rows(self._modality, self._batch.rows())


def _unit_rows(modality: str, rows: Tensor) -> np.ndarray:
    unit = F.normalize(rows, dim=-1)
    if not bool(torch.isfinite(unit).all()):
        raise InputError(f"{modality}: the model's output is not finite; its input must be")
    return unit.cpu().numpy()


def _imu_starts(stamps: np.ndarray, length_ns: int) -> list[tuple[int | None, int | None]]:
    """Where windows begin and end: one around the middle of short rows, else from the first to the last."""
    if len(stamps) < 2:
        return [(None, None)]
    first, last = int(stamps[0]), int(stamps[-1])
    spare = last - first - length_ns
    count = 1 + max(0, min(MOST_IMU_WINDOWS - 1, round(spare / (length_ns / 2))))
    if count == 1:
        middle = (first + last - length_ns) // 2
        return [(middle, middle + length_ns)]
    starts = [first + spare * i // (count - 1) for i in range(count)]
    return [(start, start + length_ns) for start in starts]


def _tokenizer(architecture: Architecture | TowersShape, vocabulary: Path) -> Tokenizer:
    if isinstance(architecture, TowersShape):
        return OwnTokenizer(architecture.merges)
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
