"""The last minute of embeddings: the window around a moment, or why there is none."""

import numpy as np
import pytest
from sixsense.encoders.embedding import Embedding
from sixsense.encoders.errors import InputError
from sixsense.encoders.recent import Recent
from sixsense.sensors.sample import NS


def embedding(end_s: float, name: str = "mic") -> Embedding:
    return Embedding(
        input=name,
        modality="audio",
        epoch=0,
        seq=0,
        index=0,
        start_ns=round((end_s - 2) * NS),
        end_ns=round(end_s * NS),
        ranges=(),
        quality=1.0,
        space_id="s",
        vector=np.ones(1, np.float32),
    )


def test_the_window_centred_nearest_is_the_moment_and_a_minute_is_kept() -> None:
    recent = Recent()
    for k in range(8, 400):
        recent.add(embedding(k / 4))
    assert recent.at("mic", 90 * NS).end_ns == 91 * NS
    assert recent.at("mic", 50 * NS, 40 * NS).end_ns == 91 * NS
    with pytest.raises(InputError, match=r"mic has no embedding at 10\.00 s; kept are 37\.75 to 99\.75 s"):
        recent.at("mic", 10 * NS)
    with pytest.raises(InputError, match="no input 'camera' has been embedded; there are mic"):
        recent.at("camera", 90 * NS)
