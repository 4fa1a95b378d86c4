"""The bound model as a file: the trained modality's tensors replaced, the others as they were, to the bit."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors.torch import save_file
from torch import Tensor, nn

from ..architecture import HUGE, format_architecture
from ..card import Background, ModelCard, card_fields, read_architecture
from ..checkpoint import CONFIG_KEY, Checkpoint
from ..digest import digest_of_files
from ..errors import ModelError
from ..loading import check_weights
from .binding import of_modality

ORIGIN = "origin"
"""The key of the config that says what a model was made from: data, teachers, seeds."""
HISTORY = "bound"
"""The key of the config under which every binding of a model is written: which pair, on what, how well."""


def write_bound(
    source: Checkpoint,
    out: Path,
    network: nn.Module,
    modalities: Sequence[str],
    changed: Mapping[str, Any],
    record: Mapping[str, Any],
) -> None:
    """Write `source` to `out` with `modalities` as `network` has them, in the types of the source.

    `changed` replaces fields of its card, `record` is appended to its history. Whole or not at all. Raises
    ModelError.
    """
    architecture = read_architecture(source)
    state = check_weights(source.weights, architecture)
    trained = network.state_dict()
    bound = {
        key: trained[key].detach().cpu().to(value.dtype).contiguous()
        if any(of_modality(key, modality) for modality in modalities)
        else value
        for key, value in state.items()
    }
    fields = msgspec.json.decode(source.config, type=dict[str, Any]) if source.config else None
    config: dict[str, Any] = fields or dict(format_architecture(HUGE))
    config = config | dict(changed) | {HISTORY: [*config.get(HISTORY, []), dict(record)]}
    # One key alone: safetensors orders several by chance, and the same run must give the same file.
    _save(bound, out, {CONFIG_KEY: msgspec.json.encode(config).decode()})


def check_free(out: Path) -> None:
    """Raise ModelError before a long run whose result could not be written."""
    if out.suffix != ".safetensors":
        raise ModelError(f"{out}: a bound model is a .safetensors file; name it {out.stem}.safetensors")
    if out.exists():
        raise ModelError(f"{out} is there already; delete it or choose another name")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise ModelError(f"{out}: {out.parent} is no folder that can be written; create it first")


def trained_pairs(source: Checkpoint) -> set[frozenset[str]] | None:
    """The pairs of modalities that a model was trained on together; None where its file does not say.

    The released ImageBind was bound to images, its text with CLIP's images (arXiv 2305.05665).
    """
    if source.config is None:
        return {frozenset((one, "vision")) for one in ("text", "audio", "depth", "thermal", "imu")}
    history = msgspec.json.decode(source.config, type=dict[str, Any]).get(HISTORY)
    return None if history is None else {frozenset((one["modality"], one["anchor"])) for one in history}


def learnt_from(source: Checkpoint, folder: Path) -> str | None:
    """What a model's file calls the data set in `folder`, if it learnt from these very files; else None."""
    config: dict[str, Any] = msgspec.json.decode(source.config) if source.config else {}
    known: dict[str, str] = config.get(ORIGIN, {}).get("data", {})
    digest = digest_of_files(folder) if known else ""
    return next((name for name, one in known.items() if one == digest), None)


def card_changes(card: ModelCard, vectors: Mapping[str, np.ndarray], apart: np.ndarray) -> dict[str, Any]:
    """The card's means and backgrounds, measured anew where a modality of `vectors` (n, dim) takes part.

    `apart` bool (n, n) marks rows that do not belong together. Only what the card has is replaced: pairs with
    modalities that are not in `vectors` keep the background that they had. Nobody knows when nothing happens
    in what was bound: its quiet vectors are dropped, with the tails and temperatures measured with them.
    """
    means = dict(card.means)
    means |= {name: rows.mean(axis=0) for name, rows in vectors.items() if name in means}
    units = {name: _centred(rows, means.get(name)) for name, rows in vectors.items()}
    backgrounds = dict(card.backgrounds)
    for pair in backgrounds:
        query, target = pair.split("/")
        if query in units and target in units and apart.any():
            cosines = (units[query] @ units[target].T)[apart]
            backgrounds[pair] = Background(mean=float(cosines.mean()), deviation=float(cosines.std()))
    for pair in (pair for pair in backgrounds if units.keys() & set(pair.split("/"))):
        backgrounds[pair] = msgspec.structs.replace(backgrounds[pair], tail=None)
    others = {name: rows for name in card.quiet if (rows := card.quiet_rows(name)) is not None}
    quiet = {name: rows for name, rows in others.items() if name not in vectors}
    fields = card_fields(card.windows, means, backgrounds, card.trained, quiet)
    fields["temperatures"] = {name: one for name, one in card.temperatures.items() if name not in vectors}
    return {name: fields[name] for name in ("means", "backgrounds", "quiet", "temperatures")}


def _centred(rows: np.ndarray, mean: np.ndarray | None) -> np.ndarray:
    centred = rows if mean is None else rows - mean
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)


def _save(state: dict[str, Tensor], out: Path, metadata: dict[str, str]) -> None:
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        save_file(state, draft, metadata)
        # safetensors makes files for their owner alone.
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o666 & ~mask)
        draft.replace(out)
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{out}: cannot be written ({error})") from error
    finally:
        draft.unlink(missing_ok=True)
