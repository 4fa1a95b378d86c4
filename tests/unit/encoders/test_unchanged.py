"""A picture that has not changed is not encoded again; slow changes, small things and other inputs are."""

import msgspec
import numpy as np
import pytest
from sixsense.encoders.encode import Encoded, Encoder
from sixsense.encoders.model import Model
from sixsense.encoders.window import Window
from sixsense.sensors.errors import SixsenseError
from sixsense.sensors.sample import NS, StreamInfo

GREY = np.full((112, 112, 3), 120, np.uint8)


def window(index: int, rgb: np.ndarray, name: str = "camera", modality: str = "vision") -> Window:
    info = StreamInfo(stream=name, modality=modality, encoding="rgb8", rate_hz=4, clock="host")
    return Window(
        input=name,
        modality=modality,
        epoch=1,
        index=index,
        start_ns=index * NS,
        end_ns=(index + 1) * NS,
        ranges=(),
        encoding="rgb8" if modality == "vision" else "mono8",
        data=rgb,
        stamps=None,
        info=info,
    )


def one(encoder: Encoder, given: Window) -> Encoded:
    (result,) = encoder.embed_all([given])
    assert isinstance(result, Encoded)
    return result


@pytest.fixture
def encoder(mini: Model) -> Encoder:
    return Encoder(mini, unchanged=0.02)


def test_noise_is_no_change(encoder: Encoder) -> None:
    rng = np.random.default_rng(1)
    first = one(encoder, window(3, GREY))
    noisy = np.rint(GREY + rng.normal(0, 2, GREY.shape)).astype(np.uint8)
    again = one(encoder, window(4, noisy))
    assert (first.reused, again.reused) == (-1, 3)
    assert again.vector.tobytes() == first.vector.tobytes()


def test_something_small_that_appears_is_a_change(encoder: Encoder) -> None:
    one(encoder, window(0, GREY))
    seen = GREY.copy()
    seen[40:50, 60:70] = 160
    assert one(encoder, window(1, seen)).reused == -1


def test_a_slow_change_adds_up(encoder: Encoder) -> None:
    results = [one(encoder, window(i, np.full_like(GREY, 100 + i // 4))) for i in range(24)]
    fresh = [i for i, result in enumerate(results) if result.reused < 0]
    assert 1 < len(fresh) < 8
    assert all(result.reused in (-1, *fresh) for result in results)


def test_every_input_has_its_own_picture(encoder: Encoder) -> None:
    one(encoder, window(0, GREY))
    assert one(encoder, window(0, GREY, name="door")).reused == -1


def test_thermal_pictures_have_less_contrast(encoder: Encoder) -> None:
    one(encoder, window(0, GREY[..., 0], "thermal", "thermal"))
    assert one(encoder, window(1, GREY[..., 0] + np.uint8(3), "thermal", "thermal")).reused == -1
    assert one(encoder, window(2, GREY[..., 0] + np.uint8(3), "thermal", "thermal")).reused == 1


def test_0_encodes_everything(mini: Model) -> None:
    never = Encoder(mini)
    assert [one(never, window(i, GREY)).reused for i in range(2)] == [-1, -1]


def test_what_cannot_be_embedded_spoils_nothing_for_the_others(encoder: Encoder, mini: Model) -> None:
    broken = msgspec.structs.replace(window(1, GREY, name="door"), data=np.zeros((4, 4), np.float32))
    rng = np.random.default_rng(5)
    other = rng.integers(0, 255, GREY.shape, np.uint8)
    first, bad, second = encoder.embed_all([window(0, GREY), broken, window(0, other, name="roof")])
    assert isinstance(bad, SixsenseError)
    assert "window 1 of door" in str(bad)
    assert isinstance(first, Encoded)
    assert isinstance(second, Encoded)
    alone = Encoder(mini).embed(window(0, other))[0]
    np.testing.assert_allclose(second.vector, alone, atol=1e-5)


def test_a_row_that_overflows_leaves_the_others_theirs(
    encoder: Encoder, mini: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = mini.forward

    def refusing(modality: str, batch):
        if len(batch) > 1:
            raise SixsenseError("not finite")
        return forward(modality, batch)

    monkeypatch.setattr(mini, "forward", refusing)
    results = encoder.embed_all([window(0, GREY), window(0, GREY, name="door")])
    assert all(isinstance(result, Encoded) for result in results)


def test_a_text_is_encoded_once(mini: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, asked = Encoder(mini), list[str]()
    embed_text = mini.embed_text
    monkeypatch.setattr(mini, "embed_text", lambda texts: asked.extend(texts) or embed_text(texts))
    first, again = encoder.embed_query("text", "rain"), encoder.embed_query("text", "rain")
    encoder.embed_query("text", "a dog")
    assert asked == ["rain", "a dog"]
    assert first.tobytes() == again.tobytes()
