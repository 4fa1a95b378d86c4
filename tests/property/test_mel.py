"""A sound in chunks has the frames of the whole, bit for bit."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sixsense.encoders.preprocess.mel import LogMelStream, log_mel


@given(st.lists(st.integers(0, 5000), max_size=12), st.integers(0, 99), st.floats(1e-5, 1))
@settings(max_examples=60, deadline=None)
def test_chunks_of_any_size_give_the_frames_of_the_whole(sizes, seed, level):
    wave = torch.from_numpy(np.random.default_rng(seed).standard_normal(sum(sizes))).float() * level
    stream = LogMelStream()
    frames = torch.cat([torch.empty(0, 128), *(stream.push(chunk) for chunk in wave.split(sizes))])
    expected = log_mel(wave) if len(wave) >= 400 else torch.empty(0, 128)
    assert torch.equal(frames, expected)


@given(st.integers(0, 300), st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_frame_does_not_depend_on_its_neighbours(first, count, seed):
    wave = torch.from_numpy(np.random.default_rng(seed).standard_normal(400 + 160 * (first + count))).float()
    some = wave[160 * first : 160 * (first + count - 1) + 400]
    assert torch.equal(log_mel(some), log_mel(wave)[first : first + count])
