"""What the room's surfaces look like: patterns, light and shadow, baked once into textures."""

from collections.abc import Callable
from functools import lru_cache
from math import ceil

import numpy as np

from .noise import keyed
from .raster import faces
from .room import AMBIENT, BOXES, LIGHTS, Light

_TEXELS_PER_M = 40
_LIGHT_TEXELS_PER_M = 10
_GAMMA = 2.2


@lru_cache(maxsize=1024)
def texture(row: int) -> np.ndarray:
    """Face `row` of `faces(BOXES)` as an sRGB uint8 (h, w, 3) texture: rows along the face's second edge."""
    import cv2

    box, corners = BOXES[row // 6], faces(BOXES)[row]
    points = _grid(corners, _TEXELS_PER_M)
    albedo = np.array(box.colour) / 255 * _PATTERNS[box.pattern](*_plane(points - box.low, row // 2 % 3), row)
    if box.glows:
        return _quantised(albedo)
    light = _light(_grid(corners, _LIGHT_TEXELS_PER_M), corners)
    light = cv2.resize(light, albedo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    linear = np.maximum(albedo, 0) ** _GAMMA * light
    return _quantised((linear / (1 + 0.25 * linear)) ** (1 / _GAMMA))


@lru_cache(maxsize=1)
def texture_sizes() -> np.ndarray:
    """Width and height of every texture, float64 (faces, 2)."""
    return np.array([_size(corners, _TEXELS_PER_M) for corners in faces(BOXES)], np.float64)


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


def _light(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Linear RGB that falls on points of a face: Lambert's law, hard shadows, a constant for the rest."""
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    normal /= np.linalg.norm(normal)
    total = np.zeros(points.shape) + AMBIENT
    for light in LIGHTS:
        ray = np.array(light.position) - points
        squared = np.maximum(np.sum(ray**2, axis=-1), 0.15)
        lambert = np.maximum(ray @ normal, 0) / squared**1.5
        lit = _reaches(points + 0.01 * normal, light)
        total += (lit * lambert)[..., None] * light.power
    return total


def _reaches(points: np.ndarray, light: Light) -> np.ndarray:
    """Whether the way from each point to the light is free of boxes (slab test, Kay and Kajiya 1986)."""
    flat = points.reshape(-1, 3)
    ray = np.array(light.position) - flat
    ray[np.abs(ray) < 1e-9] = 1e-9
    free = np.ones(len(flat), bool)
    for box in BOXES:
        if not box.glows:
            near, far = (np.array(box.low) - flat) / ray, (np.array(box.high) - flat) / ray
            enter, leave = np.minimum(near, far).max(axis=1), np.maximum(near, far).min(axis=1)
            free &= ~((enter < leave) & (leave > 0) & (enter < 1))
    return free.reshape(points.shape[:-1])


def _plain(across: np.ndarray, up: np.ndarray, row: int) -> np.ndarray:
    return np.ones((*across.shape, 3)) + 0 * up[..., None] * row


def _plaster(across: np.ndarray, up: np.ndarray, row: int) -> np.ndarray:
    grain = keyed(0, "plaster", row).standard_normal(across.shape) * 0.02
    skirting = np.where(up < 0.08, 0.75, 1.0)
    return np.repeat((skirting * (1 + grain))[..., None], 3, axis=-1)


def _planks(across: np.ndarray, up: np.ndarray, row: int) -> np.ndarray:
    plank = np.floor(across / 0.18).astype(int)
    tone = keyed(0, "planks", row).random(plank.max() + 2)[np.maximum(plank, 0)]
    joint = (np.mod(across, 0.18) < 0.012) | (np.mod(up + 0.7 * tone, 1.4) < 0.015)
    fibre = 0.03 * np.sin(across * 310 + 2 * np.sin(up * 5 + tone * 6))
    return np.repeat(((0.82 + 0.26 * tone + fibre) * np.where(joint, 0.6, 1.0))[..., None], 3, axis=-1)


def _ribs(across: np.ndarray, up: np.ndarray, row: int) -> np.ndarray:
    shade = 0.78 + 0.22 * np.sin(across * 2 * np.pi / 0.08)
    return np.repeat(shade[..., None], 3, axis=-1) + 0 * up[..., None] * row


def _books(across: np.ndarray, up: np.ndarray, row: int) -> np.ndarray:
    board, slot = np.floor(up / 0.38).astype(int), np.floor(across / 0.045).astype(int)
    draws = keyed(0, "books", row).random((board.max() + 2, slot.max() + 2, 4))[
        np.maximum(board, 0), np.maximum(slot, 0)
    ]
    height = np.mod(up, 0.38)
    book = (height > 0.03) & (height < 0.24 + 0.1 * draws[..., 3]) & (np.mod(across, 0.045) > 0.004)
    wood = (height <= 0.03)[..., None]
    return np.where(book[..., None], 0.35 + 1.7 * draws[..., :3], np.where(wood, 1.0, 0.28))


def _weave(across: np.ndarray, up: np.ndarray, row: int) -> np.ndarray:
    shade = 1 + 0.10 * np.sin(across * 120) * np.sin(up * 120) - 0.35 * (np.mod(across, 0.62) < 0.02)
    return np.repeat(shade[..., None], 3, axis=-1) + 0 * row


def _sky(across: np.ndarray, up: np.ndarray, row: int) -> np.ndarray:
    """Panes in a white frame, a hedge below a bright sky."""
    width, height = across.max(), up.max()
    frame = np.minimum.reduce((across, width - across, up, height - up, np.abs(across - width / 2))) < 0.045
    hedge = up < 0.33 + 0.06 * np.sin(across * 7) + 0.03 * np.sin(across * 23 + row)
    sky = np.stack((0.85 + 0.3 * (1 - up / height), 0.95 + 0.15 * (1 - up / height), 1 + 0 * up), axis=-1)
    view = np.where(hedge[..., None], (0.36, 0.50, 0.26), sky)
    return np.where(frame[..., None], (1.2, 1.06, 0.92), view)


def _picture(across: np.ndarray, up: np.ndarray, row: int) -> np.ndarray:
    """A dark frame around blocks of colour."""
    width, height = max(float(across.max()), 0.1), max(float(up.max()), 0.1)
    column, line = (5 * across / width).astype(int), (4 * up / height).astype(int)
    blocks = 0.5 + keyed(0, "picture", row).random((7, 7, 3))[np.clip(column, 0, 6), np.clip(line, 0, 6)]
    frame = np.minimum.reduce((across, width - across, up, height - up)) < 0.03
    return np.where(frame[..., None], 0.2, blocks)


_PATTERNS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "plain": _plain,
    "plaster": _plaster,
    "planks": _planks,
    "ribs": _ribs,
    "books": _books,
    "weave": _weave,
    "sky": _sky,
    "picture": _picture,
}
