"""A network on a device of its own: batches go through lanes, several of them at a time."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .architecture import Architecture
from .lanes import Flight, Lane
from .loading import Network
from .noise import INPUTS
from .place import Place, place_on
from .raw import Raw, key_of
from .towers.shape import TowersShape

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Rows that a lane computes; a batch takes the smallest that holds it, or several of the largest."""
LARGEST_GRAPH = 8
"""Beyond, a launch costs nothing beside what it computes."""
MOST_LANES = 64
"""Shapes of batches whose memory is kept; beyond, the one that was used longest ago is let go."""


class Prepared:
    """No preprocessing: for rows that have been through it."""

    def __init__(self, device: torch.device) -> None:
        del device

    def __call__(self, x: Tensor) -> Tensor:
        return x


class Batch:
    """Rows on their way, in the order that they were given in."""

    def __init__(self, flights: Sequence[tuple[Flight, Sequence[int]]]) -> None:
        self._flights = flights

    def rows(self) -> Tensor:
        """Waits for them: float32 (n, dim) on the CPU, not unit vectors yet."""
        parts = [flight.rows() for flight, _ in self._flights]
        at = torch.tensor([index for _, indices in self._flights for index in indices])
        return torch.cat(parts)[at.argsort()]


class Accelerated:
    """A network behind the face of a network: takes tensors of the CPU, and gives such.

    Single inputs of the usual shape go through lanes, one queue a modality; texts, clips and pictures of
    other sizes, which no live stream has, are computed as they come. `graphs=False`: nothing is recorded.
    """

    def __init__(self, network: Network, device: torch.device, *, graphs: bool = True) -> None:
        self.architecture: Architecture | TowersShape = network.architecture
        self._network = network.to(device)
        self._device, self._graphs = device, graphs
        self._places: dict[str, Place] = {}
        self._lanes: OrderedDict[tuple[Any, ...], Lane] = OrderedDict()
        if device.type == "cuda":
            compute_in_float32()

    def logit_scale(self, modality: str) -> float:
        return self._network.logit_scale(modality)

    def __call__(self, modality: str, x: Tensor) -> Tensor:
        """As the network's own, on the CPU. Raises InputError."""
        usual = modality in self.architecture.modalities and tuple(x.shape[1:]) == INPUTS.get(modality)
        if not usual or not len(x):
            return self._network(modality, x.to(self._device)).cpu()
        return self.begin([Raw(modality, Prepared, (), (row,)) for row in x]).rows()

    @torch.inference_mode()
    def begin(self, raws: Sequence[Raw]) -> Batch:
        """Start on inputs of any shapes; those of one shape are computed together."""
        groups: dict[tuple[Any, ...], list[int]] = {}
        for index, one in enumerate(raws):
            groups.setdefault(key_of(one), []).append(index)
        flights: list[tuple[Flight, Sequence[int]]] = []
        for indices in groups.values():
            for start in range(0, len(indices), SIZES[-1]):
                some = indices[start : start + SIZES[-1]]
                lane = self._lane(raws[some[0]], len(some))
                flights.append((lane.begin([raws[i].tensors for i in some]), some))
        return Batch(flights)

    def _lane(self, row: Raw, count: int) -> Lane:
        size = next(size for size in SIZES if size >= count)
        key = (*key_of(row), size)
        if key not in self._lanes:
            if len(self._lanes) >= MOST_LANES:
                self._lanes.popitem(last=False)
            place = self._places.setdefault(row.modality, place_on(self._device))
            graph = self._graphs and size <= LARGEST_GRAPH
            self._lanes[key] = Lane(self._computation(row), row.tensors, size, place, graph=graph)
        self._lanes.move_to_end(key)
        return self._lanes[key]

    def _computation(self, row: Raw) -> Callable[..., Tensor]:
        steps = row.steps(self._device, *row.options)
        return lambda *tensors: self._network.rows(row.modality, steps(*tensors))


def compute_in_float32() -> None:
    """For this process: float32 convolutions are not rounded to TF32's 10 bits, as CUDA does by default."""
    torch.backends.cudnn.allow_tf32 = False
