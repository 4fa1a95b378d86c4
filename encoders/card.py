"""What is known of a model without loading it: its space, windows and backgrounds (no torch)."""

import msgspec
import numpy as np


class WindowSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Window k of an input covers `[k*hop_ns, k*hop_ns + length_ns)` of the timeline."""

    length_ns: int
    hop_ns: int


class Background(msgspec.Struct, frozen=True, kw_only=True):
    """Mean and deviation of the centred cosine between a query's modality and a target's, on background."""

    mean: float
    deviation: float


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """A model's identity and constants, read from its weights' metadata.

    `means` are the float32 (dim,) means of each modality's vectors (the modality gap), subtracted before
    vectors of different modalities meet. `backgrounds` is keyed `query modality/target modality`; a pair
    that is missing cannot be compared in this space. An empty table (a checkpoint without calibration)
    means that every pair is compared, against mean 0 and deviation 1/sqrt(dim).
    """

    name: str
    space_id: str
    dim: int
    trained: bool
    modalities: tuple[str, ...]
    windows: dict[str, WindowSpec]
    means: dict[str, np.ndarray]
    backgrounds: dict[str, Background]
