"""Preview pictures without a GPU: perspective, anti-aliased, lit by ``shading``, standing on a soft shadow."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from maquette.studio.geometry import tangents, unit_rows
from maquette.studio.raster import rasterize
from maquette.studio.scene import Floats, Ints, Material, Mesh, Scene
from maquette.studio.shading import KEY, Floats32, Fragments, shade, tone_mapped
from maquette.studio.textures import linear_from_srgb, srgb_from_linear

_SAMPLES = 2  # per axis: 4 samples a pixel; 9 looked the same at 512 and took twice as long
_FOCAL = 3.2  # a field of view of 35 degrees: a portrait lens
_MARGIN = 0.80
_SHADOW_MAP = 512
_SHADOW_BANDS = ((0.00, 0.06, 0.008, 0.50), (0.06, 0.30, 0.022, 0.30), (0.30, 1.01, 0.05, 0.22))
"""Height from, height to (shares of the model's), blur (share of the picture), strength."""

_SHADOW_LENGTH = 0.45  # shorter than true: a long shadow would leave the picture
_ALPHA_CUTOFF = 0.5
_GOLDEN = np.pi * (3 - 5**0.5)
_TAPS = tuple((i * _GOLDEN, 5.0 * ((i + 0.5) / 16) ** 0.5) for i in range(16))
"""Sunflower pattern of shadow-map lookups: angle and radius in map pixels."""

BACKDROP = ((236, 238, 242), (193, 199, 208))
"""Centre and corner colour of the soft studio background."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the eye is. Make one with ``framing`` and reuse it for every frame of a turntable or clip."""

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
        return _FOCAL * q[:, :2] * (1.0, -1.0) / z[:, None], z


def framing(scene: Scene, azimuth: float = 0.55, elevation: float = 0.22) -> Camera:
    """Place a camera so that the mesh fills the picture; angles in radians from the front and the horizon."""
    assert scene.mesh is not None
    ca, sa, ce, se = np.cos(azimuth), np.sin(azimuth), np.cos(elevation), np.sin(elevation)
    rotation = np.array([[ca, 0.0, -sa], [-se * sa, ce, -se * ca], [ce * sa, se, ce * ca]])
    points = scene.mesh.positions[np.unique(scene.mesh.triangles)]
    target = (points.min(axis=0) + points.max(axis=0)) / 2
    floor = float(points[:, 1].min())
    camera = Camera(rotation, target, 1.0, floor)
    for _ in range(4):  # perspective shifts the outline's middle: centre, fit, repeat
        q = (points - target) @ rotation.T
        distance = float((q[:, 2] + _FOCAL * np.abs(q[:, :2]).max(axis=1) / _MARGIN).max())
        screen, _ = Camera(rotation, target, distance, floor).seen(points)
        middle = (screen.min(axis=0) + screen.max(axis=0)) / 2 * (1.0, -1.0) * distance / _FOCAL
        target = target + middle @ rotation[:2]
        camera = Camera(rotation, target, distance, floor)
    return camera


def render(
    scene: Scene, camera: Camera | None = None, *, size: int = 512, backdrop: bool = True
) -> Image.Image:
    """Draw the scene's mesh in its current pose: RGB on the studio backdrop, or RGBA on nothing."""
    assert scene.mesh is not None
    camera = camera or framing(scene)
    color, alpha = _object(scene.mesh, scene.material, camera, size)
    shadow = _ground_shadow(scene.mesh, camera, size)
    if backdrop:
        ground = _backdrop(size) * (1.0 - shadow[..., None] * (1.0, 0.97, 0.92))
        flat = ground * (1.0 - alpha[..., None]) + color
        return Image.fromarray(np.rint(np.clip(flat, 0, 1) * 255).astype(np.uint8))
    total = alpha + shadow * (1.0 - alpha)
    straight = color / np.maximum(total, 1e-4)[..., None]
    rgba = np.concatenate([straight, total[..., None]], axis=-1)
    return Image.fromarray(np.rint(np.clip(rgba, 0, 1) * 255).astype(np.uint8))


def _object(mesh: Mesh, material: Material, camera: Camera, size: int) -> tuple[Floats, Floats]:
    """Premultiplied sRGB (size, size, 3) and coverage (size, size)."""
    side = size * _SAMPLES
    screen, z = camera.seen(mesh.positions)
    points = (screen + 1.0) * (side / 2)
    pixels, faces, flat = rasterize(points, mesh.triangles, (side, side), -1.0 / z)
    corners = mesh.triangles[faces]
    shares = flat / z[corners]
    shares /= shares.sum(axis=1, keepdims=True)
    seen = _Seen(faces, corners, shares, np.einsum("kc,kcd->kd", shares, mesh.positions[corners]))
    base, packed = _textures(mesh, material, seen)
    solid = base[:, 3] >= _ALPHA_CUTOFF
    normal = _normals(mesh, material, camera, seen)
    to_eye = camera.target + camera.rotation[2] * camera.distance - seen.position
    fragments = Fragments(
        normal=_single(normal @ camera.rotation.T),
        to_eye=_single(unit_rows(to_eye, (0.0, 0.0, 1.0)) @ camera.rotation.T),
        up=_single(camera.rotation[:, 1]),
        albedo=_single(linear_from_srgb(base[:, :3]) * material.base_color_factor[:3]),
        occlusion=_single(packed[:, 0:1]),
        roughness=_single(np.clip(packed[:, 1:2] * material.roughness_factor, 0.05, 1.0)),
        metallic=_single(packed[:, 2:3] * material.metallic_factor),
        key_visible=_single(_key_visibility(mesh, camera, seen.position, normal)[:, None]),
    )
    picture = np.zeros((side * side, 4))
    picture[pixels, :3] = srgb_from_linear(tone_mapped(shade(fragments)).astype(np.float64))
    picture[pixels, 3] = 1.0
    picture[pixels[~solid]] = 0.0  # a hole shows the backdrop; what lies behind it is not drawn
    pooled = picture.reshape(size, _SAMPLES, size, _SAMPLES, 4).mean(axis=(1, 3))
    return pooled[..., :3], pooled[..., 3]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Visible samples: their face, its corners (k, 3), perspective-correct shares (k, 3), and place (k, 3)."""

    faces: Ints
    corners: Ints
    shares: Floats
    position: Floats

    def mixed(self, values: Floats) -> Floats:
        result: Floats = np.einsum("kc,kcd->kd", self.shares, values[self.corners])
        return result


def _single(values: Floats) -> Floats32:
    return np.ascontiguousarray(values, dtype=np.float32)


def _textures(mesh: Mesh, material: Material, seen: _Seen) -> tuple[Floats, Floats]:
    """Look up base colour (k, 4) in sRGB with alpha, and occlusion, roughness, metallic (k, 3); 0 to 1."""
    count = len(seen.faces)
    base, packed = np.ones((count, 4)), np.ones((count, 3))
    if mesh.uv is not None and material.base_color is not None:
        base = _sampled(material.base_color.convert("RGBA"), mesh, seen)
    if mesh.uv is not None and material.occlusion_roughness_metallic is not None:
        packed = _sampled(material.occlusion_roughness_metallic.convert("RGB"), mesh, seen)
    return base, packed


def _sampled(image: Image.Image, mesh: Mesh, seen: _Seen) -> Floats:
    """Bilinear with wrap-around, from the one mipmap level that fits the visible faces' mean density."""
    assert mesh.uv is not None
    corners = mesh.uv[mesh.triangles[np.unique(seen.faces)]]
    u, v = (corners[:, 1:] - corners[:, :1]).swapaxes(0, 1)
    texels = float(np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum()) / 2 * image.width * image.height
    level = int(np.clip(np.log2(max(texels / max(len(seen.faces), 1), 1.0)) / 2, 0, 4))
    pixels = np.asarray(image.reduce(2**level), dtype=np.float64) / 255
    height, width = pixels.shape[:2]
    place = seen.mixed(mesh.uv) * (width, height) - 0.5
    corner = np.floor(place).astype(np.int64)
    fx, fy = (place - corner).T[:, :, None]
    x0, y0 = corner[:, 0] % width, corner[:, 1] % height
    x1, y1 = (x0 + 1) % width, (y0 + 1) % height
    top = pixels[y0, x0] * (1 - fx) + pixels[y0, x1] * fx
    bottom = pixels[y1, x0] * (1 - fx) + pixels[y1, x1] * fx
    result: Floats = top * (1 - fy) + bottom * fy
    return result


def _normals(mesh: Mesh, material: Material, camera: Camera, seen: _Seen) -> Floats:
    """World-space shading normals (k, 3), bumped by the normal map, turned towards the eye on back faces."""
    smooth = unit_rows(seen.mixed(mesh.normals), (0.0, 1.0, 0.0))
    a, b, c = (mesh.positions[seen.corners[:, corner]] for corner in range(3))
    eye = camera.target + camera.rotation[2] * camera.distance
    away = np.einsum("kd,kd->k", np.cross(b - a, c - a), eye - seen.position) < 0
    result = smooth
    if material.normal is not None and mesh.uv is not None:
        frame = mesh.tangents
        if frame is None:
            frame = tangents(mesh.positions, mesh.triangles, mesh.normals, mesh.uv)
        mixed = seen.mixed(frame)
        along = unit_rows(mixed[:, :3], (1.0, 0.0, 0.0))
        across = np.cross(smooth, along) * np.sign(mixed[:, 3:])
        bump = _sampled(material.normal.convert("RGB"), mesh, seen) * 2 - 1
        result = unit_rows(
            bump[:, :1] * along + bump[:, 1:2] * across + bump[:, 2:] * smooth, (0.0, 1.0, 0.0)
        )
    return np.where(away[:, None], -result, result)


def _key_visibility(mesh: Mesh, camera: Camera, position: Floats, normal: Floats) -> Floats:
    """Share of the key light that reaches each sample (k,): a shadow map, softly looked up."""
    z_axis = camera.rotation.T @ KEY.direction.astype(np.float64)
    x_axis = np.cross(camera.rotation[1], z_axis)
    x_axis /= np.linalg.norm(x_axis)
    axes = np.stack([x_axis, np.cross(z_axis, x_axis), z_axis])
    q = mesh.positions @ axes.T
    low, extent = q[:, :2].min(axis=0), float(np.ptp(q[:, :2], axis=0).max()) * 1.02
    points = (q[:, :2] - low) / extent * _SHADOW_MAP
    pixels, faces, shares = rasterize(points, mesh.triangles, (_SHADOW_MAP, _SHADOW_MAP), -q[:, 2])
    heights = np.full(_SHADOW_MAP * _SHADOW_MAP, -np.inf)
    heights[pixels] = np.einsum("kc,kc->k", shares, q[mesh.triangles[faces], 2])
    lifted = (position + normal * extent * 0.012) @ axes.T  # off the surface, or it would shade itself
    place = (lifted[:, :2] - low) / extent * _SHADOW_MAP
    lit = np.zeros(len(position))
    for angle, radius in _TAPS:
        offset = np.array([np.cos(angle), np.sin(angle)]) * radius
        x, y = np.clip((place + offset).astype(np.int64), 0, _SHADOW_MAP - 1).T
        lit += heights[y * _SHADOW_MAP + x] <= lifted[:, 2]
    return lit / len(_TAPS)


def _ground_shadow(mesh: Mesh, camera: Camera, size: int) -> Floats:
    """Darkness (size, size), 0 to 1, of the floor: sharp where the model touches it, softer with height."""
    toward = camera.rotation.T @ KEY.direction.astype(np.float64)
    slide = toward[[0, 2]] / max(toward[1], 0.3) * _SHADOW_LENGTH
    above = np.maximum(mesh.positions[:, 1] - camera.ground, 0.0)
    fallen = np.stack(
        [
            mesh.positions[:, 0] - above * slide[0],
            np.full(len(above), camera.ground),
            mesh.positions[:, 2] - above * slide[1],
        ],
        axis=1,
    )
    screen, _ = camera.seen(fallen)
    points = (screen + 1.0) * (size / 2)
    share = above[mesh.triangles].mean(axis=1) / max(float(above.max()), 1e-9)
    light = np.ones((size, size))
    for start, end, blur, strength in _SHADOW_BANDS:
        chosen = mesh.triangles[(share >= start) & (share < end)]
        pixels, _, _ = rasterize(points, chosen, (size, size))
        mask = np.zeros(size * size)
        mask[pixels] = 1.0
        soft = ndimage.gaussian_filter(
            mask.reshape(size, size), (blur * size * 0.6, blur * size), truncate=3.0
        )
        light *= 1.0 - strength * soft
    return 1.0 - light


def _backdrop(size: int) -> Floats:
    y, x = np.mgrid[0:size, 0:size] / max(size - 1, 1)
    away = np.clip(np.hypot(x - 0.5, y - 0.42) / 0.72, 0.0, 1.0)
    blend = (away * away * (3 - 2 * away))[..., None]
    center, corner = (np.asarray(color, np.float64) / 255 for color in BACKDROP)
    result: Floats = center + (corner - center) * blend
    return result
