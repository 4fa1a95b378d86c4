"""fit: train a task step by step; killed at any moment, it resumes and comes to the same result."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import torch
from torch import Tensor, nn

from ..errors import ModelError

CHECKPOINT = "checkpoint.pt"


class Task(Protocol):
    """What is trained on what. Every method must be a pure function of its arguments and the module."""

    module: nn.Module
    """Its parameters that require a gradient are trained; the others stay as they are, bit for bit."""

    @property
    def identity(self) -> str:
        """A hash of everything that the result depends on besides the schedule: data, settings, code."""
        ...

    def batch(self, step: int) -> Any:
        """The data of one step, drawn from a generator seeded by the step: a resumed run sees the same."""
        ...

    def loss(self, batch: Any) -> Tensor:
        """A scalar. Random numbers may come from torch's global generator: it is seeded for every step."""
        ...

    def evaluate(self) -> dict[str, float]:
        """Held-out figures of the module as it is, in evaluation mode and without gradients."""
        ...


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how fast. The rate rises linearly over `warmup` steps and falls to 0 as a cosine.

    `average` is the decay of an exponential moving average of the weights, which is what is evaluated and
    kept (0: the last weights). `bf16` computes the loss under autocast.
    """

    steps: int
    rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: int = 100
    average: float = 0.0
    clip: float = 1.0
    bf16: bool = False
    seed: int = 0
    evaluate_every: int = 500
    save_every_s: float = 30.0


class Advance(NamedTuple):
    """How far a run is. `loss` is averaged over the steps since the last report, `figures` the newest."""

    step: int
    steps: int
    loss: float
    figures: dict[str, float]
    left_s: float


def fit(
    task: Task,
    schedule: Schedule,
    folder: Path,
    report: Callable[[Advance], None],
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, float]:
    """Train `task.module` in place and return its last held-out figures.

    `folder` keeps the checkpoint: a run that was killed goes on from there with the same result. Raises
    ModelError for a checkpoint of another task or schedule, or a loss that is no number.
    """
    run = _Run(task, schedule, folder / CHECKPOINT)
    folder.mkdir(parents=True, exist_ok=True)
    run.resume()
    first, began, saved, losses = run.step, clock(), clock(), list[float]()
    while run.step < schedule.steps:
        losses.append(run.advance())
        due = run.step % schedule.evaluate_every == 0 or run.step == schedule.steps
        if due:
            run.figures = run.evaluated()
        if due or run.step % 20 == 0:
            left_s = (clock() - began) / (run.step - first) * (schedule.steps - run.step)
            report(Advance(run.step, schedule.steps, sum(losses) / len(losses), run.figures, left_s))
            losses.clear()
        if clock() - saved >= schedule.save_every_s or run.step == schedule.steps:
            run.save()
            saved = clock()
    run.keep_average()
    return run.figures


class _Run:
    """The state of a run between two steps."""

    def __init__(self, task: Task, schedule: Schedule, path: Path) -> None:
        self._task, self._schedule, self._path = task, schedule, path
        self._trained = {n: p for n, p in task.module.named_parameters() if p.requires_grad}
        if not self._trained:
            raise ModelError("nothing to train: no parameter of the module requires a gradient")
        groups = [
            {"params": [p for p in self._trained.values() if p.ndim >= 2]},
            {"params": [p for p in self._trained.values() if p.ndim < 2], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(
            groups, lr=schedule.rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98)
        )
        self._average = {n: p.detach().clone() for n, p in self._trained.items()} if schedule.average else {}
        self.step = 0
        self.figures: dict[str, float] = {}

    def advance(self) -> float:
        """One step of the optimizer. Returns its loss."""
        schedule, device = self._schedule, next(iter(self._trained.values())).device.type
        torch.manual_seed(schedule.seed * 1_000_003 + self.step)
        for group in self._optimizer.param_groups:
            group["lr"] = _rate(schedule, self.step)
        self._task.module.train()
        batch = self._task.batch(self.step)
        with torch.autocast(device, torch.bfloat16, enabled=schedule.bf16):
            loss = self._task.loss(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ModelError(f"step {self.step}: the loss is {value}; lower the rate ({schedule.rate:g})")
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trained.values(), schedule.clip)
        self._optimizer.step()
        self.step += 1
        self._follow()
        return value

    def _follow(self) -> None:
        # Early on, a long average would still be the start.
        decay = min(self._schedule.average, (1 + self.step) / (10 + self.step))
        for name, average in self._average.items():
            average.lerp_(self._trained[name].detach(), 1 - decay)

    def evaluated(self) -> dict[str, float]:
        """The figures of the weights that would be kept now."""
        kept = {name: p.detach().clone() for name, p in self._trained.items()}
        self.keep_average()
        self._task.module.eval()
        with torch.no_grad():
            figures = self._task.evaluate()
        self._load(kept)
        return figures

    def keep_average(self) -> None:
        self._load(self._average)
        self._task.module.eval()

    def _load(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, value in values.items():
                self._trained[name].copy_(value)

    def save(self) -> None:
        """Whole or not at all: written beside, then renamed."""
        buffers = dict(self._task.module.named_buffers())
        state = {
            "identity": self._identity,
            "step": self.step,
            "trained": self._trained,
            "buffers": buffers,
            "average": self._average,
            "optimizer": self._optimizer.state_dict(),
            "figures": self.figures,
        }
        beside = self._path.with_suffix(".partial")
        torch.save(state, beside)
        os.replace(beside, self._path)

    def resume(self) -> None:
        if not self._path.is_file():
            return
        state = torch.load(self._path, map_location="cpu", weights_only=True)
        if state["identity"] != self._identity:
            raise ModelError(
                f"{self._path} is of another run (other data, settings or schedule); "
                "give another folder, or delete it to start afresh"
            )
        self.step, self.figures = state["step"], state["figures"]
        self._load(state["trained"])
        buffers = dict(self._task.module.named_buffers())
        for name, value in state["buffers"].items():
            buffers[name].copy_(value)
        for name, value in state["average"].items():
            self._average[name].copy_(value)
        self._optimizer.load_state_dict(state["optimizer"])

    @property
    def _identity(self) -> str:
        return f"{self._task.identity} {msgspec.json.encode(self._schedule).decode()}"


def _rate(schedule: Schedule, step: int) -> float:
    if step < schedule.warmup:
        return schedule.rate * (step + 1) / schedule.warmup
    through = (step - schedule.warmup) / max(1, schedule.steps - schedule.warmup)
    return schedule.rate * (1 + math.cos(math.pi * through)) / 2
