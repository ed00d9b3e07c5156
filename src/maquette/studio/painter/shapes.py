"""Two-dimensional signed distance fields with bounds, so that a part costs only the pixels it covers.

Units are the canvas's: x to the right, y up, the frame from -1.1 to 1.1. Fields are negative inside. Primitives follow Inigo
Quilez's exact formulas; ellipse and blends are the usual first-order approximations, close enough near the outline where
ink and bevels live.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float32]
Field = Callable[[Grid, Grid], Grid]
Point = tuple[float, float]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """``field(x, y)`` takes broadcastable grids and gives distances; ``bounds`` is (left, bottom, right, top)."""

    field: Field
    bounds: Bounds

    def __or__(self, other: "Shape") -> "Shape":
        """Union."""
        a, b = self.bounds, other.bounds
        hull = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
        return Shape(lambda x, y: np.minimum(self.field(x, y), other.field(x, y)), hull)

    def __and__(self, other: "Shape") -> "Shape":
        """Intersection."""
        a, b = self.bounds, other.bounds
        core = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
        return Shape(lambda x, y: np.maximum(self.field(x, y), other.field(x, y)), core)

    def __sub__(self, other: "Shape") -> "Shape":
        """Difference."""
        return Shape(lambda x, y: np.maximum(self.field(x, y), -other.field(x, y)), self.bounds)

    def blend(self, other: "Shape", radius: float) -> "Shape":
        """Union with a fillet of about ``radius`` where the two meet."""

        def field(x: Grid, y: Grid) -> Grid:
            a, b = self.field(x, y), other.field(x, y)
            h = np.clip(0.5 + 0.5 * (b - a) / radius, 0.0, 1.0)
            return np.asarray(b * (1 - h) + a * h - radius * h * (1 - h), np.float32)

        return Shape(field, (self | other).bounds)

    def grown(self, by: float) -> "Shape":
        """Give the outline moved outwards (inwards when negative)."""
        x0, y0, x1, y1 = self.bounds
        return Shape(lambda x, y: self.field(x, y) - by, (x0 - by, y0 - by, x1 + by, y1 + by))

    def mirrored(self, about: float = 0.0) -> "Shape":
        """Give the same on the other side of x = ``about``."""
        x0, y0, x1, y1 = self.bounds
        twice = 2 * about
        return Shape(lambda x, y: self.field(twice - x, y), (twice - x1, y0, twice - x0, y1))

    def moved(self, dx: float, dy: float) -> "Shape":
        """Give it moved by (dx, dy)."""
        x0, y0, x1, y1 = self.bounds
        return Shape(lambda x, y: self.field(x - dx, y - dy), (x0 + dx, y0 + dy, x1 + dx, y1 + dy))

    def turned(self, angle: float, about: Point = (0.0, 0.0)) -> "Shape":
        """Rotated counter-clockwise by ``angle`` radians."""
        c, s = math.cos(angle), math.sin(angle)
        px, py = about

        def field(x: Grid, y: Grid) -> Grid:
            u, v = x - px, y - py
            right, up = c * u + s * v + px, c * v - s * u + py
            return self.field(right.astype(np.float32), up.astype(np.float32))

        x0, y0, x1, y1 = self.bounds
        corners = [(x - px, y - py) for x in (x0, x1) for y in (y0, y1)]
        xs = [c * u - s * v + px for u, v in corners]
        ys = [s * u + c * v + py for u, v in corners]
        return Shape(field, (min(xs), min(ys), max(xs), max(ys)))

    def scaled(self, sx: float, sy: float) -> "Shape":
        """Stretched about the origin; distances are kept conservative by the smaller factor."""
        x0, y0, x1, y1 = self.bounds
        k = min(sx, sy)
        return Shape(lambda x, y: self.field(x / sx, y / sy) * k, (x0 * sx, y0 * sy, x1 * sx, y1 * sy))

    def wavy(self, amount: float, pitch: float, phase: float = 0.0) -> "Shape":
        """Give an outline that waves with the angle around (0, 0) of the frame; for leaves, fur and flames."""

        def field(x: Grid, y: Grid) -> Grid:
            wave = np.sin(x * pitch + phase) * np.cos(y * pitch * 0.83 - phase)
            return np.asarray(self.field(x, y) + amount * wave, np.float32)

        return Shape(field, self.grown(abs(amount)).bounds)


def circle(x: float, y: float, r: float) -> Shape:
    """Give a disc."""
    return Shape(lambda gx, gy: np.hypot(gx - x, gy - y) - r, (x - r, y - r, x + r, y + r))


def ellipse(x: float, y: float, a: float, b: float, angle: float = 0.0) -> Shape:
    """Half axes ``a`` (along x) and ``b``."""

    def field(gx: Grid, gy: Grid) -> Grid:
        px, py = gx - x, gy - y
        k0 = np.hypot(px / a, py / b)
        k1 = np.hypot(px / (a * a), py / (b * b)) + 1e-6
        return np.asarray(k0 * (k0 - 1) / k1, np.float32)

    shape = Shape(field, (x - a, y - b, x + a, y + b))
    return shape.turned(angle, (x, y)) if angle else shape


def box(x: float, y: float, w: float, h: float, r: float = 0.03, angle: float = 0.0) -> Shape:
    """Half width ``w``, half height ``h``, corner radius ``r``."""
    r = min(r, w, h)

    def field(gx: Grid, gy: Grid) -> Grid:
        qx, qy = np.abs(gx - x) - (w - r), np.abs(gy - y) - (h - r)
        outside = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0))
        return np.asarray(outside + np.minimum(np.maximum(qx, qy), 0) - r, np.float32)

    shape = Shape(field, (x - w, y - h, x + w, y + h))
    return shape.turned(angle, (x, y)) if angle else shape


def capsule(a: Point, b: Point, ra: float, rb: float | None = None) -> Shape:
    """Give a stroke from ``a`` to ``b`` whose radius goes from ``ra`` to ``rb``."""
    end = ra if rb is None else rb
    (ax, ay), (bx, by) = a, b
    dx, dy = bx - ax, by - ay
    norm = dx * dx + dy * dy + 1e-9

    def field(gx: Grid, gy: Grid) -> Grid:
        t = np.clip(((gx - ax) * dx + (gy - ay) * dy) / norm, 0, 1)
        return np.asarray(np.hypot(gx - ax - t * dx, gy - ay - t * dy) - (ra + (end - ra) * t), np.float32)

    bounds = (min(ax - ra, bx - end), min(ay - ra, by - end), max(ax + ra, bx + end), max(ay + ra, by + end))
    return Shape(field, bounds)


def polygon(points: Sequence[Point], r: float = 0.0) -> Shape:
    """Give a closed polygon, grown by ``r`` (which rounds its corners)."""
    pts = [(float(px), float(py)) for px, py in points]

    def field(gx: Grid, gy: Grid) -> Grid:
        shape = np.broadcast_shapes(gx.shape, gy.shape)
        nearest = np.full(shape, 1e9, np.float32)
        inside = np.zeros(shape, bool)
        for (ax, ay), (bx, by) in zip(pts, pts[-1:] + pts[:-1], strict=True):
            ex, ey = bx - ax, by - ay
            wx, wy = gx - ax, gy - ay
            t = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey + 1e-12), 0, 1)
            np.minimum(nearest, (wx - ex * t) ** 2 + (wy - ey * t) ** 2, out=nearest)
            if ey:
                crosses = (gy >= ay) != (gy >= by)
                inside ^= crosses & (wx < wy * (ex / ey))
        return np.asarray(np.where(inside, -1, 1) * np.sqrt(nearest) - r, np.float32)

    xs, ys = [p[0] for p in pts], [p[1] for p in pts]
    return Shape(field, (min(xs) - r, min(ys) - r, max(xs) + r, max(ys) + r))


def smooth(points: Sequence[Point], per_segment: int = 6) -> Shape:
    """Give a closed Catmull–Rom curve through the points."""
    p = np.asarray(points, np.float64)
    before, after, beyond = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    curve: list[Point] = []
    for i in range(len(p)):
        for t in np.arange(per_segment) / per_segment:
            a = 2 * p[i] + (after[i] - before[i]) * t
            b = (2 * before[i] - 5 * p[i] + 4 * after[i] - beyond[i]) * t * t
            c = (3 * p[i] - before[i] - 3 * after[i] + beyond[i]) * t**3
            q = 0.5 * (a + b + c)
            curve.append((float(q[0]), float(q[1])))
    return polygon(curve)


def stroke(points: Sequence[Point], ra: float, rb: float | None = None) -> Shape:
    """Give an open line of capsules whose radius runs from ``ra`` to ``rb``."""
    radii = np.linspace(ra, ra if rb is None else rb, len(points))
    out = capsule(points[0], points[1], float(radii[0]), float(radii[1]))
    for i in range(1, len(points) - 1):
        out |= capsule(points[i], points[i + 1], float(radii[i]), float(radii[i + 1]))
    return out


def ring(x: float, y: float, r: float, width: float) -> Shape:
    """Give a hoop: centre line at ``r``, half width ``width``."""
    outer = r + width
    return Shape(
        lambda gx, gy: np.abs(np.hypot(gx - x, gy - y) - r) - width,
        (x - outer, y - outer, x + outer, y + outer),
    )


def star(x: float, y: float, outer: float, inner: float, points: int, turn: float = 0.0) -> Shape:
    """Give a star polygon with its first tip up."""
    angles = turn + math.pi / 2 + np.arange(2 * points) * math.pi / points
    radii = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    return polygon(
        [(x + float(r * math.cos(t)), y + float(r * math.sin(t))) for r, t in zip(radii, angles, strict=True)]
    )


def profile(heights: Sequence[float], widths: Sequence[float], x: float = 0.0) -> Shape:
    """Give a turned silhouette: half widths at rising heights, eased between them.

    The field is |x| - w(y) over its slope: one table look-up a row, where a polygon would cost every edge at every pixel.
    """
    hs, ws = np.asarray(heights, np.float64), np.asarray(widths, np.float64)
    fine = np.linspace(hs[0], hs[-1], 16 * (len(hs) - 1) + 1)
    index = np.clip(np.searchsorted(hs, fine, side="right") - 1, 0, len(hs) - 2)
    t = (fine - hs[index]) / np.maximum(hs[index + 1] - hs[index], 1e-9)
    ease = t * t * (3 - 2 * t)
    half = ws[index] * (1 - ease) + ws[index + 1] * ease
    slope = np.hypot(1.0, np.gradient(half, fine))

    def field(gx: Grid, gy: Grid) -> Grid:
        w = np.interp(gy, fine, half).astype(np.float32)
        k = np.interp(gy, fine, slope).astype(np.float32)
        side = (np.abs(gx - x) - w) / k
        return np.asarray(np.maximum(side, np.maximum(gy - float(hs[-1]), float(hs[0]) - gy)), np.float32)

    widest = float(ws.max())
    return Shape(field, (x - widest, float(hs[0]), x + widest, float(hs[-1])))


def above(y: float) -> Shape:
    """Give the half plane over ``y``."""
    return Shape(lambda gx, gy: y - gy + 0 * gx, (-9.0, y, 9.0, 9.0))


def below(y: float) -> Shape:
    """Give the half plane under ``y``."""
    return Shape(lambda gx, gy: gy - y + 0 * gx, (-9.0, -9.0, 9.0, y))
