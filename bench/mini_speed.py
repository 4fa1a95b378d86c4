"""What a window costs the shipped model on one thread: CPU milliseconds, with and without preprocessing."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from statistics import median

import torch
from sixsense.encoders.architecture import TRUNKS
from sixsense.encoders.bind.recipes.background import windows
from sixsense.encoders.encode import Encoder
from sixsense.encoders.model import Model
from sixsense.encoders.noise import INPUTS

COUNT, SEED = 40, 1
TEXT = "a dog barks in the next room"


def speed(model: Model) -> Iterator[str]:
    """Lines of Markdown. CPU time, so that other work on the machine shows little."""
    encoder = Encoder(model)
    yield "| one window, CPU ms on one thread | with preprocessing | the tower alone |"
    yield "|---|---|---|"
    for modality in (name for name in TRUNKS if name in model.modalities and name != "text"):
        found = islice(windows(modality, model.card.windows[modality], "validation", SEED), COUNT)
        whole = _median([lambda window=window: encoder.embed(window) for window, _ in found])
        yield f"| {modality} | {whole:.1f} | {_alone(model, modality):.1f} |"
    said = _median([lambda: model.embed_text([TEXT])] * COUNT)
    yield f"| a text | {said:.1f} | |"


def _alone(model: Model, modality: str) -> float:
    batch = torch.rand(1, *INPUTS[modality])
    return _median([lambda: model.forward(modality, batch)] * COUNT)


def _median(calls: list[Callable[[], object]]) -> float:
    """Of the calls' CPU milliseconds, after a first one."""
    calls[0]()
    return median(_cost(call) for call in calls)


def _cost(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return 1000 * (time.process_time() - began)
