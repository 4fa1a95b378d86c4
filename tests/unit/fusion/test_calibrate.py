"""Calibration: tails that are reached as often as they say, without what a query is about; temperatures."""

import json

import msgspec
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sixsense.encoders.bind.recipes.assembly import recard
from sixsense.encoders.bind.recipes.background import LENGTH_NS, START_NS
from sixsense.encoders.card import Background
from sixsense.encoders.checkpoint import CONFIG_KEY
from sixsense.encoders.encode import Encoder
from sixsense.encoders.errors import ModelError
from sixsense.encoders.model import load_model
from sixsense.encoders.tail import Tail
from sixsense.fusion.calibrate import with_fused, with_tails
from sixsense.fusion.compose import Part, compose
from sixsense.fusion.minutes import HOP_NS, Asked, Minute, examples_asked, texts_asked, ticks_of
from sixsense.fusion.query import Query
from sixsense.fusion.score import FUSED
from sixsense.fusion.temperatures import likeliest, temperatures
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated.kinds import ACTIVITIES
from sixsense.sensors.simulated.script import Happening

DIM = 16
DOG_NS = (START_NS + 20 * NS, START_NS + 24 * NS)


@pytest.fixture(scope="module")
def card(make):
    pairs = {pair: Background(mean=0.0, deviation=DIM**-0.5) for pair in ("text/audio", "audio/audio")}
    return make.card(dim=DIM, modalities=("audio", "text"), backgrounds=pairs)


def unit(vector):
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def minute_of(make, card, seed, dog):
    """A minute of noise; for four seconds a dog, towards `dog`."""
    rng = np.random.default_rng(seed)
    ordered = []
    for end_ns in range(START_NS + HOP_NS, START_NS + LENGTH_NS + 1, HOP_NS):
        vector = rng.standard_normal(DIM)
        if DOG_NS[0] < end_ns <= DOG_NS[1]:
            vector = 0.1 * vector + 3 * dog
        ordered.append(make.embedding("audio", end_ns / make.MS, unit(vector), modality="audio"))
    happening = Happening(name="dog", start_ns=DOG_NS[0], end_ns=DOG_NS[1], modalities=("audio",))
    return Minute([happening], ticks_of({"audio": ordered}, card))


@pytest.fixture(scope="module")
def minutes(make, card):
    dog = np.eye(DIM)[0]
    return [minute_of(make, card, seed, dog) for seed in range(12)]


def texts(card, count, about=frozenset(), towards=None):
    rng = np.random.default_rng(99)
    vectors = [unit(rng.standard_normal(DIM)) if towards is None else towards for _ in range(count)]
    named = [Query(name=f"text {index}") for index in range(count)]
    return [
        Asked(compose(query, [Part(1.0, "text", vector)], card), about)
        for query, vector in zip(named, vectors, strict=True)
    ]


def test_a_tail_says_how_often_other_minutes_reach_a_score(make, card, minutes) -> None:
    asked = texts(card, 20, frozenset(("dog",)))
    tail = with_tails(card, asked, minutes).backgrounds["text/audio"].tail
    assert tail is not None
    others = [minute_of(make, card, seed, np.eye(DIM)[0]) for seed in range(100, 112)]
    reached = hours = 0.0
    for one in others:
        rows = np.stack([tick.newest["audio"].vector for tick, _ in one.ticks])[100:]
        scores = rows @ np.stack([query.standing.vector for query in asked]).T * DIM**0.5
        # Independent windows: a peak is the highest of the twenty in five seconds.
        blocks = scores[: len(scores) // 20 * 20].reshape(-1, 20, len(asked)).max(axis=1)
        reached += float(np.sum(blocks >= tail.level(40)))
        hours += blocks.size * 5 / 3600
    assert 0.6 < reached / hours / 40 < 1.6


def test_what_a_query_is_about_is_no_false_alarm(card, minutes) -> None:
    dog = np.eye(DIM, dtype=np.float32)[0]
    found = {
        about: with_tails(card, texts(card, 3, about, dog), minutes).backgrounds["text/audio"].tail
        for about in (frozenset(("dog",)), frozenset(("bump",)))
    }
    unaware, aware = found[frozenset(("bump",))], found[frozenset(("dog",))]
    assert unaware is not None
    assert aware is not None
    assert aware.level(20) < 3.5 < unaware.level(20)


def test_examples_are_compared_with_other_minutes_and_the_fused_vector_has_pairs(card, minutes) -> None:
    asked = [*texts(card, 4), *examples_asked(minutes, card)]
    assert [(one.standing.kind, one.minute) for one in asked[4:6]] == [("audio", 0), ("audio", 1)]
    assert asked[4].standing.vector[0] > 0.9
    whole = with_tails(with_fused(card, asked, minutes), asked, minutes)
    assert set(whole.backgrounds) == {"text/audio", "audio/audio", f"text/{FUSED}", f"audio/{FUSED}"}
    assert [pair for pair, known in whole.backgrounds.items() if known.tail is None] == []
    # The only thing that is like a dog is a dog, and that is masked.
    example = whole.backgrounds["audio/audio"].tail
    assert example is not None
    assert example.level(6) < 4


def test_texts_are_about_what_they_name() -> None:
    encoder = Encoder(load_model("mini", modalities=("text",), device="cpu"))
    asked = texts_asked(encoder)
    about = {one.standing.query.name: one for one in asked}
    assert "dog" in about["a dog barks"].about
    assert set(about["heavy rain"].standing.query.modalities) == {"audio", FUSED}
    assert about["sea waves"].about == frozenset()
    assert not any(one.about & ACTIVITIES.keys() for one in asked)
    assert sum(not one.about for one in asked) > 40


@pytest.mark.parametrize("temperature", [0.02, 0.1, 0.5])
def test_the_likeliest_temperature_is_the_one_that_drew_the_truth(temperature: float) -> None:
    rng = np.random.default_rng(0)
    cosines = rng.uniform(-0.3, 0.7, (4000, 6))
    gumbel = rng.gumbel(size=cosines.shape)
    truth = np.argmax(cosines / temperature + gumbel, axis=1)
    assert likeliest(cosines, truth) == pytest.approx(temperature, rel=0.15)


def test_a_model_has_a_temperature_where_its_labels_can_be_compared(make) -> None:
    model = load_model("mini", modalities=("audio", "text"), device="cpu")
    card, dim = model.card, model.card.dim
    rng = np.random.default_rng(1)
    dog = model.embed_text(["a dog barks"])[0]
    rows = [unit(dog + 0.05 * rng.standard_normal(dim)) for _ in range(240)]
    ordered = [
        make.embedding("audio", (START_NS + (k + 1) * HOP_NS) / make.MS, row, modality="audio")
        for k, row in enumerate(rows)
    ]
    happening = Happening(name="dog", start_ns=START_NS, end_ns=START_NS + LENGTH_NS, modalities=("audio",))
    one = Minute([happening], ticks_of({"audio": ordered}, card))
    found = temperatures(model, card, [one])
    assert found["audio"] < 0.05


def test_a_file_gets_a_new_card_and_keeps_its_weights(tmp_path, card) -> None:
    path = tmp_path / "model.safetensors"
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float16)}
    config = {"dim": 4, "origin": {"torch": "2"}, "backgrounds": {}}
    save_file(tensors, path, metadata={CONFIG_KEY: json.dumps(config)})
    tail = Tail(threshold=1.0, per_h=60.0, shape=0.1, scale=0.5)
    pairs = {"text/audio": Background(mean=0.1, deviation=0.2, tail=tail)}
    recard(path, msgspec.structs.replace(card, backgrounds=pairs, temperatures={"audio": 0.07}))
    with safe_open(path, "pt") as file:
        said = json.loads(file.metadata()[CONFIG_KEY])
    assert said["origin"] == config["origin"]
    assert msgspec.convert(said["backgrounds"], dict[str, Background]) == pairs
    assert said["temperatures"] == {"audio": 0.07}
    assert all(torch.equal(value, tensors[key]) for key, value in load_file(path).items())
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    save_file(tensors, path)
    with pytest.raises(ModelError, match="metadata"):
        recard(path, card)
