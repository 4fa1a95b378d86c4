"""Windows of one second, whatever is in them."""

import msgspec
import numpy as np
from sixsense.encoders.window import Window
from sixsense.sensors.sample import StreamInfo

START = 1_700_000_000_000_000_000


def window(
    modality: str, encoding: str, data: np.ndarray, stamps: np.ndarray | None = None, **info
) -> Window:
    """The second after START of an input, whose stream is as `info` says."""
    stream = {"stream": "s", "modality": modality, "encoding": encoding, "rate_hz": 16000.0, "clock": "host"}
    return Window(
        input=f"front {modality}",
        modality=modality,
        epoch=0,
        index=7,
        start_ns=START,
        end_ns=START + 1_000_000_000,
        ranges=(),
        encoding=encoding,
        data=data,
        stamps=stamps,
        info=msgspec.convert(stream | info, StreamInfo),
    )
