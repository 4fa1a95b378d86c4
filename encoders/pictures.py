"""Camera JPEG to RGB, no larger than the model needs it."""

import numpy as np

from .errors import InputError
from .preprocess.image import SIDE

END_OF_IMAGE = b"\xff\xd9"


def decode_jpeg(data: np.ndarray, width: int = 0, height: int = 0) -> np.ndarray:
    """JPEG bytes, uint8 (n,), to RGB uint8 (h, w, 3), at a half or quarter of the size where that
    still leaves 224 pixels on the shorter side of `width` x `height` (0: unknown, full size).

    Raises InputError when the bytes are no JPEG or it is cut off.
    """
    import cv2

    if data.ndim != 1 or data.dtype != np.uint8 or not len(data):
        raise InputError(
            f"vision: {data.dtype} array of shape {data.shape} is no JPEG; give its bytes, uint8 (n,)"
        )
    if data.tobytes().rfind(END_OF_IMAGE) < 0:
        raise InputError(f"vision: a JPEG of {len(data)} bytes that is cut off (no end-of-image marker)")
    flags = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
    flag = flags[_reduction(min(width, height))]
    # A camera's own pixels count, not how a viewer should turn them.
    bgr = cv2.imdecode(data, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise InputError(
            f"vision: {len(data)} bytes that are no JPEG (they start with {data[:4].tobytes().hex()})"
        )
    return np.ascontiguousarray(bgr[:, :, ::-1])


def _reduction(shorter: int) -> int:
    return next((factor for factor in (4, 2) if shorter >= factor * SIDE), 1)
