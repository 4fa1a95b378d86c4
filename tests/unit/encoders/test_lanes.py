"""A lane uses the same memory for every batch, and never overwrites what nobody has taken out."""

import torch
from sixsense.encoders.lanes import Lane
from sixsense.encoders.place import Place
from torch import Tensor

CPU = torch.device("cpu")


class Watched(Place):
    """Counts what is recorded and waited for; what it lends is full of NaN until it is written."""

    def __init__(self) -> None:
        super().__init__(CPU)
        self.recordings = self.waits = 0

    def shared(self, shape, dtype):
        return super().shared(shape, dtype).fill_(torch.nan)

    def marker(self):
        def wait() -> None:
            self.waits += 1

        return wait

    def recorded(self, work):
        self.recordings += 1
        return super().recorded(work)


class Doubling:
    """Remembers where its input lay and what it was."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.seen: list[Tensor] = []

    def __call__(self, x: Tensor, by: Tensor) -> Tensor:
        self.places.append(x.data_ptr())
        self.seen.append(x.clone())
        return 2 * x * by[:, None]


def rows(*values: float) -> list[tuple[Tensor, Tensor]]:
    return [(torch.full((3,), value), torch.tensor(10.0)) for value in values]


def lane(place: Place, compute, *, graph: bool = True) -> Lane:
    return Lane(compute, rows(0.0)[0], 4, place, graph=graph)


def test_every_batch_goes_through_the_same_memory() -> None:
    place, compute = Watched(), Doubling()
    one = lane(place, compute)
    for values in ((1.0, 2.0, 3.0, 4.0), (5.0,), (6.0, 7.0)):
        assert one.begin(rows(*values)).rows()[:, 0].tolist() == [20 * value for value in values]
    assert len(set(compute.places)) == 1
    assert place.recordings == 1


def test_what_fills_a_batch_up_is_left_over_and_thrown_away() -> None:
    compute = Doubling()
    one = lane(Watched(), compute)
    one.begin(rows(1.0, 2.0, 3.0, 4.0)).rows()
    assert one.begin(rows(9.0)).rows().shape == (1, 3)
    assert compute.seen[-1][:, 0].tolist() == [9.0, 2.0, 3.0, 4.0]


def test_before_any_batch_its_rows_are_the_examples() -> None:
    compute = Doubling()
    lane(Watched(), compute).begin(rows(9.0)).rows()
    assert compute.seen[-1][:, 0].tolist() == [9.0, 0.0, 0.0, 0.0]


def test_a_batch_that_nobody_took_out_is_not_overwritten() -> None:
    place = Watched()
    one = lane(place, Doubling())
    first = one.begin(rows(1.0, 2.0))
    assert place.waits == 0
    second = one.begin(rows(5.0, 6.0))
    assert place.waits == 1
    assert first.rows()[:, 0].tolist() == [20.0, 40.0]
    assert second.rows()[:, 0].tolist() == [100.0, 120.0]
    assert second.rows()[:, 0].tolist() == [100.0, 120.0]
    assert place.waits == 2


def test_without_graphs_it_computes_the_same() -> None:
    place = Watched()
    plain = lane(place, Doubling(), graph=False)
    assert plain.begin(rows(3.0)).rows()[:, 0].tolist() == [60.0]
    assert place.recordings == 0
