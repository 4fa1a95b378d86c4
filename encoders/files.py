"""Files to vectors: pictures, videos, sounds, 16-bit depth and thermal pictures, IMU tables, texts."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..sensors.container import Losses, frames, open_media
from ..sensors.errors import SourceError
from ..sensors.media import is_16_bit, kind_of, load_depth, load_picture, load_sound, load_thermal
from ..sensors.video import fitting, frame_rate, rgb, video_stream
from . import preprocess
from .errors import InputError

if TYPE_CHECKING:
    from .model import Model


def embed_file(model: "Model", modality: str, path: Path) -> np.ndarray:
    """One unit vector, float32 (dim,), of a file.

    vision: a picture, or any video (five clips); audio: anything with sound; depth: a 16-bit picture in
    millimetres, or `.npy` in metres; thermal: a 16-bit centikelvin or 8-bit grey picture, or `.npy` in
    kelvin; imu: `.csv` without a header (stamp in ns, then six columns) or `.npz` with `rows` and
    `stamps`; text: UTF-8. Raises SourceError for a file that cannot be read, InputError for what is in it.
    """
    if modality not in _EMBED:
        raise InputError(f"no file of modality {modality!r} can be embedded; known are {', '.join(_EMBED)}")
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    try:
        return _EMBED[modality](model, path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise SourceError(f"{path}: cannot be read as {modality} ({error})") from error


def modality_of(path: Path) -> str:
    """Which modality a file is of, judged by its content: `.csv` and `.npz` tables are IMU, `.txt` is text.

    Raises SourceError for a file that cannot be read, InputError for one whose modality cannot be told.
    """
    if path.suffix in _SUFFIXES and path.is_file():
        return _SUFFIXES[path.suffix]
    if path.suffix == ".npy" and path.is_file():
        raise InputError(f"{path}: an array may be depth (metres) or thermal (kelvin); say which")
    kind = kind_of(path)
    if kind == "picture" and is_16_bit(path):
        raise InputError(f"{path}: a 16-bit grey picture may be depth or thermal; say which")
    return "audio" if kind == "sound" else "vision"


def _vision(model: "Model", path: Path) -> np.ndarray:
    if kind_of(path) == "picture":
        return model.embed_image([load_picture(path)])[0]
    return model.forward("vision", _views(path)[None])[0]


def _views(path: Path) -> torch.Tensor:
    """(15, 3, 2, 224, 224): counted first, decoded after, so that only ten frames are in memory."""
    with open_media(path) as container:
        stream = video_stream(container)
        count = sum(packet.size > 0 for packet in container.demux(stream))
        pairs = preprocess.clip_frames(count, float(frame_rate(stream)))
    wanted = {index for pair in pairs for index in pair}
    kept: list[tuple[int, np.ndarray]] = []
    with open_media(path) as container:
        for i, frame in enumerate(frames(container, video_stream(container), Losses())):
            picture = rgb(frame, *fitting(frame.width, frame.height)) if i in wanted or not kept else None
            if picture is not None:
                kept.append((i, picture))
    if not kept:
        raise InputError("vision: no frame can be decoded")
    # A damaged frame is replaced by the last good one that was kept before it.
    clips = [
        [next(f for i, f in reversed(kept) if i <= max(at, kept[0][0])) for at in pair] for pair in pairs
    ]
    return torch.cat([preprocess.video(np.stack(clip)) for clip in clips])


def _audio(model: "Model", path: Path) -> np.ndarray:
    return model.embed_audio([load_sound(path)])[0]


def _depth(model: "Model", path: Path) -> np.ndarray:
    return model.embed_depth([np.load(path) if path.suffix == ".npy" else load_depth(path)])[0]


def _thermal(model: "Model", path: Path) -> np.ndarray:
    return model.embed_thermal([np.load(path) if path.suffix == ".npy" else load_thermal(path)])[0]


def _imu(model: "Model", path: Path) -> np.ndarray:
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return model.embed_imu([arrays["rows"]], [arrays["stamps"]])[0]
    lines = [line.split(",") for line in path.read_text().splitlines() if line.strip()]
    try:
        stamps = np.array([int(line[0]) for line in lines], np.int64)
        rows = np.array([line[1:] for line in lines], np.float32)
    except ValueError as error:
        raise InputError(f"imu: {error}; a line is {_IMU_LINE}, without a header") from error
    return model.embed_imu([rows], [stamps])[0]


def _text(model: "Model", path: Path) -> np.ndarray:
    return model.embed_text([path.read_text(encoding="utf-8")])[0]


_IMU_LINE = "a stamp in ns, acceleration xyz in m/s^2, turn rate xyz in rad/s"
_SUFFIXES = {".csv": "imu", ".npz": "imu", ".txt": "text"}
_EMBED: dict[str, Callable[["Model", Path], np.ndarray]] = {
    "vision": _vision,
    "audio": _audio,
    "depth": _depth,
    "thermal": _thermal,
    "imu": _imu,
    "text": _text,
}
