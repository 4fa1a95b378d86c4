"""What a class is trained towards: every text that names it, alike, however many there are."""

import torch
from sixsense.encoders.bind.objective import prototype_nce
from sixsense.encoders.bind.recipes.prototypes import central, said
from torch.nn import functional as F

CLASSES = [1, 3, 2]


def texts() -> list[torch.Tensor]:
    torch.manual_seed(3)
    return [F.normalize(torch.randn(count, 8), dim=1) for count in CLASSES]


def test_a_class_is_spread_evenly_over_its_own_texts():
    every = said(texts())
    assert every.rows.shape == (sum(CLASSES), 8)
    expected = torch.tensor([[1, 0, 0, 0, 0, 0], [0, 1 / 3, 1 / 3, 1 / 3, 0, 0], [0, 0, 0, 0, 1 / 2, 1 / 2]])
    torch.testing.assert_close(every.spread, expected)


def test_a_row_learns_to_leave_the_direction_that_all_texts_share():
    """Where every text lies near, a stranger's text of another class does as well."""
    shared = F.normalize(torch.randn(8), dim=0)
    classes = [F.normalize(rows + 2 * shared, dim=1) for rows in texts()]
    every, share = said(classes), torch.eye(len(classes))
    before = float((central(classes) @ shared).mean())
    rows = central(classes).requires_grad_()
    optimizer = torch.optim.SGD([rows], lr=1.0)
    for _ in range(200):
        optimizer.zero_grad()
        prototype_nce(F.normalize(rows, dim=1), every.rows, share @ every.spread, 0.1).backward()
        optimizer.step()
    now = F.normalize(rows.detach(), dim=1)
    assert float((now @ shared).mean()) < before - 0.3
    assert (now @ central(classes).T).argmax(dim=1).tolist() == [0, 1, 2]
