"""The shipped model: that it is what its card says, and that texts find what it was made to find."""

import json
from itertools import islice

import numpy as np
import pytest
from safetensors import safe_open
from sixsense.encoders.card import read_card
from sixsense.encoders.checkpoint import CONFIG_KEY, SHIPPED
from sixsense.sensors.simulated.excerpt import excerpts
from sixsense.sensors.simulated.kinds import ACTIVITIES, KINDS

S = 1_000_000_000
MODALITIES = {"vision", "text", "audio", "depth", "thermal", "imu"}
ESC = {
    "dog_bark": "a dog barking",
    "rain": "rain",
    "sea_waves": "sea waves",
    "baby_cry": "a baby crying",
    "clock_tick": "a clock ticking",
    "person_sneeze": "a person sneezing",
    "helicopter": "a helicopter",
    "chainsaw": "a chainsaw",
    "rooster": "a rooster crowing",
    "fire_crackling": "a crackling fire",
}


def test_it_ships_within_its_size():
    assert SHIPPED["mini"].stat().st_size <= 40e6


def test_the_file_says_what_it_was_made_from():
    with safe_open(SHIPPED["mini"], framework="pt") as file:
        config = json.loads(file.metadata()[CONFIG_KEY])
    assert config["family"] == "towers"
    assert {"command", "data", "seeds"} <= set(config["origin"])
    assert {(pair["modality"], pair["anchor"]) for pair in config["bound"]} >= {
        (modality, "text") for modality in MODALITIES - {"text"}
    }


def test_every_two_modalities_can_be_compared():
    card = read_card("mini")
    assert card.trained
    seen = MODALITIES | {"fused"}
    assert card.backgrounds.keys() == {f"{one}/{other}" for one in MODALITIES for other in seen}
    assert card.means.keys() == MODALITIES


@pytest.mark.parametrize(
    ("text", "meant", "others"),
    [
        ("a barking puppy", "a dog", ["a car", "rain", "a clock", "a door", "sitting down"]),
        ("it is raining heavily", "rain", ["a dog", "fire", "a helicopter", "walking"]),
        ("somebody takes a stroll", "walking", ["sitting down", "a chainsaw", "standing still"]),
        ("a fire engine's siren", "an alarm", ["a dog", "sea waves", "a flower"]),
    ],
)
def test_a_paraphrase_means_what_it_says(mini, text, meant, others):
    rows = mini.embed_text([text, meant, *others])
    assert int((rows[1:] @ rows[0]).argmax()) == 0


def best(rows: np.ndarray, texts: np.ndarray) -> np.ndarray:
    return (rows @ texts.T).argmax(axis=1)


def test_texts_find_sounds_of_worlds_it_was_not_trained_on(mini):
    names = [name for name, kind in KINDS.items() if "audio" in kind.modalities]
    texts = np.stack([mini.embed_text(KINDS[name].phrases).mean(axis=0) for name in names])
    heard = list(islice(excerpts("test", ("microphone",), 2 * S, seed=4, wanted=names), 40))
    rows = mini.embed_audio([(one.data["microphone"], 16_000) for one in heard])
    right = best(rows, texts) == [names.index(str(one.wanted)) for one in heard]
    assert right.mean() >= 0.9


def test_texts_find_motions_of_worlds_it_was_not_trained_on(mini):
    names = ["bump", "stairs", "stop", "walk"]
    texts = np.stack([mini.embed_text((KINDS | ACTIVITIES)[name].phrases).mean(axis=0) for name in names])
    felt = list(islice(excerpts("test", ("imu",), S, seed=4, wanted=names), 40))
    stamps = [one.stamps for one in felt if one.stamps is not None]
    rows = mini.embed_imu([one.data["imu"] for one in felt], stamps)
    right = best(rows, texts) == [names.index(str(one.wanted)) for one in felt]
    assert right.mean() >= 0.9


def test_texts_find_recordings(mini, shared):
    """They were trained on: this is about files going through, not about how well it does on new ones."""
    paths = [path for name in ESC for path in sorted((shared / "data" / "esc10" / name).glob("*.ogg"))[:2]]
    rows = mini.embed_files("audio", paths)
    right = best(rows, mini.embed_text(list(ESC.values()))) == np.repeat(np.arange(len(ESC)), 2)
    assert right.mean() >= 0.8
