"""What is paired, masked and taught, on sides small enough to be counted by hand."""

import msgspec
import numpy as np
import pytest
import torch
from sixsense.encoders.bind.binding import Binding, Prepared
from sixsense.encoders.bind.bound import card_changes
from sixsense.encoders.bind.objective import TEMPERATURES, info_nce, relations
from sixsense.encoders.bind.settings import Settings
from sixsense.encoders.bind.views import Views
from sixsense.encoders.card import Background, ModelCard
from sixsense.encoders.data.item import Item
from sixsense.encoders.errors import InputError, ModelError
from sixsense.sensors.sample import NS
from torch import nn

SETTINGS = Settings(modality="thermal", anchor="vision", augment=False, guard_s=2.0, batch=8)


class Network(nn.Module):
    """Two modalities of two numbers each, with heads."""

    def __init__(self) -> None:
        super().__init__()
        self.towers = nn.ModuleDict(
            {
                name: nn.ModuleDict({"body": nn.Linear(2, 2), "head": nn.Linear(2, 2)})
                for name in ("thermal", "vision")
            }
        )
        self.requires_grad_(False)

    def forward(self, modality: str, rows: torch.Tensor) -> torch.Tensor:
        tower = self.towers[modality]
        assert isinstance(tower, nn.ModuleDict)
        return tower["head"](tower["body"](rows))


def views(modality: str, keys: list[str], stamped: bool = True) -> Views:
    items = [Item(modality, "", key, "log", k * NS if stamped else None) for k, key in enumerate(keys)]
    rows = np.random.default_rng(len(modality)).normal(size=(len(keys), 2)).astype(np.float32)
    return Views(items, rows / np.linalg.norm(rows, axis=1, keepdims=True), np.arange(len(keys) + 1))


def binding(
    rows: Views, anchors: Views, settings: Settings = SETTINGS, network: nn.Module | None = None
) -> Binding:
    torch.manual_seed(0)
    return Binding(network or Network(), settings, Prepared(rows, anchors, None), "x", False)


def test_a_batch_is_of_pairs_with_their_neighbours_masked():
    keys = [str(k) for k in range(20)]
    task = binding(views("thermal", keys), views("vision", keys))
    batch = task.batch(3)
    assert torch.equal(batch.rows, task.batch(3).rows)
    rows, anchors = task.data.rows.rows, task.data.anchors.rows
    chosen = [int(np.flatnonzero((rows == row.numpy()).all(axis=1))[0]) for row in batch.rows]
    np.testing.assert_array_equal(batch.anchors.numpy(), anchors[chosen])
    assert set(chosen) <= set(task.split.train.tolist())
    near = np.abs(np.subtract.outer(chosen, chosen)) <= 2
    np.testing.assert_array_equal(batch.same.numpy(), near)


def test_only_the_head_asks_for_a_gradient_and_all_is_all():
    keys = [str(k) for k in range(20)]
    for train, expected in (
        ("head", {"towers.thermal.head"}),
        ("all", {"towers.thermal.head", "towers.thermal.body"}),
    ):
        network = Network()
        settings = Settings(modality="thermal", anchor="vision", train=train, guard_s=2.0)  # pyright: ignore
        binding(views("thermal", keys), views("vision", keys), settings, network)
        asked = {name.rsplit(".", 1)[0] for name, p in network.named_parameters() if p.requires_grad}
        assert asked == expected


def test_a_model_without_a_head_says_so():
    keys = [str(k) for k in range(20)]
    network = nn.ModuleDict({"towers": nn.ModuleDict({"thermal": nn.Linear(2, 2)})})
    with pytest.raises(ModelError, match="thermal has no head of its own"):
        binding(views("thermal", keys), views("vision", keys), SETTINGS, network)


def test_what_has_no_partner_is_counted_and_left_out():
    keys = [str(k) for k in range(20)]
    task = binding(views("thermal", keys), views("vision", keys[:18]))
    assert task.unpaired == 2
    assert max([*task.split.train, *task.split.held]) == 17
    with pytest.raises(InputError, match="no pairs: thermal has '0'"):
        binding(views("thermal", keys), views("vision", [f"x{k}" for k in keys]))


def test_held_out_figures_are_of_held_out_pairs():
    keys = [str(k) for k in range(40)]
    task = binding(views("thermal", keys), views("vision", keys))
    figures = task.evaluate()
    assert figures.keys() == {f"R@{k} {way}" for k in (1, 5) for way in ("thermal>vision", "vision>thermal")}
    perfect = Prepared(
        task.data.rows, Views(task.data.anchors.items, task.vectors(range(40)), np.arange(41)), None
    )
    known = Binding(Network(), SETTINGS, perfect, "x", False)
    known.module.load_state_dict(task.module.state_dict())
    assert known.evaluate()["R@1 thermal>vision"] == 1.0


def test_held_out_cases_are_counted_by_stretches_of_their_log():
    keys = [str(k) for k in range(200)]
    task = binding(views("thermal", keys), views("vision", keys))
    for name, one in task.found().items():
        assert one.hits.shape == (40,) == (len(one.sources),)
        assert sorted(set(one.sources)) == [f"log@{k}" for k in (16, 17, 18, 19)]
        assert task.evaluate()[name] == one.hits.mean()


def test_anchors_that_a_class_shares_cannot_be_trained():
    keys = [str(k % 4) for k in range(20)]
    settings = Settings(modality="thermal", anchor="vision", train_anchor=True)
    with pytest.raises(InputError, match="--train-anchor: several of vision belong to one class"):
        binding(views("thermal", keys, stamped=False), views("vision", keys, stamped=False), settings)


def test_info_nce_is_its_formula_and_the_same_both_ways():
    rows, anchors = (
        nn.functional.normalize(torch.randn(5, 3, generator=torch.Generator().manual_seed(k)), dim=1)
        for k in (1, 2)
    )
    cosines = (rows @ anchors.T).double().numpy() / 0.1
    own = np.diag(cosines)
    there, back = (np.log(np.exp(cosines).sum(axis=axis)) - own for axis in (1, 0))
    assert float(info_nce(rows, anchors, 0.1)) == pytest.approx((there.mean() + back.mean()) / 2, rel=1e-5)
    assert float(info_nce(anchors, rows, 0.1)) == pytest.approx(float(info_nce(rows, anchors, 0.1)), rel=1e-6)


def test_temperatures_are_imagebinds_unless_one_is_given():
    # Girdhar et al. (arXiv 2305.05665), appendix B.
    assert (TEMPERATURES["audio"], TEMPERATURES["depth"], TEMPERATURES["thermal"]) == (0.05, 0.2, 0.1)
    keys = [str(k) for k in range(20)]
    losses = {}
    for temperature in (None, 0.1, 0.7):
        settings = msgspec.structs.replace(SETTINGS, temperature=temperature)
        task = binding(views("thermal", keys), views("vision", keys), settings)
        losses[temperature] = task.loss(task.batch(0)).item()
    assert losses[None] == losses[0.1] != losses[0.7]


def test_masked_rows_are_no_negatives():
    rows = nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), dim=1)
    same = torch.zeros(3, 3, dtype=torch.bool)
    apart = float(info_nce(rows, rows, 0.1, same))
    same[0, 1] = same[1, 0] = True
    assert float(info_nce(rows, rows, 0.1, same)) < apart / 100


def test_relations_see_angles_and_no_directions():
    rows = nn.functional.normalize(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    turned = torch.cat([rows[:, [2, 0, 1]], torch.zeros(6, 4)], dim=1)
    assert float(relations(rows, turned)) == pytest.approx(0, abs=1e-12)
    assert float(relations(rows, turned.flip(0))) > 0.01


def test_the_cards_mean_and_background_follow_what_was_trained():
    rng = np.random.default_rng(0)
    vectors = {name: rng.normal(size=(50, 4)).astype(np.float32) + 3 for name in ("thermal", "vision")}
    card = ModelCard(
        name="m", space_id="m:0", dim=4, trained=True, modalities=("thermal", "vision"), windows={},
        means={name: np.zeros(4, np.float32) for name in ("thermal", "vision", "audio")},
        backgrounds=dict.fromkeys(("thermal/vision", "audio/thermal"), Background(mean=9.0, deviation=9.0)),
    )  # fmt: skip
    changes = card_changes(card, vectors, ~np.eye(50, dtype=bool))
    assert changes["means"]["thermal"] == pytest.approx(vectors["thermal"].mean(axis=0).tolist())
    assert changes["means"]["audio"] == [0, 0, 0, 0]
    assert abs(changes["backgrounds"]["thermal/vision"]["mean"]) < 0.2
    assert changes["backgrounds"]["audio/thermal"]["mean"] == 9.0
