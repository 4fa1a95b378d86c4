"""The motion tower's recipe: phones, watches and the simulated robot beside the texts for what they do."""

import csv
import gzip
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ....sensors.sample import NS
from ....sensors.simulated.excerpt import excerpts
from ....sensors.simulated.kinds import ACTIVITIES, KINDS
from ....sensors.simulated.split import Split
from ...digest import compute_sha256
from ...towers.motion import MotionTower
from ...towers.shape import MotionShape
from ..objective import prototype_nce
from ..trainer import Schedule
from .prototypes import central, digest_of, said

RATE_HZ, INSTANTS, HOP = 100, 100, 10
# A window is of what it mostly is; what is less clear is left out.
MAJORITY = 0.6
SIMULATED_EXCERPTS, NOBODY = 2800, 0
# What the simulated world calls otherwise; its "sit" is a whole scene, of which half is sitting still.
SIMULATED, SCENES = {"walk": "walking", "turn": "turning"}, ("sit",)
SEED, BATCH, TEMPERATURE = 4, 192, 0.1
MOST_ROTATION = 0.5
# A phone is put into a pocket, and a watch on a wrist, either way round.
REVERSED = 0.3
SCHEDULE = Schedule(
    steps=1800, rate=2e-3, weight_decay=0.05, warmup=50, average=0.99, bf16=True, evaluate_every=100
)


class Motions(NamedTuple):
    """Rows at 100 Hz, float32 (n, 6) m/s^2 and rad/s, class int64 (n,), and whose they are, int64 (n,):
    a person's number, 0 for the simulated robot. `ends` int64: where recordings end."""

    rows: np.ndarray
    classes: np.ndarray
    people: np.ndarray
    ends: np.ndarray


@cache
def phrases() -> dict[str, list[str]]:
    """Class to the texts that name it, from motions.toml."""
    return tomllib.loads(files(__package__ or "").joinpath("motions.toml").read_text())


def evenly(rows: np.ndarray, stamps_ms: np.ndarray) -> np.ndarray:
    """Rows (n, 6) as they came, in bursts, to rows at 100 Hz: their count tells the time better than stamps.

    The devices sample evenly, and stamp what they hand over; a line through the stamps is the true time.
    """
    slope, _ = np.polyfit(np.arange(len(rows)), stamps_ms - stamps_ms[0], 1)
    at = np.arange(0, len(rows) - 1, 1000 / RATE_HZ / slope)
    known = np.arange(len(rows))
    return np.stack([np.interp(at, known, column) for column in rows.T], axis=1).astype(np.float32)


def activities(shared: Path) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """The activity set's recordings: rows at 100 Hz, classes, person."""
    names = list(phrases())
    found: list[tuple[np.ndarray, np.ndarray, int]] = []
    for path in sorted((shared / "data" / "spsw_har").glob("s*/*.csv.gz")):
        with gzip.open(path, "rt", newline="") as file:
            lines = list(csv.reader(file))[1:]
        values = np.array([line[:7] for line in lines], np.float64)
        rows = evenly(values[:, :6], values[:, 6])
        nearest = np.linspace(0, len(lines) - 1, len(rows)).round().astype(int)
        classes = np.array([names.index(lines[i][7].lower()) for i in nearest])
        found.append((rows, classes, int(path.parent.name[1:])))
    return found


def simulated(split: Split, count: int, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """The same of 1.1 s excerpts of simulated worlds; nobody's, 0."""
    names = list(phrases())
    kinds = [
        name for name, kind in (KINDS | ACTIVITIES).items() if "imu" in kind.modalities and name not in SCENES
    ]
    for one in islice(excerpts(split, ("imu",), round(1.1 * NS), seed=seed, wanted=kinds), count):
        rows = one.data["imu"]
        # 200 Hz to 100 Hz: each row is the mean of two.
        halved = rows[: len(rows) // 2 * 2].reshape(-1, 2, 6).mean(axis=1)
        name = SIMULATED.get(str(one.wanted), str(one.wanted))
        yield halved.astype(np.float32), np.full(len(halved), names.index(name)), NOBODY


def prepare(shared: Path, build: Path) -> None:
    """Write all recordings, one after the other, into `build`/motions.npz."""
    found = [*activities(shared), *simulated("train", SIMULATED_EXCERPTS)]
    np.savez(
        build / "motions.npz",
        rows=np.concatenate([rows for rows, _, _ in found]),
        classes=np.concatenate([classes for _, classes, _ in found]),
        people=np.concatenate([np.full(len(rows), person) for rows, _, person in found]),
        ends=np.cumsum([len(rows) for rows, _, _ in found]),
    )


def starts_of(motions: Motions, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Where windows start that have a class, and which: the label of most of their rows."""
    starts: list[int] = []
    kinds: list[int] = []
    begin = 0
    for end in motions.ends.tolist():
        for start in range(begin, end - INSTANTS + 1, hop):
            counts = np.bincount(motions.classes[start : start + INSTANTS])
            if counts.max() >= MAJORITY * INSTANTS:
                starts.append(start)
                kinds.append(int(counts.argmax()))
        begin = end
    return np.array(starts), np.array(kinds)


class MotionTask:
    """Bring windows beside their classes' texts (see `trainer.Task`). Those `held_out` are measured on."""

    def __init__(self, build: Path, texts: dict[str, np.ndarray], held_out: tuple[int, ...] = ()) -> None:
        with np.load(build / "motions.npz") as arrays:
            self._motions = Motions(**{name: arrays[name] for name in Motions._fields})
        self._texts = [torch.from_numpy(texts[name]) for name in phrases()]
        self._said = said(self._texts)
        starts, kinds = starts_of(self._motions, HOP)
        out = np.isin(self._motions.people[starts], held_out)
        self._starts, self._kinds = starts[~out], kinds[~out]
        self._by_kind = [np.flatnonzero(self._kinds == kind) for kind in range(len(self._texts))]
        starts, kinds = starts_of(self._motions, RATE_HZ // 2)
        out = np.isin(self._motions.people[starts], held_out) if held_out else np.ones(len(starts), bool)
        self._measured = starts[out], kinds[out]
        self.identity = f"motion {compute_sha256(build / 'motions.npz')} {held_out} {digest_of(texts)}"
        torch.manual_seed(SEED)
        self.shape = MotionShape()
        self.tower = MotionTower(self.shape)
        self.module: nn.Module = self.tower

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Windows (n, 6, 100) and their share of each class (n, k)."""
        random = np.random.default_rng([SEED, step])
        present = [kind for kind, which in enumerate(self._by_kind) if len(which)]
        # As often as in life: what is rare is not heard more readily than it happens.
        weight = np.array([len(self._by_kind[kind]) for kind in present], float)
        kinds = random.choice(present, BATCH, p=weight / weight.sum())
        chosen = [int(self._starts[random.choice(self._by_kind[kind])]) for kind in kinds]
        x = np.stack([self._warped(random, start) for start in chosen])
        x = _turned(random, x) * random.uniform(0.9, 1.1, (BATCH, 1, 1))
        x += random.standard_normal(x.shape) * random.uniform(0, 0.1, (BATCH, 1, 1))
        share = np.eye(len(self._texts))[kinds]
        mixed = np.where(random.random(BATCH) < 0.5, random.beta(0.4, 0.4, BATCH), 1.0)
        other = random.permutation(BATCH)
        x = mixed[:, None, None] * x + (1 - mixed)[:, None, None] * x[other]
        share = mixed[:, None] * share + (1 - mixed)[:, None] * share[other]
        windows = torch.from_numpy(x.transpose(0, 2, 1).astype(np.float32))
        return windows, torch.from_numpy(share).float()

    def loss(self, batch: Any) -> Tensor:
        x, share = cast(tuple[Tensor, Tensor], batch)
        rows = F.normalize(self.tower.pooled(x).float(), dim=1)
        return prototype_nce(rows, self._said.rows, share @ self._said.spread, TEMPERATURE)

    def evaluate(self) -> dict[str, float]:
        starts, kinds = self._measured
        x = np.stack([self._motions.rows[s : s + INSTANTS].T for s in starts])
        present = sorted(set(kinds.tolist()))
        guessed = (
            (self.tower.pooled(torch.from_numpy(x)) @ central(self._texts)[present].T).argmax(dim=1).numpy()
        )
        right = np.array(present)[guessed] == kinds
        recalls = {name: right[kinds == i].mean() for i, name in enumerate(phrases()) if i in present}
        return {"accuracy": float(right.mean())} | {name: float(recall) for name, recall in recalls.items()}

    def _warped(self, random: np.random.Generator, start: int) -> np.ndarray:
        """A window of up to 15 % longer or shorter time, (100, 6); at the ends of a recording as it is."""
        speed = random.uniform(0.85, 1.15)
        first = start + (1 - speed) * INSTANTS / 2
        at = first + speed * np.arange(INSTANTS)
        low, high = max(int(first) - 1, 0), min(int(at[-1]) + 3, len(self._motions.rows))
        rows, known = self._motions.rows[low:high], np.arange(low, high)
        return np.stack([np.interp(at, known, column) for column in rows.T], axis=1)


def _turned(random: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Each window (n, t, 6) as a device worn a little otherwise would feel it: both vectors turned alike."""
    axes = random.standard_normal((len(x), 3))
    axes *= (random.uniform(0, MOST_ROTATION, len(x)) / np.linalg.norm(axes, axis=1))[:, None]
    angles = np.linalg.norm(axes, axis=1)[:, None, None]
    # Half a turn about an axis of the device changes the signs along the other two.
    half = np.ones((len(x), 1, 3))
    reversed_ = random.random(len(x)) < REVERSED
    half[reversed_] = (2 * np.eye(3) - 1)[random.integers(3, size=int(reversed_.sum()))][:, None]
    x = x * np.concatenate([half, half], axis=2)
    cross = np.zeros((len(x), 3, 3))
    cross[:, [2, 0, 1], [1, 2, 0]], cross[:, [1, 2, 0], [2, 0, 1]] = axes, -axes
    # Rodrigues' formula.
    turn = np.eye(3) + np.sinc(angles / np.pi) * cross + (1 - np.cos(angles)) / angles**2 * cross @ cross
    return np.concatenate(
        [x[..., :3] @ turn.transpose(0, 2, 1), x[..., 3:] @ turn.transpose(0, 2, 1)], axis=2
    )
