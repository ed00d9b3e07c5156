"""The rasteriser: exact coverage, depth, barycentrics."""

import numpy as np
import pytest
from scipy.spatial import Delaunay

from maquette.studio import raster
from maquette.studio.raster import barycentric, coverage, rasterize

SIZE = (96, 128)


def scattered(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A triangulated rectangle with vertices on and between pixel centres."""
    rng = np.random.default_rng(seed)
    inner = np.concatenate([rng.random((60, 2)) * (128, 96), rng.integers(0, 90, (40, 2)) + 0.5])
    points = np.concatenate([inner, [(0, 0), (128, 0), (0, 96), (128, 96)]])
    return points, Delaunay(points).simplices.astype(np.int64)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_tiling_covers_every_pixel_once(seed: int) -> None:
    """Neighbours leave no gap and claim no pixel twice, even where an edge or a vertex hits a pixel's centre."""
    points, triangles = scattered(seed)
    assert (coverage(points, triangles, SIZE) == 1).all()


def test_barycentrics_give_back_the_pixel() -> None:
    """Corners weighted by the barycentrics are the pixel's centre, and no weight is negative."""
    points, triangles = scattered(4)
    pixels, faces, weights = rasterize(points, triangles, SIZE)
    centers = np.stack([pixels % 128, pixels // 128], axis=1) + 0.5
    assert len(pixels) == 96 * 128
    assert np.abs(np.einsum("ij,ijk->ik", weights, points[triangles[faces]]) - centers).max() < 1e-9
    assert weights.min() > -1e-9


@pytest.mark.parametrize("batch", [50, 1 << 19])
def test_the_nearest_face_is_seen(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth agrees with testing every triangle at every pixel, however the work is cut into batches."""
    monkeypatch.setattr(raster, "FRAGMENTS_MAX", batch)
    rng = np.random.default_rng(7)
    points, depth = rng.random((90, 2)) * (128, 96), rng.random(90)
    triangles = np.arange(90).reshape(30, 3)
    every = np.arange(96 * 128)
    z = np.full((len(every), 30), np.inf)
    for face in range(30):
        weights = barycentric(points, triangles, every, np.full(len(every), face), 128)
        z[:, face] = np.where((weights >= 0).all(axis=1), weights @ depth[triangles[face]], np.inf)
    expected = np.where(np.isfinite(z.min(axis=1)), z.argmin(axis=1), -1)
    seen = np.full(len(every), -1)
    pixels, faces, _ = rasterize(points, triangles, SIZE, depth)
    seen[pixels] = faces
    assert (seen == expected).all()


def test_culling_keeps_what_faces_the_viewer() -> None:
    """Counter-clockwise on a screen whose y points down is kept, its mirror image is dropped."""
    points = np.array([(10.0, 80.0), (100.0, 80.0), (50.0, 10.0)])
    front = np.array([[0, 1, 2]])
    assert len(rasterize(points, front, SIZE, cull=True)[0]) > 1000
    assert len(rasterize(points, front[:, ::-1], SIZE, cull=True)[0]) == 0
    assert len(rasterize(points, front[:, ::-1], SIZE)[0]) > 1000


def test_what_lies_outside_or_has_no_area_is_left_out() -> None:
    """Degenerate, infinite and off-screen triangles draw nothing and break nothing."""
    points = np.array([(5.0, 5.0), (5.0, 5.0), (50.0, 50.0), (np.nan, 3.0), (900.0, 900.0), (950.0, 900.0)])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 4], [2, 4, 5]])
    pixels, _, _ = rasterize(points, triangles, SIZE)
    assert ((pixels >= 0) & (pixels < 96 * 128)).all()
    assert len(rasterize(points, triangles[:3], SIZE)[0]) == 0
