"""Whatever a window holds, a device that preprocesses refuses what the CPU does, and makes the same of it."""

import msgspec
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sixsense.encoders.encode import prepare
from sixsense.encoders.errors import InputError
from sixsense.encoders.preprocess.fill import fill_nearest
from sixsense.encoders.raw import raw
from sixsense.encoders.window import Window
from sixsense.sensors.sample import StreamInfo

CPU = torch.device("cpu")
QUICK = settings(max_examples=60, deadline=None)
DTYPES = st.sampled_from([np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64])
ENCODINGS = {"vision": "rgb8", "depth": "32FC1", "thermal": "32FC1", "audio": "pcm_s16", "imu": "f32"}


def arrays(max_dims: int, max_side: int) -> st.SearchStrategy[np.ndarray]:
    shapes = npst.array_shapes(min_dims=1, max_dims=max_dims, min_side=0, max_side=max_side)
    return DTYPES.flatmap(lambda dtype: shapes.flatmap(lambda shape: npst.arrays(dtype, shape)))


def window(modality: str, data: np.ndarray, stamps: np.ndarray | None = None, **info) -> Window:
    stream = {"stream": "s", "modality": modality, "encoding": "", "rate_hz": 16000.0, "clock": "host"}
    return Window(
        input="s",
        modality=modality,
        epoch=0,
        index=0,
        start_ns=0,
        end_ns=1_000_000,
        ranges=(),
        encoding=ENCODINGS[modality],
        data=data,
        stamps=stamps,
        info=msgspec.convert(stream | info, StreamInfo),
    )


def outcome(make) -> tuple[torch.Tensor | None, str]:
    with np.errstate(all="ignore"):
        try:
            return make(), ""
        except InputError as error:
            return None, str(error)


def there(one: Window) -> torch.Tensor:
    row, _ = raw(one)
    return row.steps(CPU, *row.options)(*(tensor[None] for tensor in row.tensors))[0]


def same(one: Window) -> None:
    expected, refused = outcome(lambda: prepare(one)[0])
    got, its_refusal = outcome(lambda: there(one))
    assert its_refusal == refused
    if expected is not None and got is not None:
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


@given(arrays(4, 6))
@QUICK
def test_pictures(data):
    same(window("vision", data))


@given(arrays(3, 8))
@QUICK
def test_temperatures(data):
    same(window("thermal", data))


@given(arrays(2, 600), st.sampled_from([0.0, 8000.0, 16000.0, 44100.0, 44100.5, 48000.0]))
@QUICK
def test_sounds(data, rate_hz):
    same(window("audio", data, rate_hz=rate_hz))


@given(
    npst.arrays(
        np.float32, st.tuples(st.integers(0, 9), st.integers(5, 7)), elements=st.floats(-30, 30, width=32)
    ),
    npst.arrays(np.int64, st.integers(0, 9), elements=st.integers(-200_000, 1_200_000), unique=True),
)
@QUICK
def test_motions(rows, stamps):
    same(window("imu", rows, np.sort(stamps)))


@given(
    npst.arrays(
        np.float32, npst.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(1, 9, width=32)
    )
)
@QUICK
def test_distances_without_holes(data):
    same(window("depth", data, fx=100.0, baseline=0.1))


@given(st.data(), st.integers(1, 24), st.integers(1, 24))
@settings(max_examples=150, deadline=None)
def test_holes_take_a_value_that_is_as_near_as_any_or_nearly(data, height, width):
    cells = st.integers(0, height * width - 1)
    known = sorted(data.draw(st.sets(cells, min_size=1, max_size=30)))
    picture = np.full(height * width, np.nan, np.float32)
    picture[known] = np.arange(len(known))
    filled = fill_nearest(torch.from_numpy(picture.reshape(1, height, width)))[0].numpy()
    ys, xs = np.divmod(np.array(known), width)
    y, x = np.mgrid[:height, :width]
    distances = np.hypot(y[..., None] - ys, x[..., None] - xs)
    assert np.isin(filled, np.arange(len(known))).all()
    taken = np.take_along_axis(distances, filled.astype(int)[..., None], axis=2)[..., 0]
    assert (taken <= 1.5 * distances.min(axis=2) + 1e-6).all()
    assert (taken > distances.min(axis=2) + 1e-6).mean() <= 0.1
