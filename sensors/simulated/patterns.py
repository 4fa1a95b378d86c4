"""What surfaces are covered with: planks, tiles, bricks, books; factors of a surface's own colour."""

from collections.abc import Callable

import numpy as np

Pattern = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""From metres across and up (h, w) to factors float64 (h, w) or, where colours differ, (h, w, 3)."""


def _plain(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return np.ones(across.shape) * chance.uniform(0.97, 1.03) + 0 * up


def _plaster(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    grain = chance.standard_normal(across.shape, dtype=np.float32) * 0.02
    return np.where(up < 0.08, 0.75, 1.0) * (1 + grain)


def _stripes(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    width, contrast = chance.uniform(0.12, 0.35), chance.uniform(0.05, 0.2)
    return np.where(up < 0.08, 0.7, 1 - contrast * (np.mod(across, width) < width / 2))


def _bricks(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    course = np.floor(up / 0.075).astype(int)
    shifted = across + 0.12 * (course % 2)
    tone = _tone(chance, course, np.floor(shifted / 0.24).astype(int))
    joint = (np.mod(up, 0.075) < 0.012) | (np.mod(shifted, 0.24) < 0.012)
    return np.where(joint, 1.15, 0.8 + 0.25 * tone)


def _planks(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    width = chance.uniform(0.1, 0.22)
    plank = np.floor(across / width).astype(int)
    tone = _tone(chance, plank, np.zeros_like(plank))
    joint = (np.mod(across, width) < 0.012) | (np.mod(up + 0.7 * tone, 1.4) < 0.015)
    fibre = 0.03 * np.sin(across * 310 + 2 * np.sin(up * 5 + tone * 6))
    return (0.82 + 0.26 * tone + fibre) * np.where(joint, 0.6, 1.0)


def _tiles(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    size, contrast = chance.uniform(0.2, 0.5), chance.uniform(0.0, 0.45)
    column, line = np.floor(across / size).astype(int), np.floor(up / size).astype(int)
    joint = (np.mod(across, size) < 0.015) | (np.mod(up, size) < 0.015)
    shade = 1 - contrast * ((column + line) % 2) + 0.06 * _tone(chance, column, line)
    return np.where(joint, 0.7, shade)


def _carpet(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    period = chance.uniform(0.25, 0.8)
    woven = 0.10 * np.sin(2 * np.pi * across / period) * np.sin(2 * np.pi * up / period)
    return 0.95 + woven + 0.07 * chance.standard_normal(across.shape, dtype=np.float32)


def _parquet(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    size = chance.uniform(0.3, 0.5)
    column, line = np.floor(across / size).astype(int), np.floor(up / size).astype(int)
    along = np.where((column + line) % 2, across, up)
    stave = np.floor(np.mod(along, size) / (size / 4)).astype(int)
    return (0.75 + 0.3 * _tone(chance, column * 4 + stave, line)) * np.where(
        np.mod(along, size / 4) < 0.01, 0.7, 1
    )


def _ribs(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return 0.78 + 0.22 * np.sin(across * 2 * np.pi / chance.uniform(0.06, 0.1)) + 0 * up


def _panels(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Doors of a cupboard, with their handles."""
    width, height = max(float(across.max()), 0.1), max(float(up.max()), 0.1)
    leaf = width / max(1, round(width / chance.uniform(0.4, 0.6)))
    row = height / max(1, round(height / chance.uniform(0.35, 1.2)))
    x, y = np.mod(across, leaf), np.mod(up, row)
    joint = np.minimum.reduce((x, leaf - x, y, row - y)) < 0.012
    handle = (np.abs(x - leaf / 2) < 0.05) & (np.abs(y - 0.8 * row) < 0.02)
    return np.where(joint, 0.55, np.where(handle, 0.35, 1.0))


def _books(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    board, slot = np.floor(up / 0.38).astype(int), np.floor(across / 0.045).astype(int)
    draws = chance.random((board.max() + 2, slot.max() + 2, 4))[np.maximum(board, 0), np.maximum(slot, 0)]
    height = np.mod(up, 0.38)
    book = (height > 0.03) & (height < 0.24 + 0.1 * draws[..., 3]) & (np.mod(across, 0.045) > 0.004)
    wood = (height <= 0.03)[..., None]
    return np.where(book[..., None], 0.35 + 1.7 * draws[..., :3], np.where(wood, 1.0, 0.28))


def _weave(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    seam = chance.uniform(0.45, 0.75)
    return 1 + 0.10 * np.sin(across * 120) * np.sin(up * 120) - 0.35 * (np.mod(across, seam) < 0.02)


def _sky(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Panes in a white frame, a hedge (or roofs) below the sky."""
    width, height = across.max(), up.max()
    frame = np.minimum.reduce((across, width - across, up, height - up, np.abs(across - width / 2))) < 0.045
    rise, waves, phase = chance.uniform(0.2, 0.6), chance.uniform(4, 12), chance.uniform(0, 6)
    hedge = up < rise + 0.06 * np.sin(across * waves + phase) + 0.03 * np.sin(across * 23 + phase)
    sky = np.stack((0.85 + 0.3 * (1 - up / height), 0.95 + 0.15 * (1 - up / height), 1 + 0 * up), axis=-1)
    view = np.where(hedge[..., None], chance.uniform(0.25, 0.6, 3), sky)
    return np.where(frame[..., None], (1.2, 1.06, 0.92), view)


def _picture(across: np.ndarray, up: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """A dark frame around blocks of colour."""
    width, height = max(float(across.max()), 0.1), max(float(up.max()), 0.1)
    column, line = (5 * across / width).astype(int), (4 * up / height).astype(int)
    blocks = 0.5 + chance.random((7, 7, 3))[np.clip(column, 0, 6), np.clip(line, 0, 6)]
    frame = np.minimum.reduce((across, width - across, up, height - up)) < 0.03
    return np.where(frame[..., None], 0.2, blocks)


def _tone(chance: np.random.Generator, column: np.ndarray, line: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for every cell of a grid."""
    return chance.random((line.max() + 2, column.max() + 2))[np.maximum(line, 0), np.maximum(column, 0)]


PATTERNS: dict[str, Pattern] = {
    "plain": _plain,
    "plaster": _plaster,
    "stripes": _stripes,
    "bricks": _bricks,
    "planks": _planks,
    "tiles": _tiles,
    "carpet": _carpet,
    "parquet": _parquet,
    "ribs": _ribs,
    "panels": _panels,
    "books": _books,
    "weave": _weave,
    "sky": _sky,
    "picture": _picture,
}
