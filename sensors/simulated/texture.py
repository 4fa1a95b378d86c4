"""What a room's surfaces look like: patterns, light and shadow, baked once into textures."""

from functools import lru_cache
from math import ceil

import numpy as np

from .noise import keyed
from .patterns import PATTERNS
from .raster import faces
from .room import Light, Room

_TEXELS_PER_M = 40
_LIGHT_TEXELS_PER_M = 8
_GAMMA = 2.2


@lru_cache(maxsize=16384)
def texture(room: Room, row: int) -> np.ndarray:
    """Face `row` of a room's boxes as an sRGB uint8 (h, w, 3) texture: rows along the face's second edge."""
    import cv2

    box, corners = room.boxes[row // 6], faces(room.boxes)[row]
    points = _grid(corners, _TEXELS_PER_M)
    chance = keyed(room.number, f"{room.split}/texture", row)
    factors = PATTERNS[box.pattern](*_plane(points - box.low, row // 2 % 3), chance)
    albedo = np.array(box.colour) / 255 * (factors if factors.ndim == 3 else factors[..., None])
    if box.glows:
        return _quantised(albedo)
    light = _light(room, _grid(corners, _LIGHT_TEXELS_PER_M), corners)
    light = cv2.resize(light.astype(np.float32), albedo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    linear = np.maximum(albedo, 0).astype(np.float32) ** np.float32(_GAMMA) * light
    return _quantised((linear / (1 + 0.25 * linear)) ** np.float32(1 / _GAMMA))


@lru_cache(maxsize=128)
def texture_sizes(room: Room) -> np.ndarray:
    """Width and height of every texture, float64 (faces, 2)."""
    return np.array([_size(corners, _TEXELS_PER_M) for corners in faces(room.boxes)], np.float64)


def _quantised(image: np.ndarray) -> np.ndarray:
    return np.clip(np.round(image * 255), 0, 255).astype(np.uint8)


def _grid(corners: np.ndarray, per_m: int) -> np.ndarray:
    """Points at the texels' centres, (h, w, 3)."""
    u, v = corners[1] - corners[0], corners[3] - corners[0]
    width, height = _size(corners, per_m)
    s, t = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    return corners[0] + s[None, :, None] * u + t[:, None, None] * v


def _size(corners: np.ndarray, per_m: int) -> tuple[int, int]:
    width, height = np.linalg.norm(corners[[1, 3]] - corners[0], axis=1).tolist()
    return max(2, ceil(width * per_m)), max(2, ceil(height * per_m))


def _plane(points: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Horizontal and upward coordinate (m) on a vertical face; x and y on a horizontal one."""
    across, up = ((1, 2), (0, 2), (0, 1))[axis]
    return points[..., across], points[..., up]


def _light(room: Room, points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Linear RGB that falls on points of a face: Lambert's law, hard shadows, a constant for the rest."""
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    normal /= np.linalg.norm(normal)
    total = np.zeros(points.shape) + room.ambient
    for light in room.lights:
        ray = np.array(light.position) - points
        squared = np.maximum(np.sum(ray**2, axis=-1), 0.15)
        lambert = np.maximum(ray @ normal, 0) / squared**1.5
        lit = _reaches(room, points + 0.01 * normal, light)
        total += (lit * lambert)[..., None] * light.power
    return total


def _reaches(room: Room, points: np.ndarray, light: Light) -> np.ndarray:
    """Whether the way from each point to the light is free of boxes (slab test, Kay and Kajiya 1986)."""
    flat = points.reshape(-1, 3)
    ray = np.array(light.position) - flat
    ray[np.abs(ray) < 1e-9] = 1e-9
    free = np.ones(len(flat), bool)
    for box in room.boxes:
        if not box.glows:
            near, far = (np.array(box.low) - flat) / ray, (np.array(box.high) - flat) / ray
            enter, leave = np.minimum(near, far).max(axis=1), np.maximum(near, far).min(axis=1)
            free &= ~((enter < leave) & (leave > 0) & (enter < 1))
    return free.reshape(points.shape[:-1])
