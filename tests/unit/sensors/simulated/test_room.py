"""One geometry: what camera, depth and thermal show agrees with where things are."""

from unittest import mock

import cv2
import numpy as np
import pytest
from sixsense.sensors.sample import NS
from sixsense.sensors.simulated import optics
from sixsense.sensors.simulated.building import ROOMS, room, room_of
from sixsense.sensors.simulated.figures import place, second_place, whereabouts
from sixsense.sensors.simulated.motion import motion_at
from sixsense.sensors.simulated.optics import CAMERA, DEPTH_FX, MAST_M, THERMAL, Optics
from sixsense.sensors.simulated.raster import Lens, Rect, draw, eye_at, faces, far_to_near, rays, view
from sixsense.sensors.simulated.room import AREA, Box, Ellipsoid, Room
from sixsense.sensors.simulated.script import Happening, Script
from sixsense.sensors.simulated.split import SPLITS, Split

SEEDS = (0, 1, 2, 5, 8)
EVERY_ROOM = [(split, number) for split in SPLITS for number in range(ROOMS[split])]
BOXES = room("test", 0).boxes


def person_of(script: Script, number: int = 0) -> Happening:
    return script.during(0, 60 * NS, "person")[number]


def ahead_and_right(script: Script, person: Happening, t_ns: int) -> tuple[float, float]:
    """Where the person's axis is for the camera, m."""
    motion = motion_at(script, np.array([t_ns]))
    x, y, _ = whereabouts(room_of(script), person, t_ns)
    east, north = np.subtract((x, y), motion.position[0, :2])
    cos, sin = np.cos(motion.yaw[0]), np.sin(motion.yaw[0])
    return float(cos * east + sin * north), float(sin * east - cos * north)


def warm(kelvin: np.ndarray) -> np.ndarray:
    """The person's temperatures; the radiator, the mug and the screen are warmer or elsewhere."""
    return (kelvin > 299.5) & (kelvin < 309)


@pytest.mark.parametrize("seed", SEEDS)
def test_depth_at_the_person_is_the_distance_to_the_person(seed: int) -> None:
    script = Script(seed)
    person = person_of(script)
    middle = (person.start_ns + person.end_ns) // 2
    depth = Optics(script).depth(0, middle)
    ahead, right = ahead_and_right(script, person, middle)
    column = round(DEPTH_FX * right / ahead + (depth.shape[1] - 1) / 2)
    chest = round(DEPTH_FX * (MAST_M - 1.17) / ahead + (depth.shape[0] - 1) / 2)
    seen = depth[chest - 3 : chest + 4, column - 2 : column + 3]
    # The chest is an ellipsoid 0.11 m thick before the body's axis, up to 0.29 m of a stout one when turned.
    assert ahead - 0.31 < np.nanmedian(seen) < ahead - 0.06


@pytest.mark.parametrize("seed", SEEDS)
def test_thermal_is_warm_just_where_the_person_is(seed: int) -> None:
    script = Script(seed)
    person = person_of(script)
    middle = (person.start_ns + person.end_ns) // 2
    with_person = Optics(script).thermal(0, middle)
    ahead, right = ahead_and_right(script, person, middle)
    column = THERMAL.fx * right / ahead + (THERMAL.width - 1) / 2
    half = THERMAL.fx * 0.40 / ahead
    near = np.abs(np.arange(THERMAL.width) - column) < half
    assert warm(with_person)[:, near].sum() > 300
    changed = warm(with_person) & ~warm(_without(script, middle))
    assert changed[:, near].sum() > 300
    assert changed[:, ~near].sum() < 0.02 * changed.sum()


def _without(script: Script, t_ns: int) -> np.ndarray:
    """The same moment's thermal frame with nobody there; of a script that nothing is remembered of."""
    with mock.patch.object(optics, "figures", return_value=[]):
        return Optics(Script(script.seed, script.split)).thermal(0, t_ns)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ground_truth_is_when_the_person_can_be_seen(seed: int) -> None:
    script = Script(seed)
    for number in range(2):
        person = person_of(script, number)
        eyes = Optics(script)
        inside = np.linspace(person.start_ns + NS, person.end_ns - NS, 9).astype(int).tolist()
        outside = (person.start_ns - NS // 10, person.end_ns + NS // 10)
        pixels = [_person_pixels(script, eyes, t) for t in (*inside, *outside)]
        assert min(pixels[:-2]) > 60, pixels
        assert max(pixels[-2:]) == 0


def _person_pixels(script: Script, eyes: Optics, t_ns: int) -> int:
    new = np.abs(eyes.thermal(0, t_ns) - _without(script, t_ns)) > 2
    return int(new.sum())


@pytest.mark.parametrize("split", SPLITS)
def test_depth_has_some_holes_and_no_nonsense(split: Split) -> None:
    for seed in range(3):
        script = Script(seed, split)
        facing = script.first("person").start_ns
        depth = Optics(script).depth(0, facing)
        assert 0.01 < np.isnan(depth).mean() < 0.45
        assert np.nanmin(depth) > 0.5
        assert np.nanmax(depth) < 6.0


@pytest.mark.parametrize(("split", "number"), EVERY_ROOM)
def test_a_room_can_be_painted(split: Split, number: int) -> None:
    one = room(split, number)
    assert len(one.boxes) * 6 + len(one.plants) + 3 + 11 <= 256
    lows, highs = (np.array([getattr(box, end) for box in one.boxes]) for end in ("low", "high"))
    assert (lows < highs).all()
    apart = (lows[:, None] >= highs[None] - 1e-9).any(axis=2)
    beside = apart | apart.T | np.eye(len(lows), dtype=bool)
    assert beside.all(), [(one.boxes[i].name, one.boxes[j].name) for i, j in np.argwhere(~beside)]
    for x in (-1.2, 0.0, 1.2):
        for y in (-2.3, -0.9):
            far_to_near(one.boxes, np.array([x, y, MAST_M]))


@pytest.mark.parametrize(("split", "number"), EVERY_ROOM)
def test_where_people_go_and_the_robot_drives_nothing_stands(split: Split, number: int) -> None:
    one = room(split, number)
    (x0, x1), (y0, y1) = AREA
    for x, y in ((x0, y0), (x0, y1), (x1, y0), (x1, y1), *_people_places(one)):
        for box in one.boxes:
            low, high = np.array(box.low[:2]), np.array(box.high[:2])
            away = np.maximum(low - (x, y), (x, y) - high).max()
            assert away > 0.15 or box.low[2] > 1.9 or box.high[2] <= 0, (box.name, x, y)


def _people_places(one: Room) -> list[tuple[float, float]]:
    corners = [(across, along) for across in (0.0, 0.999) for along in (0.0, 0.999)]
    people = [
        Happening(
            name="person", start_ns=0, end_ns=NS, modalities=(), character=(*corner, 0.5, 0.5, 0.04, 0, 0, 0)
        )
        for corner in corners
    ]
    return [place(one, person) for person in people] + [second_place(one, person) for person in people]


@pytest.mark.parametrize("x", [-1.2, 0.0, 1.2])
@pytest.mark.parametrize("y", [-2.3, -0.9])
@pytest.mark.parametrize("number", range(6))
def test_painting_far_to_near_is_what_rays_see(x: float, y: float, number: int) -> None:
    lens = Lens(160, 120, 114.0)
    eye = eye_at(x, y, MAST_M, yaw=1.5 + number, pitch=0.02, roll=0.05)
    boxes = room("train", number).boxes
    raster = draw(lens, eye, view(lens, eye, boxes), ())
    horizontal, vertical = rays(lens, Rect(0, 0, lens.width, lens.height))
    directions = np.stack(np.broadcast_arrays(horizontal, vertical, np.float32(1)), axis=-1) @ eye.axes.T
    depth = np.full(directions.shape[:2], np.inf)
    for box in boxes:
        low, high = ((np.array(end) - eye.position) / directions for end in (box.low, box.high))
        enter, leave = np.minimum(low, high).max(axis=-1), np.maximum(low, high).min(axis=-1)
        depth = np.where((enter < leave) & (enter > 0), np.minimum(depth, enter), depth)
    agree = np.abs(raster.inverse * depth - 1) < 0.04
    # A painted outline is up to a pixel fat, so pixels beside an edge may differ.
    around = np.ones((3, 3), np.uint8)
    smooth = cv2.dilate(1 / depth, around) - cv2.erode(1 / depth, around) < 0.02
    assert smooth.mean() > 0.3
    assert agree[smooth].mean() > 0.99


def test_an_eye_turns_as_its_body() -> None:
    for pitch, roll, axis in ((0.3, 0.0, 2), (0.0, 0.3, 0)):
        axes = eye_at(0, 0, 1, yaw=0.7, pitch=pitch, roll=roll).axes
        assert axes.T @ axes == pytest.approx(np.eye(3))
        assert np.linalg.det(axes) == pytest.approx(1)
        # Nose down: what is ahead is lower; right side down: what is to the right is.
        assert axes[2, axis] == pytest.approx(-np.sin(0.3))


def test_nearer_boxes_are_painted_later() -> None:
    far = Box("far", (-1, 4, 0), (1, 5, 1), (0, 0, 0), "plain", 293)
    close = Box("close", (-1, 2, 0), (1, 3, 1), (0, 0, 0), "plain", 293)
    for boxes in ((far, close), (close, far)):
        order = far_to_near(boxes, np.array([0.0, 0.0, 0.5])) // 6
        assert boxes[order[-1]] is close
        order = far_to_near(boxes, np.array([0.0, 9.0, 0.5])) // 6
        assert boxes[order[-1]] is far


def test_an_ellipsoid_is_seen_at_its_front() -> None:
    eye = eye_at(0, 0, 1, yaw=0, pitch=0)
    ball = Ellipsoid("ball", (3.0, 0.0, 1.0), (0.5, 0.2, 0.3), (0, 0, 0), 300)
    raster = draw(CAMERA, eye, view(CAMERA, eye, BOXES), [(ball, 0.0)])
    row = len(faces(BOXES))
    height, width = (np.ptp(np.nonzero(raster.surface == row)[axis]) + 1 for axis in (0, 1))
    assert 1 / raster.inverse[CAMERA.height // 2, CAMERA.width // 2] == pytest.approx(2.5, abs=0.01)
    assert width == pytest.approx(2 * 0.2 / 3 * CAMERA.fx, rel=0.08)
    assert height == pytest.approx(2 * 0.3 / 3 * CAMERA.fx, rel=0.08)
