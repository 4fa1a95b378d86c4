import cv2
import msgspec
import numpy as np
import pytest
from sixsense.encoders.encode import Encoder
from sixsense.encoders.errors import InputError
from sixsense.encoders.pictures import decode_jpeg
from windows import START, window

RNG = np.random.default_rng(0)
Y, X = np.mgrid[0:480, 0:640]
RGB = np.stack([X // 3, Y // 2, (X + Y) // 5], axis=2).astype(np.uint8)
JPEG = cv2.imencode(".jpg", RGB[:, :, ::-1])[1].ravel()
METRES = (1 + X / 200).astype(np.float32)
KELVIN = (290 + Y / 40).astype(np.float32)
PCM = (3000 * RNG.standard_normal((32000, 1))).astype(np.int16)
ROWS = (np.array([0, 0, 9.81, 0, 0, 0]) + 0.3 * RNG.standard_normal((200, 6))).astype(np.float32)
STAMPS = START + np.arange(200) * 5_000_000


WINDOWS = [
    window("vision", "jpeg", JPEG, width=640, height=480),
    window("vision", "rgb8", RGB),
    window("depth", "32FC1", METRES, fx=520.0, baseline=0.075),
    window("depth", "16UC1", (METRES * 1000).astype(np.uint16)),
    window("thermal", "32FC1", KELVIN),
    window("thermal", "16UC1", (KELVIN * 100).astype(np.uint16)),
    window("thermal", "mono8", RGB[:, :, 0].copy()),
    window("audio", "pcm_s16", PCM),
    window("audio", "pcm_s16", np.repeat(PCM, 2, axis=1)),
    window("audio", "pcm_s16", np.repeat(PCM, 3, axis=0), rate_hz=48000.0),
    window("imu", "f32", ROWS, STAMPS),
]


@pytest.fixture(scope="module")
def encoder(mini) -> Encoder:
    return Encoder(mini)


@pytest.mark.parametrize("window", WINDOWS, ids=lambda w: f"{w.modality}-{w.encoding}")
def test_every_encoding_becomes_a_unit_vector_with_a_quality(encoder, window):
    vector, quality = encoder.embed(window)
    assert vector.shape == (encoder.model.dim,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert quality > 0.9
    again, _ = encoder.embed(window)
    assert vector.tobytes() == again.tobytes()


@pytest.mark.parametrize("window", WINDOWS, ids=lambda w: f"{w.modality}-{w.encoding}")
def test_read_only_data_is_embedded_alike(encoder, window):
    data = window.data.copy()
    data.setflags(write=False)
    vector, _ = encoder.embed(msgspec.structs.replace(window, data=data))
    np.testing.assert_array_equal(vector, encoder.embed(window)[0])


def test_mirrored_pictures_are_embedded_alike(encoder):
    for view in (RGB[::-1], RGB[:, ::-1]):
        np.testing.assert_array_equal(
            encoder.embed_query("vision", view), encoder.embed_query("vision", view.copy())
        )


def test_encodings_of_the_same_thing_agree(encoder):
    vectors = [encoder.embed(w)[0] for w in WINDOWS]
    assert vectors[0] @ vectors[1] > 0.9
    assert vectors[2] @ vectors[3] > 0.999
    assert vectors[4] @ vectors[5] > 0.99
    np.testing.assert_array_equal(vectors[7], vectors[8])


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (window("vision", "jpeg", JPEG[: len(JPEG) // 2]), "cut off"),
        (window("vision", "jpeg", np.zeros(0, np.uint8)), "no JPEG"),
        (window("vision", "jpeg", np.frombuffer(b"\0" * 50 + b"\xff\xd9", np.uint8)), "no JPEG"),
        (window("vision", "png", JPEG), "encoding 'png'; known are jpeg, rgb8"),
        (window("smell", "f32", ROWS), "known are none"),
        (window("depth", "32FC1", np.full((9, 9), np.nan, np.float32)), "none of 81 pixels"),
        (window("thermal", "32FC1", KELVIN - 273.15), "Celsius"),
        (window("audio", "pcm_s16", PCM[:10]), "25 ms"),
        (window("imu", "f32", ROWS), "without stamps"),
        (window("imu", "f32", ROWS * np.nan, STAMPS), "not finite"),
    ],
)
def test_what_cannot_be_embedded_names_its_window(encoder, window, message):
    with pytest.raises(InputError, match=rf"window 7 of front {window.modality}: .*{message}"):
        encoder.embed(window)


@pytest.mark.parametrize(("size", "reduced"), [((480, 640), 2), ((1080, 1920), 4), ((240, 320), 1)])
def test_jpeg_is_decoded_no_larger_than_needed(size, reduced):
    rgb = cv2.resize(RGB, size[::-1])
    data = cv2.imencode(".jpg", rgb[:, :, ::-1])[1].ravel()
    small = decode_jpeg(data, size[1], size[0])
    assert small.shape == (size[0] // reduced, size[1] // reduced, 3)
    assert decode_jpeg(data).shape == rgb.shape
    whole = cv2.resize(rgb, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - whole).mean() < 3


def test_depth_cameras_of_any_width_see_the_same(encoder):
    wide, _ = encoder.embed(window("depth", "32FC1", METRES, fx=520.0))
    small, _ = encoder.embed(window("depth", "32FC1", METRES[::2, ::2].copy(), fx=260.0))
    assert wide @ small > 0.99


def test_queries_meet_the_windows_they_were_taken_from(encoder):
    queries = [
        encoder.embed_query("vision", RGB),
        encoder.embed_query("depth", METRES, fx=520.0, baseline=0.075),
        encoder.embed_query("thermal", KELVIN),
        encoder.embed_query("audio", PCM, rate_hz=16000),
        encoder.embed_query("imu", ROWS, stamps=STAMPS),
    ]
    for query, of in zip(queries, (WINDOWS[i] for i in (1, 2, 4, 7, 10)), strict=True):
        assert query @ encoder.embed(of)[0] > 0.95, of.modality


def test_texts_and_clips_are_queries_too(encoder):
    assert encoder.embed_query("text", "a dog").shape == (encoder.model.dim,)
    clip = encoder.embed_query("vision", np.stack([RGB, RGB]))
    assert np.linalg.norm(clip) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("modality", "data", "message"),
    [
        ("audio", "beep", "is an array, not the text 'beep'"),
        ("imu", ROWS, "needs its stamps"),
        ("smell", ROWS, "no query of modality 'smell'"),
        ("audio", PCM, "rate of 0.0 Hz"),
    ],
)
def test_what_is_no_query_is_refused(encoder, modality, data, message):
    with pytest.raises(InputError, match=message):
        encoder.embed_query(modality, data)
