"""`sixsense queries load`: an index of another model's vectors as standing queries of a running service."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..encoders.alias import check_alias
from ..encoders.card import read_card
from ..fusion.vector_set import VectorSet, check_sample, set_queries
from ..nodes.wire.control import ControlClient
from ..nodes.wire.errors import ControlError
from .following import EMBED_S
from .queries import QueryError
from .vector_index import read_index

SAMPLE = 3
"""Where ids are files that are there, so many are embedded again to check the space."""


def load_queries(
    control: str,
    index: Path,
    *,
    alias: str,
    model: str,
    modality: str,
    only: str,
    checks: Sequence[str],
    **fields: Any,
) -> Iterator[str]:
    """Add a query for each vector of the index whose id fits `only`; those that stand already are left.

    Raises SixsenseError when the index is of another space than `alias` says, or a query is refused.
    """
    shared = check_alias(alias, model)
    if modality not in shared.trunks:
        raise QueryError(f"{shared.model} has no {modality}; it has {', '.join(shared.trunks)}")
    given = read_index(index)
    wanted = [name for name in given.ids if fnmatchcase(name, only)]
    if not wanted:
        raise QueryError(f"no id of {index} fits --only {only!r}; the first is {given.ids[0]!r}")
    with ControlClient(control) as client:
        standing = {query.name for query in client.queries()}
    worst = check_sample(given, _embedded(model, modality, _pairs(given, index, checks)))
    yield f"{index.name}: {len(given.ids)} vectors of {shared.model}, sample at cosine {worst:.4f} or more"
    queries = set_queries(given, read_card(model), modality=modality, wanted=wanted, **fields)
    new = [query for query in queries if query.name not in standing]
    with ControlClient(control, timeout=EMBED_S) as patient:
        for count, query in enumerate(new):
            try:
                patient.watch(query, keep=True)
            except ControlError as error:
                raise QueryError(
                    f"{count} of {len(new)} queries stand; {query.name!r} does not: {error}"
                ) from error
    already = f", {len(queries) - len(new)} stood already" if len(new) < len(queries) else ""
    yield f"{len(new)} queries stand{already}"


def _pairs(given: VectorSet, index: Path, checks: Sequence[str]) -> dict[str, Path]:
    """By id, the file to embed again: those given, else ids that are files, here or beside the index."""
    if checks:
        split = [check.rpartition("=") for check in checks]
        wrong = next((check for check, (name, _, _) in zip(checks, split, strict=True) if not name), None)
        if wrong is not None:
            raise QueryError(f"--check {wrong!r}: give ID=FILE, an id of the index and what it was made of")
        return {name: Path(file) for name, _, file in split}
    places = ((name, path) for name in given.ids for path in (Path(name), index.parent / name))
    found = dict(islice(((name, path) for name, path in places if path.is_file()), SAMPLE))
    if not found:
        raise QueryError(
            f"the ids of {index} are no files here, and vectors of another space would match anything: give "
            "the file of at least one with --check ID=FILE"
        )
    return found


def _embedded(model: str, modality: str, pairs: dict[str, Path]) -> dict[str, np.ndarray]:
    from ..encoders.files import embed_file
    from ..encoders.model import load_model

    loaded = load_model(model, modalities=[modality])
    return {name: embed_file(loaded, modality, path) for name, path in pairs.items()}
