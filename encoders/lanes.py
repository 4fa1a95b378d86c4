"""Lanes: batches of one shape on their way through a device, in memory that is used again and again."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .place import Place

Computation = Callable[..., Tensor]


class Lane:
    """Rows in, through page-locked memory to the device, through `compute`, and back; asynchronously.

    Batches of up to `size` rows like `example` (a row's tensors) are computed as one of `size`; what is
    beyond them is left over from before, and thrown away. `graph`: recorded once and replayed.
    """

    def __init__(
        self, compute: Computation, example: Sequence[Tensor], size: int, place: Place, *, graph: bool
    ) -> None:
        self._compute, self._size, self._place = compute, size, place
        with place.queue():
            shapes = [((size, *tensor.shape), tensor.dtype) for tensor in example]
            self._host = [place.shared(*shape) for shape in shapes]
            self._inputs = [torch.empty(shape, dtype=d, device=place.device) for shape, d in shapes]
            # New memory holds anything: what is computed beyond a batch's rows shall be finite too.
            for held, tensor in zip(self._inputs, example, strict=True):
                held.copy_(tensor.expand_as(held))
            self._out = torch.empty_like(compute(*self._inputs))
            self._result = place.shared(tuple(self._out.shape), self._out.dtype)
        self._run = place.recorded(self._step) if graph else self._step
        self._flight: Flight | None = None

    def begin(self, rows: Sequence[Sequence[Tensor]]) -> "Flight":
        """Start on up to `size` rows. The batch before it, if nobody has waited for it, is waited for."""
        if self._flight is not None:
            self._flight.rows()
        with self._place.queue():
            for host, held, tensors in zip(self._host, self._inputs, zip(*rows, strict=True), strict=True):
                torch.stack(tensors, out=host[: len(rows)])
                held[: len(rows)].copy_(host[: len(rows)], non_blocking=True)
            self._run()
            self._result.copy_(self._out, non_blocking=True)
            self._flight = Flight(self, self._result[: len(rows)], self._place.marker())
        return self._flight

    def landed(self) -> None:
        """The batch on its way was taken out: this lane's memory is free."""
        self._flight = None

    def _step(self) -> None:
        self._out.copy_(self._compute(*self._inputs))


class Flight:
    """A batch on its way."""

    def __init__(self, lane: Lane, result: Tensor, wait: Callable[[], None]) -> None:
        self._lane, self._result, self._wait = lane, result, wait
        self._rows: Tensor | None = None

    def rows(self) -> Tensor:
        """What became of it, waited for and copied out of memory that is used again: (n, dim) on the CPU."""
        if self._rows is None:
            self._wait()
            self._rows = self._result.clone()
            self._lane.landed()
        return self._rows
