"""The shipped model: that it is what its builder makes, and that it does what the demo needs."""

import numpy as np
import pytest
import torch
from safetensors import safe_open
from sixsense.encoders.card import read_card
from sixsense.encoders.checkpoint import SHIPPED
from sixsense.encoders.encode import Encoder
from sixsense.encoders.mini import ARCHITECTURE, SENSES, initialised
from sixsense.encoders.window import Window
from sixsense.encoders.windower import InputSpec, Windower
from sixsense.sensors.simulated.robot import SimulatedRobot, render_example

S = 1_000_000_000


def test_the_weights_are_the_builders_random_numbers():
    numbers = initialised().state_dict()
    with safe_open(SHIPPED["mini"], framework="pt") as file:
        assert set(file.keys()) == set(numbers)
        # A stem is scaled and a head whitened; everything else is as it was drawn.
        drawn = [key for key in numbers if "stem" not in key and "heads" not in key]
        assert len(drawn) > 150
        for key in drawn:
            torch.testing.assert_close(file.get_tensor(key), numbers[key].half(), rtol=0, atol=0, msg=key)


def test_it_is_small():
    assert sum(p.numel() for p in initialised().parameters()) < 3e6
    assert SHIPPED["mini"].stat().st_size < 6e6


def test_the_card_is_the_builders():
    card = read_card("mini")
    assert card.dim == ARCHITECTURE.dim
    assert {modality: card.windows[modality] for modality in SENSES} == {
        modality: sense.window for modality, sense in SENSES.items()
    }


@pytest.mark.parametrize(
    ("happening", "modality", "from_s", "to_s"),
    [("alarm", "audio", 0, 16), ("bump", "imu", 6, 16), ("alarm", "vision", 2, 12)],
)
def test_an_example_from_another_robot_stands_out(mini, happening, modality, from_s, to_s):
    robot = SimulatedRobot(3, start_ns=60 * S, seconds=to_s, streams=(SENSES[modality].stream,))
    query = render_example(happening, modality, seed=101)
    encoder = Encoder(mini)
    vector = encoder.embed_query(modality, query.data, stamps=query.stamps, rate_hz=query.rate_hz)
    inside, outside = [0.0], [0.0]
    windower = Windower(
        InputSpec(name="x", modality=modality, members=robot.streams), SENSES[modality].window
    )
    for event in robot.events(0, from_ns=(60 + from_s) * S):
        for window in windower.feed(event):
            if isinstance(window, Window):
                now = robot.happenings(window.start_ns, window.end_ns)
                found = any(h.name == happening for h in now)
                (inside if found else outside).append(score(mini, modality, vector, encoder.embed(window)[0]))
    assert max(inside) > 5
    assert max(outside) < 4.5


def score(mini, modality, query: np.ndarray, vector: np.ndarray) -> float:
    """The centred cosine in deviations of the background."""
    card = mini.card
    a, b = (v - card.means[modality] for v in (query, vector))
    cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    background = card.backgrounds[f"{modality}/{modality}"]
    return (cosine - background.mean) / background.deviation
