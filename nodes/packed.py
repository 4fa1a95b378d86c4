"""Packed: raw pictures of 16 bits a pixel as PNG between machines, half the bytes and not one bit less."""

from collections.abc import Sequence

import numpy as np

from ..sensors.ros import MessageError, decode_picture
from ..sensors.sample import End, Progress, Sample
from .wire.errors import WireError

RAW = "16UC1"


def packed(message: Sample | Progress | End, frames: Sequence[bytes]) -> list[bytes] | None:
    """The frames of a message's envelope with its picture as PNG, where it is one of 16 bits a pixel.

    None for everything else, and on a machine without OpenCV: that sends its pictures as they are.
    """
    if not isinstance(message, Sample) or message.encoding != RAW or not message.data.size:
        return None
    try:
        import cv2
    except ImportError:
        return None
    topic, header, _, *rest = frames
    picture = cv2.imencode(".png", np.ascontiguousarray(message.data))[1]
    return [topic, header, picture.tobytes(), *rest]


def unpacked(frames: Sequence[bytes]) -> list[bytes]:
    """The frames as `packed` got them. Raises WireError where there is no such picture."""
    topic, header, data, *rest = frames
    try:
        picture = decode_picture(bytes(data), "png")
    except MessageError as error:
        raise WireError(f"malformed packed picture: {error}") from error
    if picture.dtype != np.uint16 or picture.shape[2] != 1:
        raise WireError(
            f"malformed packed picture: {picture.dtype} in {picture.shape[2]} channels; expected uint16 in 1"
        )
    return [topic, header, picture.astype("<u2", copy=False).tobytes(), *rest]
