"""Where the eye is: cameras that frame a model from one side, or from all around."""

from dataclasses import dataclass

import numpy as np

from maquette.studio.scene import Floats

FOCAL = 3.2  # a field of view of 35 degrees: a portrait lens
_MARGIN = 0.80


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the eye is. Make one with ``framing`` or ``orbit``; reuse it for every frame of a clip."""

    rotation: Floats
    """(3, 3) world to camera axes (x right, y up, z to the eye)."""
    target: Floats
    """(3,) metres."""
    distance: float
    ground: float
    """Height of the floor that shadows fall on, metres."""

    def seen(self, positions: Floats) -> tuple[Floats, Floats]:
        """Screen points (n, 2), -1 to 1 with y down, and distances (n,) along the view."""
        q = (positions - self.target) @ self.rotation.T
        z = np.maximum(self.distance - q[:, 2], 1e-6)
        return FOCAL * q[:, :2] * (1.0, -1.0) / z[:, None], z

    @property
    def eye(self) -> Floats:
        """(3,) metres."""
        place: Floats = self.target + self.rotation[2] * self.distance
        return place


def framed(points: Floats, azimuth: float = 0.55, elevation: float = 0.22) -> Camera:
    """Place a camera so that the points (n, 3) fill the picture; angles in radians from the front and the horizon."""
    rotation = _rotation(azimuth, elevation)
    target = (points.min(axis=0) + points.max(axis=0)) / 2
    floor = float(points[:, 1].min())
    camera = Camera(rotation, target, 1.0, floor)
    for _ in range(4):  # perspective shifts the outline's middle: centre, fit, repeat
        distance = _distance(points, target, [rotation])
        screen, _ = Camera(rotation, target, distance, floor).seen(points)
        middle = (screen.min(axis=0) + screen.max(axis=0)) / 2 * (1.0, -1.0) * distance / FOCAL
        target = target + middle @ rotation[:2]
        camera = Camera(rotation, target, distance, floor)
    return camera


def orbit(points: Floats, count: int, start: float = 0.55, elevation: float = 0.22) -> list[Camera]:
    """Place ``count`` cameras on a circle around the points (n, 3), so that the model turns in place and always fits."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    angles = [start + 2 * np.pi * number / count for number in range(count)]
    rotations = [_rotation(angle, elevation) for angle in angles]
    distance = _distance(points, middle, rotations)
    for _ in range(3):
        heights = [Camera(rotation, middle, distance, 0.0).seen(points)[0][:, 1] for rotation in rotations]
        off = (min(float(h.min()) for h in heights) + max(float(h.max()) for h in heights)) / 2
        # Up and down only: sideways the axis of the turn has to stay in the middle.
        middle = middle - (0.0, off * distance / FOCAL, 0.0)
        distance = _distance(points, middle, rotations)
    floor = float(points[:, 1].min())
    return [Camera(rotation, middle, distance, floor) for rotation in rotations]


def _distance(points: Floats, target: Floats, rotations: list[Floats]) -> float:
    """How far the eye has to be for the points to fit from each of the sides."""
    turned = [(points - target) @ rotation.T for rotation in rotations]
    return max(float((q[:, 2] + FOCAL * np.abs(q[:, :2]).max(axis=1) / _MARGIN).max()) for q in turned)


def _rotation(azimuth: float, elevation: float) -> Floats:
    ca, sa, ce, se = np.cos(azimuth), np.sin(azimuth), np.cos(elevation), np.sin(elevation)
    return np.array([[ca, 0.0, -sa], [-se * sa, ce, -se * ca], [ce * sa, se, ce * ca]])
