"""The sizes of towers are read as they were written, and what is wrong with them is said."""

import msgspec
import pytest
from sixsense.encoders.architecture import HUGE
from sixsense.encoders.errors import ModelError
from sixsense.encoders.towers.shape import (
    MotionShape,
    SoundShape,
    TextShape,
    TowerShapes,
    TowersShape,
    format_shape,
    parse_shape,
)

SHAPE = TowersShape(
    dim=8,
    towers=TowerShapes(text=TextShape(vocabulary=600, width=16), audio=SoundShape(), imu=MotionShape()),
    merges=("a b", "ab c</w>"),
)


def encoded(fields: object) -> bytes:
    return msgspec.json.encode(fields)


def test_read_back_as_written():
    assert parse_shape(encoded(format_shape(SHAPE) | {"means": {}}), "here") == SHAPE


def test_another_family_is_left_to_its_own_reader():
    assert parse_shape(encoded({"out_embed_dim": HUGE.dim}), "here") is None


def test_modalities_are_those_that_have_a_tower():
    assert SHAPE.modalities == ("text", "audio", "imu")
    assert SHAPE.only(("imu", "text")).modalities == ("text", "imu")
    with pytest.raises(ModelError, match="no modality 'vision' in this model; it has text, audio, imu"):
        SHAPE.only(("vision",))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dim": "wide"}, r"here: .*dim"),
        ({"towers": {"audio": {"widths": [1, "x"]}}}, r"here: .*widths"),
        ({"towers": {}}, "here: no tower; give at least one of vision, text"),
        ({"towers": {"text": {}}}, "here: .*vocabulary"),
        ({"towers": {"text": {"vocabulary": 0}}}, "here: .*>= 1"),
        ({"towers": {"smell": {}}}, "here: .*smell"),
        ({"towers": {"text": {"vocabulary": 9, "width": 10, "heads": 4}}}, "no multiple of 4 heads"),
    ],
)
def test_what_is_wrong_is_named(changed, message):
    with pytest.raises(ModelError, match=message):
        parse_shape(encoded(format_shape(SHAPE) | changed), "here")


def test_no_json_is_refused():
    with pytest.raises(ModelError, match="here"):
        parse_shape(b"{", "here")
