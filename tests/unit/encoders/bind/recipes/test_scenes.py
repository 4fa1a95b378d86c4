"""Pictures of the simulated world: what each camera can show, and the phrases that may be trained on."""

import numpy as np
from sixsense.encoders.bind.recipes.scenes import EMPTY, ROOM, SEEN, phrases, shown
from sixsense.sensors.simulated.kinds import KINDS


def test_what_a_camera_cannot_sense_is_an_empty_room_to_it() -> None:
    everything = np.arange(len(SEEN) + 1)
    room = len(SEEN)
    place = {name: SEEN.index(name) for name in SEEN}
    assert shown("camera", everything)[place["kettle"]] == room
    assert shown("camera", everything)[place["alarm"]] == place["alarm"]
    assert shown("thermal", everything)[place["alarm"]] == room
    assert shown("thermal", everything)[place["kettle"]] == place["kettle"]
    assert shown("depth", everything)[place["ball"]] == place["ball"]
    assert all(shown(stream, everything)[room] == room for stream in ("camera", "thermal", "depth"))


def test_no_phrase_for_evaluation_is_trained_on() -> None:
    trained = {text for name in (*SEEN, EMPTY) for text in phrases(name)}
    assert trained.isdisjoint(text for kind in KINDS.values() for text in kind.unseen)
    assert phrases(EMPTY) == ROOM
