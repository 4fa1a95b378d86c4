"""A file given by its path as arrays: a picture, a sound or a clip, for queries and for embedding files."""

import os
from typing import Literal

import numpy as np

from .audio import Converter, audio_stream
from .container import Losses, check_file, frames, open_media, pick
from .errors import SourceError
from .video import fitting, rgb, video_stream

Kind = Literal["picture", "sound", "clip"]

CLIP_S = 2.0

# ImageBind's limits apply to windows of seconds; an hour of PCM in memory helps nobody.
MAX_SOUND_S = 600.0


def kind_of(path: str | os.PathLike[str]) -> Kind:
    """What the file holds, judged by its content. Raises SourceError."""
    import cv2

    if cv2.haveImageReader(check_file(path)):
        return "picture"
    with open_media(path) as container:
        if pick(container, "video") is not None:
            return "clip"
        if pick(container, "audio") is not None:
            return "sound"
    raise SourceError(f"{path} holds neither picture, sound nor video. Give a PNG, JPEG, WAV, MP4 ...")


def is_16_bit(path: str | os.PathLike[str]) -> bool:
    """Whether a picture is 16-bit grey, as depth and thermal cameras make them. Raises SourceError."""
    import cv2

    raw = _decode(path, cv2.IMREAD_UNCHANGED)
    return raw.dtype == np.uint16 and raw.ndim == 2


def load_picture(path: str | os.PathLike[str]) -> np.ndarray:
    """RGB uint8 (h, w, 3), upright as its EXIF says. Raises SourceError."""
    import cv2

    return np.ascontiguousarray(_decode(path, cv2.IMREAD_COLOR)[:, :, ::-1])


def load_depth(path: str | os.PathLike[str]) -> np.ndarray:
    """float32 (h, w) metres, NaN invalid, of a 16-bit picture in millimetres where 0 is invalid.

    Raises SourceError; so does an 8-bit picture, since nobody can say how far its grey is.
    """
    import cv2

    raw = _decode(path, cv2.IMREAD_UNCHANGED)
    if raw.dtype != np.uint16 or raw.ndim != 2:
        raise SourceError(
            f"{path} is no depth picture: {raw.dtype} of shape {raw.shape}, not 16-bit grey in millimetres. "
            "An 8-bit rendering has lost its distances; give the camera's 16-bit PNG."
        )
    return np.where(raw == 0, np.nan, raw / 1000).astype(np.float32)


def load_thermal(path: str | os.PathLike[str]) -> np.ndarray:
    """float32 (h, w) kelvin of a 16-bit picture in centikelvin (Lepton Y16), NaN where 0; or uint8 (h, w) of
    an 8-bit one, which has no temperatures. Raises SourceError."""
    import cv2

    raw = _decode(path, cv2.IMREAD_UNCHANGED)
    if raw.ndim == 3:
        raw = _decode(path, cv2.IMREAD_GRAYSCALE)
    return raw if raw.dtype == np.uint8 else np.where(raw == 0, np.nan, raw / 100).astype(np.float32)


def load_sound(path: str | os.PathLike[str], *, seconds: float = MAX_SOUND_S) -> tuple[np.ndarray, int]:
    """int16 (n, channels) and its rate in Hz, of at most the first `seconds`. Raises SourceError."""
    with open_media(path) as container:
        parts: list[np.ndarray] = []
        rate, wanted = 0, 0
        convert: Converter | None = None
        for frame in frames(container, audio_stream(container), Losses()):
            if convert is None:
                rate = frame.sample_rate
                wanted = round(seconds * rate)
                convert = Converter(frame.layout.name, rate)
            pcm = convert(frame)
            if pcm is not None:
                parts.append(pcm)
                wanted -= len(pcm)
            if wanted <= 0:
                break
    if not parts:
        raise SourceError(f"{path} has a sound track, but none of it can be decoded. Convert it to WAV.")
    pcm = np.concatenate(parts)
    return pcm[: len(pcm) + min(wanted, 0)], rate


def load_clip(path: str | os.PathLike[str], *, seconds: float = CLIP_S) -> np.ndarray:
    """RGB uint8 (2, h, w, 3): the first frame, and the last of the first `seconds`. Raises SourceError."""
    with open_media(path) as container:
        first = last = None
        for frame in frames(container, video_stream(container), Losses()):
            first = frame if first is None else first
            if last is not None and (frame.time or 0.0) - (first.time or 0.0) > seconds:
                break
            last = frame
    if first is None or last is None:
        raise SourceError(f"{path} has a video track, but no frame of it can be decoded. Convert it.")
    size = fitting(first.width, first.height)
    images = [image for image in (rgb(first, *size), rgb(last, *size)) if image is not None]
    if len(images) < 2:
        raise SourceError(f"{path} has {first.format.name} pixels, which have no RGB here. Convert it.")
    return np.rot90(np.stack(images), first.rotation // 90 % 4, (1, 2))


def _decode(path: str | os.PathLike[str], flags: int) -> np.ndarray:
    import cv2

    with open(check_file(path), "rb") as file:
        image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), flags)
    if image is None:
        raise SourceError(f"{path} is not a picture OpenCV can read. Give a PNG, JPEG, WebP or TIFF.")
    return image
