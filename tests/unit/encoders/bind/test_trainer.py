"""A run that is cut at any step resumes to the same bits; what is frozen stays; what is wrong is said."""

from pathlib import Path

import msgspec
import pytest
import torch
from sixsense.encoders.bind.trainer import CHECKPOINT, Advance, Schedule, fit
from sixsense.encoders.errors import ModelError
from torch import Tensor, nn


class Fitted:
    """A small net with dropout, a running mean and a frozen layer, fitted to a fixed random map."""

    def __init__(self, identity: str = "same") -> None:
        torch.manual_seed(7)
        self.module = nn.Sequential(
            nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 4)
        )
        self.module[0].requires_grad_(False)
        self.identity = identity
        self.cut_at = -1
        self.ruined = False

    def batch(self, step: int) -> Tensor:
        if step == self.cut_at:
            raise KeyboardInterrupt
        return torch.randn(32, 8, generator=torch.Generator().manual_seed(step))

    def loss(self, batch: Tensor) -> Tensor:
        distance = (self.module(batch) - batch[:, :4]).square().mean()
        return distance * float("nan") if self.ruined else distance

    def evaluate(self) -> dict[str, float]:
        return {"distance": float(self.loss(self.batch(999_999)).detach())}


def quiet(_: Advance) -> None:
    """Nobody looks."""


SCHEDULE = Schedule(steps=60, warmup=5, average=0.9, evaluate_every=25, save_every_s=0.0)


def state(task: Fitted) -> dict[str, Tensor]:
    return task.module.state_dict()


@pytest.mark.parametrize("cut", [1, 26, 59])
def test_a_run_that_was_cut_comes_to_the_same_bits(tmp_path: Path, cut: int) -> None:
    whole, first, second = Fitted(), Fitted(), Fitted()
    figures = fit(whole, SCHEDULE, tmp_path / "whole", quiet)
    first.cut_at = cut
    with pytest.raises(KeyboardInterrupt):
        fit(first, SCHEDULE, tmp_path / "cut", quiet)
    assert fit(second, SCHEDULE, tmp_path / "cut", quiet) == figures
    assert all(torch.equal(state(whole)[name], value) for name, value in state(second).items())


def test_it_learns_reports_and_leaves_the_frozen_layer_alone(tmp_path: Path) -> None:
    task, before, seen = Fitted(), Fitted(), list[Advance]()
    start = before.evaluate()["distance"]
    figures = fit(task, SCHEDULE, tmp_path, seen.append)
    assert figures["distance"] < start
    assert torch.equal(state(task)["0.weight"], state(before)["0.weight"])
    assert not torch.equal(state(task)["4.weight"], state(before)["4.weight"])
    assert [advance.step for advance in seen] == [20, 25, 40, 50, 60]
    assert seen[-1].left_s == 0
    assert seen[-1].figures == figures


def test_bfloat16_computes_and_float32_is_kept(tmp_path: Path) -> None:
    answered: dict[bool, set[torch.dtype]] = {}
    figures: dict[bool, float] = {}
    for bf16 in (False, True):
        task, types = Fitted(), answered.setdefault(bf16, set())
        task.module[-1].register_forward_hook(lambda *called, types=types: types.add(called[2].dtype))
        schedule = msgspec.structs.replace(SCHEDULE, bf16=bf16)
        figures[bf16] = fit(task, schedule, tmp_path / str(bf16), quiet)["distance"]
        kept = {value.dtype for value in state(task).values() if value.is_floating_point()}
        assert kept == {torch.float32}
    # What is held out is measured in float32.
    assert answered == {False: {torch.float32}, True: {torch.float32, torch.bfloat16}}
    assert figures[True] != figures[False]
    assert figures[True] == pytest.approx(figures[False], rel=0.05)


def test_what_is_kept_is_what_was_evaluated(tmp_path: Path) -> None:
    task = Fitted()
    figures = fit(task, SCHEDULE, tmp_path, quiet)
    assert task.evaluate() == figures


def test_another_runs_checkpoint_is_refused(tmp_path: Path) -> None:
    fit(Fitted(), SCHEDULE, tmp_path, quiet)
    with pytest.raises(ModelError, match="another run"):
        fit(Fitted("other"), SCHEDULE, tmp_path, quiet)
    assert (tmp_path / CHECKPOINT).is_file()


def test_a_loss_that_is_no_number_ends_it(tmp_path: Path) -> None:
    task = Fitted()
    task.ruined = True
    with pytest.raises(ModelError, match="step 0: the loss is nan"):
        fit(task, SCHEDULE, tmp_path, quiet)


def test_a_frozen_module_has_nothing_to_train(tmp_path: Path) -> None:
    task = Fitted()
    task.module.requires_grad_(False)
    with pytest.raises(ModelError, match="nothing to train"):
        fit(task, SCHEDULE, tmp_path, quiet)
