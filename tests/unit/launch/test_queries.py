from pathlib import Path

import cv2
import numpy as np
import pytest
from sixsense.fusion.query import Moment, Query
from sixsense.launch.config import parse_config
from sixsense.launch.queries import QueryError, config_queries, parse_moment, parse_query, parse_rate
from sixsense.sensors.errors import SixsenseError


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "red door.png"
    cv2.imwrite(str(path), np.full((8, 6, 3), (0, 0, 255), np.uint8))
    return path


def test_words_are_a_text():
    query = parse_query("  a dog barks ")
    assert (query.name, query.terms[0].text, query.terms[0].example) == ("a dog barks", "a dog barks", None)


def test_a_picture_is_an_example_in_rgb(picture: Path):
    query = parse_query(str(picture))
    assert query.name == "red door"
    assert query.terms[0].text is None
    assert query.terms[0].example is not None
    assert query.terms[0].example.modality == "vision"
    assert query.terms[0].example.data.shape == (8, 6, 3)
    assert query.terms[0].example.data[0, 0].tolist() == [255, 0, 0]


def test_a_real_sound_is_an_example(shared: Path):
    sound = next((shared / "data" / "esc10").glob("*/1-*.ogg"))
    query = parse_query(str(sound))
    assert query.terms[0].example is not None
    assert (query.terms[0].example.modality, query.terms[0].example.rate_hz) == ("audio", 44100)
    assert query.terms[0].example.data.dtype == np.int16


def test_a_real_clip_is_an_example(shared: Path):
    query = parse_query(str(shared / "data" / "gopro" / "karma.mp4"))
    assert query.terms[0].example is not None
    assert query.terms[0].example.modality == "vision"
    assert query.terms[0].example.data.ndim == 4


def test_options_become_the_querys_own():
    query = parse_query("rain", name="wet", on=3.0, modalities=("audio",))
    assert (query.name, query.terms[0].text, query.on, query.modalities) == ("wet", "rain", 3.0, ("audio",))
    assert parse_query("rain", name=None, on=1.0).off == 1.0


@pytest.mark.parametrize("path", ["nosuch.wav", "clips/bark", "./x", "bark.mp3"])
def test_a_mistyped_path_is_not_searched_for_as_words(path: str):
    with pytest.raises(QueryError, match="there is no file"):
        parse_query(path)


@pytest.mark.parametrize("text", ["v1.0 is out", "either/or it rains", "a dog. A cat."])
def test_words_with_dots_and_slashes_are_words(text: str):
    assert parse_query(text).terms[0].text == text


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
    assert door.terms[0].example is not None
    assert words.terms[0].text == "rain"


def test_a_simulated_watch_is_rendered_from_its_own_seed():
    def rendered(seed: int) -> Query:
        watch = f'simulated = {{ happening = "alarm", modality = "audio", seed = {seed} }}'
        return config_queries(parse_config(f'[[watch]]\nname = "a"\n{watch}', "r.toml"))[0]

    first, second, again = rendered(7), rendered(8), rendered(7)
    assert first.terms[0].example is not None
    assert second.terms[0].example is not None
    assert again.terms[0].example is not None
    assert first.terms[0].example.modality == "audio"
    assert first.terms[0].example.rate_hz > 0
    assert first.terms[0].example.data.tobytes() == again.terms[0].example.data.tobytes()
    assert first.terms[0].example.data.tobytes() != second.terms[0].example.data.tobytes()


def test_a_sum_of_texts_and_files_is_one_query(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "bird.png"), np.zeros((8, 6, 3), np.uint8))
    query = parse_query(f'"a stork" + {tmp_path / "bird.png"} - 0.5*"people"')
    assert [(t.weight, t.text, t.example is not None) for t in query.terms] == [
        (1.0, "a stork", False),
        (1.0, None, True),
        (-0.5, "people", False),
    ]
    with pytest.raises(QueryError, match=r"there is no file wave\.wav"):
        parse_query('"a stork" + wave.wav')


@pytest.mark.parametrize(
    ("text", "name", "at_ns"), [("/robot/mic@12.5s", "mic", 12_500_000_000), ("cam@3", "cam", 3_000_000_000)]
)
def test_a_moment_is_an_input_at_a_time(text: str, name: str, at_ns: int) -> None:
    assert parse_moment(text) == Moment(input=name, at_ns=at_ns)


@pytest.mark.parametrize("text", ["mic", "@3", "mic@soon", "mic@nan", "mic@1e99", "/@2"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="no moment"):
        parse_moment(text)


def test_a_rate_is_events_an_hour() -> None:
    assert [parse_rate(text) for text in ("6/h", "1/min", "12/d", "3")] == [6, 60, 0.5, 3]
    for text in ("often", "6/week", "/h", ""):
        with pytest.raises(QueryError, match="no rate"):
            parse_rate(text)
