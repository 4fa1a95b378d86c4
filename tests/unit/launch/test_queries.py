from pathlib import Path

import cv2
import numpy as np
import pytest
from sixsense.fusion.query import Query
from sixsense.launch.config import parse_config
from sixsense.launch.queries import QueryError, config_queries, parse_query
from sixsense.sensors.errors import SixsenseError


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "red door.png"
    cv2.imwrite(str(path), np.full((8, 6, 3), (0, 0, 255), np.uint8))
    return path


def test_words_are_a_text():
    query = parse_query("  a dog barks ")
    assert (query.name, query.text, query.example) == ("a dog barks", "a dog barks", None)


def test_a_picture_is_an_example_in_rgb(picture: Path):
    query = parse_query(str(picture))
    assert query.name == "red door"
    assert query.text is None
    assert query.example is not None
    assert query.example.modality == "vision"
    assert query.example.data.shape == (8, 6, 3)
    assert query.example.data[0, 0].tolist() == [255, 0, 0]


def test_a_real_sound_is_an_example(shared: Path):
    sound = next((shared / "data" / "esc10").glob("*/1-*.ogg"))
    query = parse_query(str(sound))
    assert query.example is not None
    assert (query.example.modality, query.example.rate_hz) == ("audio", 44100)
    assert query.example.data.dtype == np.int16


def test_a_real_clip_is_an_example(shared: Path):
    query = parse_query(str(shared / "data" / "gopro" / "karma.mp4"))
    assert query.example is not None
    assert query.example.modality == "vision"
    assert query.example.data.ndim == 4


def test_options_become_the_querys_own():
    query = parse_query("rain", name="wet", on=3.0, modalities=("audio",))
    assert (query.name, query.text, query.on, query.modalities) == ("wet", "rain", 3.0, ("audio",))
    assert parse_query("rain", name=None, on=1.0).off == 1.0


@pytest.mark.parametrize("path", ["nosuch.wav", "clips/bark", "./x", "bark.mp3"])
def test_a_mistyped_path_is_not_searched_for_as_words(path: str):
    with pytest.raises(QueryError, match="there is no file"):
        parse_query(path)


@pytest.mark.parametrize("text", ["v1.0 is out", "either/or it rains", "a dog. A cat."])
def test_words_with_dots_and_slashes_are_words(text: str):
    assert parse_query(text).text == text


@pytest.mark.parametrize("text", ["", "   "])
def test_nothing_is_no_query(text: str):
    with pytest.raises(QueryError, match="an empty query"):
        parse_query(text)


def test_a_file_that_is_no_media_is_refused(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("buy milk")
    with pytest.raises(SixsenseError, match=r"notes\.txt"):
        parse_query(str(tmp_path / "notes.txt"))


def test_a_configured_watch_becomes_a_query(picture: Path):
    text = f'[[watch]]\nname = "door"\nfile = "{picture}"\non = 5.0\n[[watch]]\nname = "w"\ntext = "rain"\n'
    door, words = config_queries(parse_config(text, "r.toml"))
    assert (door.name, door.on, door.off, door.hold_s) == ("door", 5.0, 2.5, 0.5)
    assert door.example is not None
    assert words.text == "rain"


def test_a_simulated_watch_is_rendered_from_its_own_seed():
    def rendered(seed: int) -> Query:
        watch = f'simulated = {{ happening = "alarm", modality = "audio", seed = {seed} }}'
        return config_queries(parse_config(f'[[watch]]\nname = "a"\n{watch}', "r.toml"))[0]

    first, second, again = rendered(7), rendered(8), rendered(7)
    assert first.example is not None
    assert second.example is not None
    assert again.example is not None
    assert first.example.modality == "audio"
    assert first.example.rate_hz > 0
    assert first.example.data.tobytes() == again.example.data.tobytes()
    assert first.example.data.tobytes() != second.example.data.tobytes()
