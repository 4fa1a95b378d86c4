"""Widths, blocks and heads of an ImageBind-shaped model, read from its config.json (no torch)."""

from typing import Any, NamedTuple

import msgspec

from .errors import ModelError

TRUNKS = ("vision", "text", "audio", "depth", "thermal", "imu")


class Trunk(NamedTuple):
    """One modality's transformer."""

    width: int
    blocks: int
    heads: int


class Architecture(NamedTuple):
    """The shared dimension, a trunk a modality, and how many rows the text trunk's token table has."""

    dim: int
    trunks: dict[str, Trunk]
    vocabulary: int = 49408

    def only(self, modalities: tuple[str, ...]) -> "Architecture":
        """The same model with these trunks alone. Raises ModelError for a modality that it has not."""
        for modality in modalities:
            if modality not in self.trunks:
                raise ModelError(f"no modality {modality!r} in this model; it has {', '.join(self.trunks)}")
        return self._replace(trunks={m: t for m, t in self.trunks.items() if m in modalities})

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.trunks)


# Girdhar et al., "ImageBind: One Embedding Space To Bind Them All" (arXiv 2305.05665), the released model.
HUGE = Architecture(
    dim=1024,
    trunks={
        "vision": Trunk(1280, 32, 16),
        "text": Trunk(1024, 24, 16),
        "audio": Trunk(768, 12, 12),
        "depth": Trunk(384, 12, 8),
        "thermal": Trunk(768, 12, 12),
        "imu": Trunk(512, 6, 8),
    },
)


def parse_architecture(config: bytes, where: str) -> Architecture:
    """Read `out_embed_dim`, `vocab_size` and `<modality>_{embed_dim,num_blocks,num_heads}` from JSON.

    A modality without `<modality>_embed_dim` is one that the model has not. Other fields are left to
    their readers. Raises ModelError with `where` for anything missing or impossible.
    """
    try:
        fields = msgspec.json.decode(config, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ModelError(f"{where}: not a JSON object ({error})") from error
    names = [name for name in TRUNKS if f"{name}_embed_dim" in fields]
    if not names:
        raise ModelError(f"{where}: no trunk; give at least one <modality>_embed_dim of {', '.join(TRUNKS)}")
    return Architecture(
        dim=_positive(fields, "out_embed_dim", where),
        trunks={name: _trunk(fields, name, where) for name in names},
        vocabulary=_positive(fields, "vocab_size", where) if "vocab_size" in fields else HUGE.vocabulary,
    )


def format_architecture(architecture: Architecture) -> dict[str, int]:
    """The fields that `parse_architecture` reads back as the same architecture."""
    fields = {"out_embed_dim": architecture.dim, "vocab_size": architecture.vocabulary}
    for name, trunk in architecture.trunks.items():
        fields[f"{name}_embed_dim"] = trunk.width
        fields[f"{name}_num_blocks"] = trunk.blocks
        fields[f"{name}_num_heads"] = trunk.heads
    return fields


def _trunk(fields: dict[str, Any], name: str, where: str) -> Trunk:
    trunk = Trunk(
        *(_positive(fields, f"{name}_{part}", where) for part in ("embed_dim", "num_blocks", "num_heads"))
    )
    if trunk.width % trunk.heads:
        raise ModelError(f"{where}: {name}_embed_dim {trunk.width} is no multiple of {trunk.heads} heads")
    return trunk


def _positive(fields: dict[str, Any], key: str, where: str) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ModelError(f"{where}: {key} must be a whole number from 1 up, not {value!r}")
    return value
