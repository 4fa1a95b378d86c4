"""Arrays in memory to what ImageBind's trunks take: pure functions, one modality a file."""

from .audio import audio, audio_clips
from .depth import depth
from .image import image
from .imu import imu
from .text import text
from .thermal import thermal
from .video import clip_frames, video

__all__ = ["audio", "audio_clips", "clip_frames", "depth", "image", "imu", "text", "thermal", "video"]
