"""Meshes to work on: smooth, boxy, open, broken; each as the arrays of a scene and as a GLB."""

from dataclasses import replace

import numpy as np
from PIL import Image
from skimage.measure import marching_cubes

from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.geometry import vertex_normals
from maquette.studio.scene import Floats, Ints, Material, Mesh, Scene

Shape = tuple[Floats, Ints]


def blob(cells: int = 72) -> Shape:
    """A sphere on a cylinder with a dent: curved everywhere, watertight, about 20,000 triangles."""
    x, y, z = np.mgrid[-1 : 1 : cells * 1j, -1 : 1 : cells * 1j, -1 : 1 : cells * 1j]
    body = np.maximum(
        0.55 - np.sqrt(x**2 + (y - 0.2) ** 2 + z**2), 0.3 - np.hypot(x, z) - np.maximum(0, -0.9 - y)
    )
    body = np.minimum(body, 0.9 - np.abs(y))
    dent = np.sqrt((x - 0.5) ** 2 + (y - 0.2) ** 2 + z**2) - 0.25
    positions, faces, _, _ = marching_cubes(np.minimum(body, dent), 0.0)
    return positions * 2.0 / cells, faces.astype(np.int64)


def sphere(rings: int = 24, around: int = 32, radius: float = 1.0) -> Shape:
    """Latitude and longitude, poles closed."""
    theta, phi = np.meshgrid(
        np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, around + 1), indexing="ij"
    )
    points = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], axis=-1)
    return _grid_faces(radius * points)


def box(center: tuple[float, float, float], half: tuple[float, float, float], cuts: int = 4) -> Shape:
    """Six faces of ``cuts``² quads, each with vertices of its own, as flat-shaded files have them."""
    line = np.linspace(-1, 1, cuts + 1)
    u, v = np.meshgrid(line, line, indexing="ij")
    sides = []
    for axis in range(3):
        for sign in (-1, 1):
            points = np.zeros((cuts + 1, cuts + 1, 3))
            points[..., axis], points[..., (axis + 1) % 3], points[..., (axis + 2) % 3] = sign, u, v
            positions, faces = _grid_faces(points * half + center)
            sides.append((positions, faces[:, ::-1] if sign > 0 else faces))
    return joined(*sides)


def box_man(arms: str = "hanging", cuts: int = 4) -> Shape:
    """Torso, head, arms and legs as separate boxes, 1.88 m tall."""
    reach = {"hanging": ((0.32, 1.15, 0), (0.08, 0.4, 0.08)), "spread": ((0.55, 1.45, 0), (0.36, 0.08, 0.08))}
    center, half = reach[arms]
    return joined(
        box((0, 1.2, 0), (0.2, 0.36, 0.13), cuts),
        box((0, 1.72, 0), (0.12, 0.16, 0.12), cuts),
        *(box((side * center[0], *center[1:]), half, cuts) for side in (1, -1)),
        *(box((side * 0.12, 0.43, 0), (0.08, 0.43, 0.1), cuts) for side in (1, -1)),
    )


def table() -> Shape:
    """Two pairs of legs and nothing like an arm."""
    legs = (box((x, 0.5, z), (0.05, 0.5, 0.05)) for x in (-0.6, 0.6) for z in (-0.4, 0.4))
    return joined(box((0, 1.05, 0), (0.8, 0.05, 0.5)), *legs)


def chair() -> Shape:
    """Legs below, and posts that look like arms but end in the back's rail."""
    posts = (box((x, 1.1, -0.25), (0.05, 0.5, 0.05)) for x in (-0.35, 0.35))
    legs = (box((x, 0.3, 0), (0.05, 0.3, 0.05)) for x in (-0.35, 0.35))
    rail = box((0, 1.65, -0.25), (0.4, 0.12, 0.05))
    return joined(box((0, 0.62, 0), (0.42, 0.06, 0.3)), rail, *posts, *legs)


def sheet(cells: int = 60) -> Shape:
    """An open, wavy surface."""
    u, v = np.meshgrid(np.linspace(0, 1, cells + 1), np.linspace(0, 1, cells + 1), indexing="ij")
    return _grid_faces(np.stack([u, v, 0.1 * np.sin(7 * u)], axis=-1))


def soup(count: int = 3000) -> Shape:
    """Triangles that touch nothing."""
    rng = np.random.default_rng(5)
    centers = rng.random((count, 1, 3))
    return (centers + rng.normal(0, 0.02, (count, 3, 3))).reshape(-1, 3), np.arange(3 * count).reshape(-1, 3)


def touching_cubes() -> Shape:
    """Two cubes that share an edge: four faces meet there."""
    return joined(box((0, 0, 0), (1, 1, 1), 16), box((2, 2, 0), (1, 1, 1), 16))


def wound_at_random() -> Shape:
    """A cube a third of whose faces look inwards."""
    positions, faces = box((0, 0, 0), (1, 1, 1), 16)
    flipped = np.random.default_rng(3).random(len(faces)) < 0.3
    return positions, np.where(flipped[:, None], faces[:, ::-1], faces)


def joined(*parts: Shape) -> Shape:
    """Several shapes as one."""
    offsets = np.cumsum([0, *(len(positions) for positions, _ in parts)])[:-1]
    return (
        np.concatenate([positions for positions, _ in parts]),
        np.concatenate([faces + offset for (_, faces), offset in zip(parts, offsets, strict=True)]),
    )


def scene_of(shape: Shape, material: Material | None = None, uv: Floats | None = None) -> Scene:
    """A scene with smooth normals and, when given, texture coordinates."""
    positions, faces = shape
    mesh = Mesh(np.asarray(positions, float), faces, vertex_normals(positions, faces), uv=uv)
    return Scene(name="solid", mesh=mesh, material=material or Material())


def glb_of(shape: Shape, material: Material | None = None, uv: Floats | None = None) -> bytes:
    """The same as a file."""
    return write_glb(scene_of(shape, material, uv))


def front_textured(shape: Shape, image: Image.Image) -> bytes:
    """A picture projected along Z over the shape's bounds."""
    positions, _ = shape
    low, size = positions.min(axis=0), np.ptp(positions, axis=0)
    uv = 0.02 + 0.96 * (positions[:, :2] - low[:2]) / size[:2]  # textures repeat: the rim would mix both ends
    return glb_of(
        shape, Material(base_color=image, metallic_factor=0.0), np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)
    )


def moved(shape: Shape, scale: float, offset: tuple[float, float, float]) -> Shape:
    """The shape elsewhere, in another size."""
    return shape[0] * scale + offset, shape[1]


def without_texture(scene: Scene) -> Scene:
    """Only the mesh."""
    return replace(scene, material=Material())


def _grid_faces(points: Floats) -> Shape:
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return points.reshape(-1, 3), faces
