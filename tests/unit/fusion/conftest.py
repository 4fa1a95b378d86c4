"""Builders of what fusion is fed with, in a space of four dimensions and ticks of a quarter second."""

from types import SimpleNamespace

import numpy as np
import pytest
from sixsense.encoders.card import Background, ModelCard
from sixsense.encoders.embedding import Embedding, Missing
from sixsense.fusion.query import Query, Standing
from sixsense.fusion.rule import InputRule
from sixsense.sensors.sample import End, Progress

MS = 1_000_000
HOP_NS = 250 * MS
DIM = 4


def towards(*values: float) -> np.ndarray:
    """A float32 unit vector in the direction of `values`, padded with zeros."""
    vector = np.zeros(DIM)
    vector[: len(values)] = values
    return (vector / np.sqrt(np.sum(vector * vector))).astype(np.float32)


def embedding(name, end_ms, vector=None, *, modality="vision", epoch=0, seq=None, quality=1.0, **fields):
    end_ns = round(end_ms * MS)
    seq = end_ns // HOP_NS if seq is None else seq
    basics = {
        "input": name,
        "modality": modality,
        "epoch": epoch,
        "seq": seq,
        "index": seq,
        "start_ns": end_ns - HOP_NS,
        "end_ns": end_ns,
        "ranges": (),
        "quality": quality,
        "space_id": "toy",
        "vector": towards(1) if vector is None else vector,
    }
    return Embedding(**(basics | fields))


def missing(name, end_ms, cause="short", *, epoch=0):
    end_ns = round(end_ms * MS)
    span = {"start_ns": end_ns - HOP_NS, "end_ns": end_ns, "index": 0, "seq": 0}
    return Missing(input=name, modality="vision", epoch=epoch, cause=cause, **span)


def progress(name, t_ms, *, epoch=0):
    return Progress(stream=name, epoch=epoch, t_ns=round(t_ms * MS))


def end(name, *, epoch=0):
    return End(stream=name, epoch=epoch, items=0)


def rule(modality="vision", weight=1.0, limit_ms=1000):
    return InputRule(modality=modality, weight=weight, limit_ns=limit_ms * MS)


def card(**fields):
    """Scores are ten times the cosine, between texts and the two modalities."""
    pairs = ("text/vision", "text/audio", "vision/vision")
    basics = {
        "name": "toy",
        "space_id": "toy",
        "dim": DIM,
        "trained": False,
        "modalities": ("vision", "audio", "text"),
        "windows": {},
        "means": {},
        "backgrounds": {pair: Background(mean=0.0, deviation=0.1) for pair in pairs},
    }
    return ModelCard(**(basics | fields))


def standing(name="q", vector=None, *, modality="text", space_id="toy", **fields):
    query = Query(name=name, **fields)
    vector = towards(1) if vector is None else vector
    return Standing(query=query, mix=((modality, 1.0),), space_id=space_id, vector=vector)


def scoring(score: float) -> np.ndarray:
    """A vector that the query towards the first axis scores with `score` (-10 to 10)."""
    cosine = score / 10
    return towards(cosine, np.sqrt(max(0.0, 1 - cosine**2)))


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    return SimpleNamespace(
        MS=MS,
        HOP_NS=HOP_NS,
        DIM=DIM,
        towards=towards,
        embedding=embedding,
        missing=missing,
        progress=progress,
        end=end,
        rule=rule,
        card=card,
        standing=standing,
        scoring=scoring,
    )
