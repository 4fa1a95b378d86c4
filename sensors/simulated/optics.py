"""What the simulated robot sees: camera, depth and thermal frames of one raster of the room."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .alarm import beeping
from .building import room_of
from .figures import Body
from .figures import bodies as figures
from .kettle import kettle
from .motion import motion_at
from .noise import Grain
from .raster import Eye, Lens, Raster, Rect, View, draw, eye_at, quadric, rays, view
from .room import AIR_KELVIN_PER_M, BEACON, GLASS, Room
from .script import Script
from .texture import texture, texture_sizes

CAMERA = Lens(320, 240, 228.5)
"""70 degrees across; depth is registered to it, at half its size."""
THERMAL = Lens(160, 120, 147.3)
"""57 degrees across, as FLIR's Lepton 3.5."""
DEPTH_STEP = 2
DEPTH_FX = CAMERA.fx / DEPTH_STEP
BASELINE_M = 0.075
MAST_M = 1.0

_CAMERA_GRAIN = 2.2
_GRAIN_ZERO = 128.5
_JPEG_QUALITY = 85
_GLOW = (40.0, 0.0, 0.0)
_BEACON_LIT = (255, 70, 50)
_DISPARITY_NOISE_PX = 0.03
_DEPTH_FAR_M, _DEPTH_DROPOUT = 5.8, 2.9
_SHADOW_PX = 0.35
_NETD_K, _COLUMN_K = 0.05, 0.03

_RAY_OF_PIXEL = np.array(
    [
        [1 / CAMERA.fx, 0, -CAMERA.centre[0] / CAMERA.fx],
        [0, 1 / CAMERA.fx, -CAMERA.centre[1] / CAMERA.fx],
        [0, 0, 1],
    ]
)


class Scene(NamedTuple):
    """What is where at an instant, and which of it each pixel sees."""

    room: Room
    eye: Eye
    faced: View
    bodies: list[Body]
    raster: Raster

    @property
    def kelvin(self) -> np.ndarray:
        """The temperature of each of the raster's surfaces, float32."""
        bodies = np.array([body.kelvin for body, _ in self.bodies], np.float32)
        return np.concatenate((self.room.face_kelvin, bodies))


class Optics:
    """Frames at any index and time (ns since the script's start) of one script's robot."""

    def __init__(self, script: Script) -> None:
        self._script, self._room = script, room_of(script)
        self._glass = self._room.rows(GLASS)
        camera, thermal = CAMERA, THERMAL
        pixels = (camera.height, camera.width, 3)
        depths = (camera.height // DEPTH_STEP, camera.width // DEPTH_STEP)
        self._camera_grain = Grain(script, "camera", pixels, _CAMERA_GRAIN, _GRAIN_ZERO, np.uint8)
        self._depth_grain = Grain(script, "depth", depths)
        self._thermal_grain = Grain(script, "thermal", (thermal.height, thermal.width), _NETD_K)
        self._thermal_columns = Grain(script, "thermal/columns", (1, thermal.width), _COLUMN_K).crop(0)

    def rgb(self, index: int, t_ns: int) -> np.ndarray:
        """The camera's frame, RGB uint8 (240, 320, 3)."""
        import cv2

        lit = any(beeping(alarm, t_ns) for alarm in self._script.during(t_ns, t_ns + 1, "alarm"))
        image = _painted(_scene(self._script, t_ns, CAMERA), lit)
        image = cv2.addWeighted(image, 1.0, self._camera_grain.crop(index), 1.0, -int(_GRAIN_ZERO))
        return cv2.add(image, np.array((*_GLOW, 0.0))) if lit else image

    def jpeg(self, index: int, t_ns: int) -> np.ndarray:
        """The camera's frame as a JPEG file, uint8 (n,)."""
        import cv2

        bgr = cv2.cvtColor(self.rgb(index, t_ns), cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))[1]

    def depth(self, index: int, t_ns: int) -> np.ndarray:
        """Depth along the optical axis, float32 (120, 160) metres; NaN where a stereo camera has none:
        too far, in the shadow of an edge, through glass, and here and there.
        """
        raster = _scene(self._script, t_ns, CAMERA).raster
        inverse, surface = (
            raster.inverse[::DEPTH_STEP, ::DEPTH_STEP],
            raster.surface[::DEPTH_STEP, ::DEPTH_STEP],
        )
        grain = self._depth_grain.crop(index)
        pixels = np.float32(DEPTH_FX * BASELINE_M)
        disparity = inverse * pixels + grain * np.float32(_DISPARITY_NOISE_PX)
        shadow = np.zeros(inverse.shape, bool)
        shadow[:, 1:-1] = np.abs(inverse[:, 2:] - inverse[:, :-2]) * pixels > _SHADOW_PX
        hole = shadow | (disparity * _DEPTH_FAR_M < pixels) | (grain > _DEPTH_DROPOUT)
        hole |= np.isin(surface, self._glass)
        return np.where(hole, np.float32(np.nan), pixels / np.maximum(disparity, np.float32(1e-3)))

    def thermal(self, index: int, t_ns: int) -> np.ndarray:
        """Surface temperature, float32 (120, 160) kelvin, as a microbolometer's optics blur it."""
        import cv2

        scene = _scene(self._script, t_ns, THERMAL)
        x, y = rays(THERMAL, Rect(0, 0, THERMAL.width, THERMAL.height))
        right, down, ahead = scene.eye.axes[2].astype(np.float32)
        rise = (right * x + (down * y + ahead)) / np.maximum(scene.raster.inverse, np.float32(1e-3))
        sharp = scene.kelvin[scene.raster.surface] + np.float32(AIR_KELVIN_PER_M) * rise
        noise = self._thermal_grain.crop(index) + self._thermal_columns
        return cv2.GaussianBlur(sharp, (3, 3), 0.6) + noise


@lru_cache(maxsize=4)
def _scene(script: Script, t_ns: int, lens: Lens) -> Scene:
    """Camera and depth share it."""
    motion = motion_at(script, np.array([t_ns]))
    x, y, z = motion.position[0].tolist()
    turned = (float(angle[0]) for angle in (motion.yaw, motion.pitch, motion.roll))
    eye = eye_at(x, y, MAST_M + z, *turned)
    room = room_of(script)
    bodies = [(leaves, 0.0) for leaves in room.plants] + kettle(script, t_ns) + figures(script, t_ns)
    faced = view(lens, eye, room.boxes)
    return Scene(room, eye, faced, bodies, draw(lens, eye, faced, bodies))


def _painted(scene: Scene, lit: bool) -> np.ndarray:
    import cv2

    image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    faces, raster = 6 * len(scene.room.boxes), scene.raster
    to_texels, beacon = _texels_of_rays(scene), scene.room.rows(BEACON)
    for row, drawn in raster.rects.items():
        mask = cv2.inRange(drawn.of(raster.surface), row, row)
        x, y, width, height = cv2.boundingRect(mask)
        if not width:
            continue
        left, top = drawn.left + x, drawn.top + y
        rect = Rect(left, top, left + width, top + height)
        if row >= faces:
            colours = _shaded(scene, scene.bodies[row - faces], rect)
        elif lit and row in beacon:
            colours = np.full((*rect.shape, 3), _BEACON_LIT, np.uint8)
        else:
            colours = _textured(texture(scene.room, row), to_texels[row], rect)
        cv2.copyTo(colours, mask[y : y + height, x : x + width], rect.of(image))
    return image


def _textured(texels: np.ndarray, to_texels: np.ndarray, rect: Rect) -> np.ndarray:
    """A face's texture as it is seen in a rectangle, uint8 (h, w, 3)."""
    import cv2

    to_texel = to_texels.copy()
    to_texel[:, 2] += to_texels[:, :2] @ (rect.left, rect.top)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(
        texels, to_texel, rect.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
    )


def _texels_of_rays(scene: Scene) -> np.ndarray:
    """Homographies (k, 3, 3) from the camera's pixels to the texels of each face."""
    faced = scene.faced
    origins = faced.corners[:, 0]
    edges = faced.corners[:, (1, 3)] - origins[:, None]
    scale = texture_sizes(scene.room) / np.einsum("kei,kei->ke", edges, edges)
    begins = np.einsum("kei,ki->ke", edges, origins)
    planes = faced.planes[:, None]
    rows = scale[:, :, None] * (edges - begins[:, :, None] * planes) - 0.5 * planes
    return np.concatenate((rows, planes), axis=1) @ _RAY_OF_PIXEL


def _shaded(scene: Scene, body: Body, rect: Rect) -> np.ndarray:
    """An ellipsoid's colour under the first light, uint8 (h, w, 3): shaded as the sphere it is stretched
    from, whose Lambert term is linear in the point: l'Q (p - c) / sqrt(l'Q l).
    """
    light = scene.room.lights[0]
    c, q = quadric(scene.eye, *body)
    toward = (np.array(light.position) - body[0].centre) @ scene.eye.axes
    k = q @ toward / np.sqrt(toward @ q @ toward)
    across, down, ahead, offset = np.array((*k, k @ c)).astype(np.float32)
    x, y = rays(CAMERA, rect)
    lambert = (across * x + (down * y + ahead)) / rect.of(scene.raster.inverse) - offset
    shade = np.clip(0.62 + np.float32(0.38) * lambert, 0, 1)
    tinted = np.array(body[0].colour) * np.minimum(np.array(light.power) / 2.3, 1.1)
    return np.minimum(shade[..., None] * tinted.astype(np.float32), 255).astype(np.uint8)
