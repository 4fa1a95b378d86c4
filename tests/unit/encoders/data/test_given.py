"""What a command is given is judged by its content; what it cannot be is said with what it could."""

import re

import numpy as np
import pytest
from sixsense.encoders.card import DEFAULT_WINDOWS
from sixsense.encoders.data.given import Data, Wanted
from sixsense.encoders.errors import InputError

PAIR = Wanted(("thermal", "vision"), DEFAULT_WINDOWS)
SOUNDS = Wanted(("audio",), DEFAULT_WINDOWS)


@pytest.fixture
def classes(tmp_path, wav):
    for name in ("dog", "rain"):
        (tmp_path / "sounds" / name).mkdir(parents=True)
        wav(tmp_path / "sounds" / name / "1-a.wav", np.zeros(16000, np.float32))
    return tmp_path / "sounds"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no data; give a folder of classes"),
        (["nowhere.mcap"], "nowhere.mcap: neither a folder nor a file"),
        (["audio:."], "asked for is thermal and vision; for this give --modality audio"),
        (["simulated:x"], "write simulated:SEED:SECONDS"),
    ],
)
def test_what_is_no_data_is_said(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=re.escape(said)):
        Data(arguments, PAIR)


def test_real_and_simulated_are_never_measured_together(classes):
    with pytest.raises(InputError, match="is real, simulated:1:2 is simulated"):
        Data([str(classes), "simulated:1:2"], SOUNDS)


def test_a_log_has_no_labels():
    with pytest.raises(InputError, match="a log has no labels"):
        Data(["simulated:1:2"], Wanted(("audio", "text"), DEFAULT_WINDOWS))


def test_the_simulated_robot_is_a_log():
    data = Data(["simulated:1:4"], Wanted(("audio", "imu"), DEFAULT_WINDOWS))
    items = list(data.items())
    assert data.kind == "simulated"
    assert {item.modality for item in items} <= {"audio", "imu"}
    (none, some) = (Data([f"simulated:{n}:4"], SOUNDS).digest() for n in (1, 2))
    assert none != some


def test_the_digest_follows_content_and_not_place(classes, tmp_path):
    before = Data([str(classes)], SOUNDS).digest()
    moved = classes.rename(tmp_path / "elsewhere")
    assert Data([str(moved)], SOUNDS).digest() == before
    (moved / "dog" / "1-a.wav").write_bytes(b"another")
    assert Data([str(moved)], SOUNDS).digest() != before
