"""A device to compute on: its queue of work, its page-locked memory, and its way to record work as a graph.

The CPU has the same face, computes at once and records nothing: so what runs on a GPU is tested without one.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger(__name__)

WARM_UPS = 3
"""Libraries choose their kernels, and take their memory, in the first calls."""

Work = Callable[[], None]


class Place:
    """The CPU: work is done when it is asked for."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def queue(self) -> AbstractContextManager[object]:
        """Within it, work is put into this place's own queue."""
        return nullcontext()

    def shared(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Memory of the CPU that the device can copy from and to while others go on."""
        return torch.empty(shape, dtype=dtype)

    def marker(self) -> Work:
        """Waits until all that is in the queue by now is done."""
        return lambda: None

    def recorded(self, work: Work) -> Work:
        """`work`, on the same memory, with less to do each time; after it was called a few times."""
        for _ in range(WARM_UPS):
            work()
        return work


class CudaPlace(Place):
    """A CUDA device with a stream, and a pool of memory for its graphs: they are never replayed at once."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def queue(self) -> AbstractContextManager[object]:
        return torch.cuda.stream(self._stream)

    def shared(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return torch.empty(shape, dtype=dtype, pin_memory=True)

    def marker(self) -> Work:
        event = torch.cuda.Event()
        event.record(self._stream)
        return event.synchronize

    def recorded(self, work: Work) -> Work:
        graph = torch.cuda.CUDAGraph()
        how: dict[str, Any] = {"pool": self._pool, "stream": self._stream}
        # Around everything, because a recording that fails does not leave its queue.
        with self.queue():
            super().recorded(work)
            self._stream.synchronize()
            try:
                with torch.cuda.graph(graph, capture_error_mode="thread_local", **how):
                    work()
            except RuntimeError as error:
                log.warning("not recorded as a CUDA graph, so slower: %s", error)
                return work
        return graph.replay


def place_on(device: torch.device) -> Place:
    """A new place on `device`, whose work is not in order with that of other places."""
    return CudaPlace(device) if device.type == "cuda" else Place(device)
