"""Whatever an array holds, a preprocessor gives a finite tensor of the right shape or says why not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sixsense.encoders import preprocess
from sixsense.encoders.errors import InputError
from sixsense.encoders.pictures import decode_jpeg
from sixsense.encoders.preprocess.resample import resample
from sixsense.encoders.tokenizer import ByteTokenizer

DTYPES = st.sampled_from(
    [np.uint8, np.uint16, np.int16, np.int32, np.float16, np.float32, np.float64, np.bool_]
)
QUICK = settings(max_examples=60, deadline=None)


def arrays(max_dims: int, max_side: int) -> st.SearchStrategy[np.ndarray]:
    shapes = npst.array_shapes(min_dims=0, max_dims=max_dims, min_side=0, max_side=max_side)
    return DTYPES.flatmap(lambda dtype: shapes.flatmap(lambda shape: npst.arrays(dtype, shape)))


def check(function, shape, *args) -> None:
    with np.errstate(all="ignore"):
        try:
            out = function(*args)
        except InputError:
            return
    assert out.shape == shape
    assert out.dtype == torch.float32
    assert torch.isfinite(out).all()


@given(arrays(4, 6))
@QUICK
def test_image(rgb):
    check(preprocess.image, (3, 224, 224), rgb)


@given(arrays(3, 8))
@QUICK
def test_depth(distance):
    check(preprocess.depth, (1, 224, 224), distance)


@given(arrays(3, 8))
@QUICK
def test_thermal(picture):
    check(preprocess.thermal, (1, 224, 224), picture)


@given(arrays(2, 600), st.one_of(st.floats(), st.sampled_from([8000, 44100, 48000])))
@QUICK
def test_audio(pcm, rate_hz):
    check(preprocess.audio, (1, 128, 204), pcm, rate_hz)


@given(
    st.sampled_from(["silence", "constant", "clipped", "one sample", "impulse"]),
    st.integers(8000, 192_000),
    st.integers(1, 2),
    st.sampled_from([np.int16, np.float32]),
)
@QUICK
def test_sounds_that_are_hardly_any_at_any_rate(kind, rate_hz, channels, dtype):
    """Each is heard, in a window of 40 ms and more, as finite numbers; one sample is none."""
    pcm = np.zeros((1 if kind == "one sample" else rate_hz // 25, channels), dtype)
    full = 32767 if dtype == np.int16 else 1.0
    pcm[:] = {"constant": full / 4, "clipped": full}.get(kind, 0)
    pcm[:: max(2, rate_hz // 500)] *= -1 if kind == "clipped" else 1
    pcm[len(pcm) // 2] = full if kind == "impulse" else pcm[len(pcm) // 2]
    if kind == "one sample":
        with pytest.raises(InputError, match="one frame needs 25 ms"):
            preprocess.audio(pcm, rate_hz)
    else:
        out = preprocess.audio(pcm, rate_hz)
        assert out.shape == (1, 128, 204)
        assert torch.isfinite(out).all()


@given(arrays(2, 600), st.one_of(st.floats(), st.sampled_from([8000, 44100, 192_000])))
@QUICK
def test_audio_clips(pcm, rate_hz):
    check(preprocess.audio_clips, (3, 1, 128, 204), pcm, rate_hz)


@given(arrays(4, 6), st.one_of(st.none(), st.floats()))
@QUICK
def test_video(frames, rate_hz):
    views = 3 if rate_hz is None else 15
    check(preprocess.video, (views, 3, 2, 224, 224), frames, rate_hz)


@given(st.text(max_size=300))
@QUICK
def test_text(words):
    ids = preprocess.text(words, ByteTokenizer())
    assert (ids.shape, ids.dtype) == ((77,), torch.int64)
    end = int(ids.argmax())
    assert (int(ids[0]), int(ids[end])) == (ByteTokenizer.start, ByteTokenizer.end)
    assert not ids[end + 1 :].any()


@given(arrays(2, 7), npst.arrays(np.int64, st.integers(0, 7)))
@QUICK
def test_imu(rows, stamps):
    check(preprocess.imu, (6, 2000), rows, stamps)


@given(st.integers(1, 3000), st.integers(1000, 200_000), st.sampled_from([8000, 16000, 48000]))
@QUICK
def test_resampling_keeps_the_duration_and_the_mean(count, from_hz, to_hz):
    out = resample(torch.full((count,), 0.5), from_hz, to_hz)
    assert len(out) == -(-count * to_hz // from_hz)
    edge = 20 * max(1, to_hz // from_hz) + 10
    if len(out) > 4 * edge:
        middle = out[edge:-edge]
        assert abs(float(middle.mean()) - 0.5) < 0.01


@given(st.binary(max_size=300), st.integers(0, 4000), st.integers(0, 4000))
@settings(max_examples=100, deadline=None)
def test_rubbish_is_no_jpeg(data, width, height):
    with pytest.raises(InputError, match="JPEG"):
        decode_jpeg(np.frombuffer(data, np.uint8), width, height)
