"""A microphone of 1 kHz and its chunks of a tenth of a second."""

import numpy as np
from sixsense.sensors.sample import NS, Sample, StreamInfo

MIC = StreamInfo(stream="mic", modality="audio", encoding="pcm_s16", rate_hz=1000, clock="host")


def chunk(seq: int) -> Sample:
    """Chunk `seq`, int16 of shape (100, 1), every value `seq`."""
    return Sample(
        stream="mic",
        modality="audio",
        epoch=1,
        seq=seq,
        item=seq * 100,
        stamp_ns=seq * NS // 10,
        encoding="pcm_s16",
        data=np.full((100, 1), seq, np.int16),
        rate_hz=1000,
    )
