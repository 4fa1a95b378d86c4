"""From geometry to pixels: which surface each pixel sees, and how far away it is."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import NamedTuple

import numpy as np

from .room import Box, Ellipsoid

_NEAR_M = 0.05
_SUBPIXEL_BITS = 4


class Lens(NamedTuple):
    """A pinhole of `width` x `height` pixels, focal length `fx` in pixels, centred, square pixels."""

    width: int
    height: int
    fx: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.width - 1) / 2, (self.height - 1) / 2


class Eye(NamedTuple):
    """Where a camera is (m, world) and how it is turned: columns are its right, down and forward."""

    position: np.ndarray
    axes: np.ndarray


class Rect(NamedTuple):
    """Pixels `[left, right) x [top, bottom)`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    def of(self, image: np.ndarray) -> np.ndarray:
        """That part of an image; a view."""
        return image[self.top : self.bottom, self.left : self.right]


class Raster(NamedTuple):
    """`inverse` float32 (h, w): 1 / depth along the optical axis; `surface` uint8 (h, w): the row each pixel
    sees, faces first, then ellipsoids; `rects`: where each row that was drawn lies at most.
    """

    inverse: np.ndarray
    surface: np.ndarray
    rects: dict[int, Rect]


class View(NamedTuple):
    """Faces as an eye has them, in its own axes.

    `corners` (k, 4, 3); `planes` (k, 3): 1 / depth = plane . (x/z, y/z, 1); `outlines` (k, 4, 2) pixels;
    `near`: rows that turn their outside to the eye and lie before it, far to near; `crossing`: those that
    reach behind it, whose outline must be clipped.
    """

    corners: np.ndarray
    planes: np.ndarray
    outlines: np.ndarray
    near: np.ndarray
    crossing: frozenset[int]


def eye_at(x: float, y: float, z: float, yaw: float, pitch: float, roll: float = 0.0) -> Eye:
    """An eye looking along the body's x axis; yaw, pitch and roll in rad, pitch positive nose down, roll
    positive right side down (REP-103)."""
    cos_yaw, sin_yaw, cos_pitch, sin_pitch = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    forward = np.array([cos_yaw * cos_pitch, sin_yaw * cos_pitch, -sin_pitch])
    level = np.array([sin_yaw, -cos_yaw, 0.0])
    right = np.cos(roll) * level + np.sin(roll) * np.cross(forward, level)
    return Eye(np.array([x, y, z]), np.stack((right, np.cross(forward, right), forward), axis=1))


@lru_cache(maxsize=8)
def faces(boxes: tuple[Box, ...]) -> np.ndarray:
    """The six faces of every box, float64 (6 * boxes, 4, 3): counter-clockwise corners seen from outside."""
    return np.array([_face(box, axis, side) for box in boxes for axis in range(3) for side in (0, 1)])


def view(lens: Lens, eye: Eye, boxes: tuple[Box, ...]) -> View:
    """The boxes' faces in an eye's own axes, and their outlines on its picture."""
    order = far_to_near(boxes, eye.position)
    seen = (faces(boxes) - eye.position) @ eye.axes
    normals = np.cross(seen[:, 1] - seen[:, 0], seen[:, 3] - seen[:, 0])
    offsets = np.einsum("ki,ki->k", normals, seen[:, 0])
    depth = seen[:, :, 2]
    outside = offsets < -1e-9
    planes = normals / np.where(outside, offsets, -1.0)[:, None]
    outlines = seen[:, :, :2] * (lens.fx / np.maximum(depth, _NEAR_M))[:, :, None] + lens.centre
    near = order[(outside & (depth.max(axis=1) > _NEAR_M))[order]]
    crossing = np.flatnonzero(depth.min(axis=1) < _NEAR_M)
    return View(seen, planes, outlines, near, frozenset(crossing.tolist()))


def draw(lens: Lens, eye: Eye, faced: View, bodies: Sequence[tuple[Ellipsoid, float]]) -> Raster:
    """Paint faces far to near, then ellipsoids (each with its heading in rad) where they are nearer."""
    import cv2

    surface = np.zeros((lens.height, lens.width), np.uint8)
    rects: dict[int, Rect] = {}
    for row, outline, rect in _polygons(lens, faced):
        cv2.fillConvexPoly(surface, outline, row, lineType=cv2.LINE_8, shift=_SUBPIXEL_BITS)
        rects[row] = rect
    raster = Raster(_inverse(lens, faced, surface), surface, rects)
    for number, (body, heading) in enumerate(bodies):
        _draw_ellipsoid(raster, lens, eye, len(faced.planes) + number, body, heading)
    return raster


def far_to_near(boxes: tuple[Box, ...], position: np.ndarray) -> np.ndarray:
    """Rows of `faces(boxes)` so that no box comes before one that it may hide from `position`.

    It depends only on which side of each box's planes the position is, so it is rarely worked out anew.
    """
    lows, highs = _extents(boxes)
    return _order(boxes, (position < lows).tobytes(), (position > highs).tobytes())


@lru_cache(maxsize=64)
def _order(boxes: tuple[Box, ...], below: bytes, above: bytes) -> np.ndarray:
    lows, highs = _extents(boxes)
    below_low, above_high = (np.frombuffer(side, bool).reshape(-1, 3) for side in (below, above))
    behind_low = (lows[:, None] >= highs[None]) & below_low[:, None]
    behind_high = (highs[:, None] <= lows[None]) & above_high[:, None]
    cannot_hide = np.any(behind_low | behind_high, axis=2)
    hidden_by = {k: set(np.flatnonzero(~cannot_hide[k]).tolist()) - {k} for k in range(len(boxes))}
    nearest_last = list(TopologicalSorter(hidden_by).static_order())
    return (np.array(nearest_last)[:, None] * 6 + np.arange(6)).ravel()


@lru_cache(maxsize=8)
def _extents(boxes: tuple[Box, ...]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([box.low for box in boxes]), np.array([box.high for box in boxes])


def rays(lens: Lens, rect: Rect) -> tuple[np.ndarray, np.ndarray]:
    """x/z (1, w) and y/z (h, 1) of the pixels in a rectangle, float32."""
    x, y = _all_rays(lens)
    return x[:, rect.left : rect.right], y[rect.top : rect.bottom]


def quadric(eye: Eye, body: Ellipsoid, heading: float) -> tuple[np.ndarray, np.ndarray]:
    """Centre c (3,) and matrix Q (3, 3) in the eye's axes: the surface is (p - c)' Q (p - c) = 1."""
    cos, sin = np.cos(heading), np.sin(heading)
    turned = eye.axes.T @ np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    centre = (np.array(body.centre) - eye.position) @ eye.axes
    return centre, (turned / np.square(body.radii)) @ turned.T


def _face(box: Box, axis: int, side: int) -> list[np.ndarray]:
    low, high = np.array(box.low), np.array(box.high)
    size = np.diag(high - low)
    origin = low + size[axis] * side
    u, v = size[(axis + 1) % 3], size[(axis + 2) % 3]
    if side == 0:
        u, v = v, u
    return [origin, origin + u, origin + u + v, origin + v]


@lru_cache(maxsize=8)
def _all_rays(lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    cx, cy = lens.centre
    x, y = (np.arange(lens.width) - cx) / lens.fx, (np.arange(lens.height) - cy) / lens.fx
    return x.astype(np.float32)[None, :], y.astype(np.float32)[:, None]


def _polygons(lens: Lens, faced: View) -> Iterator[tuple[int, np.ndarray, Rect]]:
    """The faces that may be on the picture, far to near: row, outline (n, 2) in subpixels, rectangle."""
    outlines = faced.outlines[faced.near]
    fixed = _fixed(outlines)
    bounds = _bounds(lens, outlines).tolist()
    for row, outline, bound in zip(faced.near.tolist(), fixed, bounds, strict=True):
        if row in faced.crossing:
            corners = _clipped(faced.corners[row])
            polygon = corners[:, :2] * (lens.fx / corners[:, 2:]) + lens.centre
            outline, bound = _fixed(polygon), _bounds(lens, polygon).tolist()
        rect = Rect(*bound)
        if rect.left < rect.right and rect.top < rect.bottom:
            yield row, outline, rect


def _fixed(polygon: np.ndarray) -> np.ndarray:
    return np.round(polygon * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def _bounds(lens: Lens, polygons: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom (..., 4) of polygons (..., n, 2) on the picture; empty when beside it."""
    low, high = np.floor(polygons.min(axis=-2)), np.ceil(polygons.max(axis=-2)) + 1
    size = (lens.width, lens.height)
    return np.concatenate((np.clip(low, 0, size), np.clip(high, 0, size)), axis=-1).astype(int)


def _clipped(corners: np.ndarray) -> np.ndarray:
    """The part of a polygon in front of the near plane (Sutherland and Hodgman 1974)."""
    kept: list[np.ndarray] = []
    for here, there in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if here[2] >= _NEAR_M:
            kept.append(here)
        if (here[2] >= _NEAR_M) != (there[2] >= _NEAR_M):
            kept.append(here + (there - here) * ((_NEAR_M - here[2]) / (there[2] - here[2])))
    return np.array(kept)


def _inverse(lens: Lens, faced: View, surface: np.ndarray) -> np.ndarray:
    """1 / depth of the face that each pixel sees, kept within what the face's own corners have."""
    import cv2

    depth = np.maximum(faced.corners[:, :, 2], _NEAR_M)
    columns = (*faced.planes.T, 1 / depth.max(axis=1), 1 / depth.min(axis=1))
    tables = np.zeros((len(columns), 256), np.float32)
    tables[:, : len(faced.planes)] = columns
    across, down, ahead, least, most = (cv2.LUT(surface, table) for table in tables)
    x, y = rays(lens, Rect(0, 0, lens.width, lens.height))
    return np.clip(across * x + down * y + ahead, least, most)


def _draw_ellipsoid(raster: Raster, lens: Lens, eye: Eye, row: int, body: Ellipsoid, heading: float) -> None:
    centre, q = quadric(eye, body, heading)
    half = np.sqrt(np.diag(np.linalg.inv(q)))
    if centre[2] - half[2] < _NEAR_M:
        return
    edges = [(centre[:2] + s * half[:2]) / (centre[2] + f * half[2]) for s in (-1, 1) for f in (-1, 1)]
    rect = Rect(*_bounds(lens, np.array(edges) * lens.fx + lens.centre).tolist())
    if rect.left >= rect.right or rect.top >= rect.bottom:
        return
    inverse, hit = _nearest_root(lens, rect, centre, q)
    _keep_nearest(raster, row, rect, inverse, hit)


def _nearest_root(lens: Lens, rect: Rect, c: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 / depth where rays d = (x, y, 1) enter the ellipsoid: the larger w of C w^2 - 2 B w + A = 0 with
    A = d'Qd, B = d'Qc, C = c'Qc - 1; and where they meet it at all.
    """
    x, y = rays(lens, rect)
    m, qc = q.astype(np.float32), (q @ c).astype(np.float32)
    a = x * (m[0, 0] * x + 2 * m[0, 2]) + y * (m[1, 1] * y + 2 * m[1, 2]) + (2 * m[0, 1] * y) * x + m[2, 2]
    b = qc[0] * x + (qc[1] * y + qc[2])
    outside = np.float32(c @ q @ c - 1)
    discriminant = b * b - a * outside
    return (b + np.sqrt(np.maximum(discriminant, 0))) / outside, discriminant > 0


def _keep_nearest(raster: Raster, row: int, rect: Rect, inverse: np.ndarray, mask: np.ndarray) -> None:
    known = rect.of(raster.inverse)
    nearer = (inverse > known) & mask
    np.copyto(known, inverse, where=nearer)
    np.copyto(rect.of(raster.surface), np.uint8(row), where=nearer)
    raster.rects[row] = rect
