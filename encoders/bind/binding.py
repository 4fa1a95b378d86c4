"""Binding: one modality trained to lie where its anchors lie, as a Task of the trainer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..data.item import belong
from ..errors import InputError, ModelError
from ..evaluate.report import clusters_of
from ..evaluate.scores import ranks
from .augment import augment
from .objective import TEMPERATURES, distance, info_nce, relations
from .settings import Settings
from .split import Split, split
from .views import Views

NEAR_NS = 1_000_000_000
"""In a log, what was sensed within one second of a query counts as found: it is the same scene."""
MEASURED = 400
"""How many held-out pairs are measured while training."""


class Prepared(NamedTuple):
    """The modality's inputs; the anchors', or their vectors where they are frozen; the teacher's vectors."""

    rows: Views
    anchors: Views
    teacher: Views | None


class Batch(NamedTuple):
    """Inputs, what they belong to, which of those are no negatives of each other, and a teacher's vectors."""

    rows: Tensor
    anchors: Tensor
    same: Tensor
    teacher: Tensor | None


class Found(NamedTuple):
    """Which held-out cases found what belongs to them, bool (n,), and what each is of: a stretch, a file."""

    hits: np.ndarray
    sources: list[str]


class AsRun(nn.Module):
    """A network that is fine-tuned as it will run: its running means stay, and nothing is dropped out.

    Inputs (n, ...) of a modality to unit vectors (n, dim).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def train(self, mode: bool = True) -> "AsRun":  # noqa: ARG002
        return super().train(False)

    def forward(self, modality: str, rows: Tensor) -> Tensor:
        return F.normalize(self.network(modality, rows), dim=-1)


class Binding:
    """InfoNCE of a modality's vectors with those of what they belong to, both ways, and distillation.

    `partners` are for each row of `data` the anchors that belong to it; `unpaired` counts rows without.
    Rows of one class, or of one log within `guard_s`, are no negatives of each other. `same_space` says
    whether the teacher's vectors are of the model's own space: then rows go where they are, else only their
    cosines with each other are matched.
    """

    def __init__(
        self, network: nn.Module, settings: Settings, data: Prepared, identity: str, same_space: bool
    ) -> None:
        self.module: nn.Module = AsRun(network)
        self.identity = identity
        self.data, self._settings, self._same_space = data, settings, same_space
        self._guard_ns = round(settings.guard_s * 1e9)
        self.partners = _partners(data, settings)
        paired = np.array([index for index, found in enumerate(self.partners) if len(found)], np.int64)
        self.unpaired = len(data.rows) - len(paired)
        sides = split([data.rows.items[index] for index in paired], settings.held_out, self._guard_ns)
        self.split = Split(paired[sides.train], paired[sides.held])
        for modality in trained_modalities(settings):
            choose(network, modality, settings.train)

    def batch(self, step: int) -> Batch:
        """The same for the same step and seed."""
        rng = np.random.default_rng([self._settings.seed, step])
        train = self.split.train
        chosen = rng.choice(train, min(self._settings.batch, len(train)), replace=False)
        partners = np.array([rng.choice(self.partners[index]) for index in chosen])
        items = [self.data.rows.items[index] for index in chosen]
        teacher = self.data.teacher
        return Batch(
            self.data.rows.drawn(chosen, rng),
            self.data.anchors.drawn(partners, rng),
            torch.from_numpy(belong(items, items, self._guard_ns)),
            None if teacher is None else teacher.drawn(chosen, rng),
        )

    def loss(self, batch: Batch) -> Tensor:
        settings = self._settings
        device = next(self.module.parameters()).device
        rows = batch.rows.to(device)
        changed = augment(settings.modality, rows, settings.anchor) if settings.augment else rows
        rows = self.module(settings.modality, changed).float()
        anchors = batch.anchors.to(device)
        if settings.train_anchor:
            changed = augment(settings.anchor, anchors, settings.modality) if settings.augment else anchors
            anchors = self.module(settings.anchor, changed).float()
        temperature = settings.temperature or TEMPERATURES[settings.modality]
        with torch.autocast(device.type, enabled=False):
            loss = info_nce(rows, anchors, temperature, batch.same.to(device))
            if batch.teacher is not None:
                taught = batch.teacher.to(device)
                far = distance(rows, taught) if self._same_space else relations(rows, taught)
                loss = loss + settings.teacher_weight * far
        return loss

    def evaluate(self) -> dict[str, float]:
        """Held-out R@1 and R@5, rows finding anchors and anchors finding rows."""
        return {name: float(one.hits.mean()) for name, one in self.found().items()}

    def found(self) -> dict[str, Found]:
        """The same case by case."""
        held = self.split.held[:: -(-len(self.split.held) // MEASURED)]
        columns = sorted({int(index) for row in held for index in self.partners[row]})
        items = [self.data.rows.items[index] for index in held]
        others = [self.data.anchors.items[index] for index in columns]
        similarity = self.vectors(held) @ self.anchor_vectors(columns).T
        relevant = belong(items, others, NEAR_NS)
        there, back = self._settings.modality, self._settings.anchor
        figures: dict[str, Found] = {}
        for name, before, asked in (
            (f"{there}>{back}", ranks(similarity, relevant), items),
            (f"{back}>{there}", ranks(similarity.T, relevant.T), others),
        ):
            sources = clusters_of(asked)
            figures |= {f"R@{k} {name}": Found((before >= 0) & (before < k), sources) for k in (1, 5)}
        return figures

    def vectors(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Unit vectors float32 (n, dim) of items of the modality, each the mean over its views."""
        return self._embedded(self._settings.modality, self.data.rows, indices)

    def anchor_vectors(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The same of anchors."""
        if self._settings.train_anchor:
            return self._embedded(self._settings.anchor, self.data.anchors, indices)
        return np.stack([self.data.anchors.every(int(index))[0].numpy() for index in indices])

    @torch.no_grad()
    def _embedded(self, modality: str, views: Views, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        device = next(self.module.parameters()).device
        means = [self.module(modality, views.every(int(index)).to(device)).mean(dim=0) for index in indices]
        return F.normalize(torch.stack(means), dim=1).cpu().numpy()


def trained_modalities(settings: Settings) -> tuple[str, ...]:
    return (settings.modality, settings.anchor) if settings.train_anchor else (settings.modality,)


def choose(network: nn.Module, modality: str, part: str) -> None:
    """Let a modality's parameters (its head's, or all) require a gradient. Raises ModelError without any."""
    found = [
        parameter
        for name, parameter in network.named_parameters()
        if of_modality(name, modality) and (part == "all" or _of_head(name))
    ]
    if not found:
        raise ModelError(f"{modality} has no head of its own in this model; train all of it: --train all")
    for parameter in found:
        parameter.requires_grad_(True)


def of_modality(key: str, modality: str) -> bool:
    """Whether a state-dict key belongs to a modality: its second part says so."""
    return key.split(".")[1] == modality


def _of_head(key: str) -> bool:
    first, _, third, *_ = key.split(".")
    return first == "modality_heads" or third == "head"


def _partners(data: Prepared, settings: Settings) -> list[np.ndarray]:
    """For each row the anchors with its key, often one. Raises InputError where no row has any."""
    by_key: dict[str, list[int]] = {}
    for index, item in enumerate(data.anchors.items):
        by_key.setdefault(item.key, []).append(index)
    if settings.train_anchor and any(len(found) > 1 for found in by_key.values()):
        raise InputError(
            f"--train-anchor: several of {settings.anchor} belong to one class, so that what is held out "
            "would be trained on as an anchor; give pairs, or leave the anchor frozen"
        )
    partners = [np.array(by_key.get(item.key, ()), np.int64) for item in data.rows.items]
    if not any(map(len, partners)):
        ours, theirs = data.rows.items[0].key, data.anchors.items[0].key
        raise InputError(
            f"no pairs: {settings.modality} has {ours!r} and others, {settings.anchor} {theirs!r} and "
            "others, and none is in both; pairs have equal stems or classes of equal names"
        )
    return partners
