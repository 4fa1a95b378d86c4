"""What is known of a model without loading it: its space, windows and backgrounds (no torch)."""

import os
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from .architecture import HUGE, Architecture, parse_architecture
from .checkpoint import Checkpoint, find_checkpoint
from .errors import ModelError
from .tail import Tail
from .towers.shape import TowersShape, parse_shape


class WindowSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Window k of an input covers `[k*hop_ns, k*hop_ns + length_ns)` of the timeline."""

    length_ns: int
    hop_ns: int


class ImuInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a model takes IMU rows: the order of its channels, and how many instants a second it looks at (0:
    all that it takes, spread over the window)."""

    order: Literal["accelerometer-gyroscope", "gyroscope-accelerometer"] = "accelerometer-gyroscope"
    rate_hz: float = 0.0

    def options(self) -> dict[str, Any]:
        """The keywords of `preprocess.imu`."""
        return {"rate_hz": self.rate_hz, "gyroscope_first": self.order.startswith("gyroscope")}


DEFAULT_IMU = ImuInput()
IMU_INSTANTS = 2000
"""How many instants of a window every model takes."""


class Background(msgspec.Struct, frozen=True, kw_only=True):
    """Mean and deviation of the centred cosine between a query's modality and a target's, on background.

    `tail` is how often an hour the standardised score of such a pair is reached, where that was measured.
    """

    mean: float
    deviation: float
    tail: Tail | None = None


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """A model's identity and constants, read from its weights' metadata.

    `means` are the float32 (dim,) means of each modality's vectors (the modality gap), subtracted before
    vectors of different modalities meet. `backgrounds` is keyed `query modality/target modality`; a pair
    that is missing cannot be compared in this space. An empty table (a checkpoint without calibration)
    means that every pair is compared, against mean 0 and deviation 1/sqrt(dim). `temperatures` are, by
    target, what cosines with texts are divided by to become probabilities, where that was measured. `quiet`
    are, by modality, some vectors of when nothing happens (`quiet_rows`): an example is compared with them.
    """

    name: str
    space_id: str
    dim: int
    trained: bool
    modalities: tuple[str, ...]
    windows: dict[str, WindowSpec]
    means: dict[str, np.ndarray]
    backgrounds: dict[str, Background]
    imu: ImuInput = DEFAULT_IMU
    temperatures: dict[str, float] = {}
    quiet: dict[str, bytes] = {}

    def quiet_rows(self, modality: str) -> np.ndarray | None:
        """Float64 (n, dim), not yet centred; None where there are none."""
        raw = self.quiet.get(modality)
        return None if raw is None else np.frombuffer(raw, "<f2").reshape(-1, self.dim).astype(np.float64)


def _seconds(length: float, hop: float) -> WindowSpec:
    return WindowSpec(length_ns=round(length * 1e9), hop_ns=round(hop * 1e9))


# What the released ImageBind was trained on: two-second clips of video and sound, five seconds of IMU.
DEFAULT_WINDOWS = {
    "vision": _seconds(0.5, 0.5),
    "depth": _seconds(0.5, 0.5),
    "thermal": _seconds(0.5, 0.5),
    "audio": _seconds(2.0, 0.5),
    "imu": _seconds(5.0, 0.5),
}


class _Fields(msgspec.Struct):
    """The card's part of a config.json; the architecture's part has its own reader."""

    trained: bool = True
    windows: dict[str, WindowSpec] = {}
    means: dict[str, list[float]] = {}
    backgrounds: dict[str, Background] = {}
    imu: ImuInput = DEFAULT_IMU
    temperatures: dict[str, Annotated[float, msgspec.Meta(gt=0)]] = {}
    quiet: dict[str, bytes] = {}


def read_card(name_or_path: str | os.PathLike[str]) -> ModelCard:
    """The card of a model by name, weights file or folder, without reading its weights and without torch.

    Raises ModelError when there is no such model or its description is wrong.
    """
    checkpoint = find_checkpoint(name_or_path)
    return make_card(checkpoint, read_architecture(checkpoint))


def read_architecture(checkpoint: Checkpoint) -> Architecture | TowersShape:
    """What the checkpoint's config says, of whichever family; imagebind_huge when there is none.

    Raises ModelError.
    """
    if checkpoint.config is None:
        return HUGE
    towers = parse_shape(checkpoint.config, checkpoint.where)
    return towers or parse_architecture(checkpoint.config, checkpoint.where)


def make_card(checkpoint: Checkpoint, architecture: Architecture | TowersShape) -> ModelCard:
    """The card of a checkpoint whose trunks or towers are those of `architecture`. Raises ModelError."""
    try:
        fields = msgspec.json.decode(checkpoint.config or b"{}", type=_Fields)
    except msgspec.MsgspecError as error:
        raise ModelError(f"{checkpoint.where}: {error}") from error
    return ModelCard(
        name=checkpoint.name,
        space_id=checkpoint.space_id(),
        dim=architecture.dim,
        trained=fields.trained,
        modalities=architecture.modalities,
        windows={m: w for m, w in (DEFAULT_WINDOWS | fields.windows).items() if m in architecture.modalities},
        means={m: _mean(v, m, architecture.dim, checkpoint) for m, v in fields.means.items()},
        backgrounds=fields.backgrounds,
        imu=fields.imu,
        temperatures=fields.temperatures,
        quiet={m: _rows(raw, m, architecture.dim, checkpoint) for m, raw in fields.quiet.items()},
    )


def card_fields(
    windows: dict[str, WindowSpec],
    means: dict[str, np.ndarray],
    backgrounds: dict[str, Background],
    trained: bool,
    quiet: dict[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """The fields of a config.json that `make_card` reads back; `quiet` rows (n, dim) are kept in 16 bits."""
    plain = {modality: [float(x) for x in mean] for modality, mean in means.items()}
    return msgspec.to_builtins(
        _Fields(
            trained=trained,
            windows=windows,
            means=plain,
            backgrounds=backgrounds,
            quiet={modality: rows.astype("<f2").tobytes() for modality, rows in (quiet or {}).items()},
        )
    )


def _mean(values: list[float], modality: str, dim: int, checkpoint: Checkpoint) -> np.ndarray:
    if len(values) != dim:
        raise ModelError(
            f"{checkpoint.where}: the mean of {modality} has {len(values)} numbers, the model {dim}"
        )
    return np.asarray(values, np.float32)


def _rows(raw: bytes, modality: str, dim: int, checkpoint: Checkpoint) -> bytes:
    if not raw or len(raw) % (2 * dim):
        raise ModelError(f"{checkpoint.where}: the quiet {modality} vectors are no rows of {dim} numbers")
    return raw
