"""Several surfaces → one material: textures side by side in an atlas, vertex colours painted into a texture."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_material import Surface
from maquette.studio.formats.gltf_primitive import Primitive
from maquette.studio.scene import Floats, Material
from maquette.studio.textures import settled, srgb_from_linear

_ATLAS_MAX = 4096
_TILES_MAX = 256
_REPEATS_MAX = 4
_GUTTER = 4
_CELL = 4
_CHUNK = 100_000
_UV_SLACK = 1e-4
_FLAT_NORMAL = (128, 128, 255)


def one_surface(primitives: Sequence[Primitive]) -> tuple[list[Primitive], Material]:
    """Primitives that all share one material, with their coordinates moved to where their texture went."""
    painted = [_vertex_colors_painted(item) if _needs_painting(item) else item for item in primitives]
    surfaces = list({id(item.surface): item.surface for item in painted}.values())
    if len(surfaces) == 1:
        material = surfaces[0].material
        if all(item.uv is None for item in painted):
            material = _untextured(material)
        return painted, material
    if len(surfaces) > _TILES_MAX:
        raise StudioInputError(
            "mesh_too_complex", f"The GLB has {len(surfaces)} materials; {_TILES_MAX} is the limit."
        )
    return _atlas(painted)


def _untextured(material: Material) -> Material:
    return replace(material, base_color=None, normal=None, occlusion_roughness_metallic=None)


def _needs_painting(item: Primitive) -> bool:
    # A texture wins over vertex colours: with both, exporters mostly leave the colours white.
    return item.colors is not None and not item.surface.textured and bool((item.colors < 1.0).any())


def _vertex_colors_painted(item: Primitive) -> Primitive:
    """Give each triangle a cell of 4 by 4 texels in which its three colours vary linearly, as on the triangle."""
    assert item.colors is not None
    count = len(item.triangles)
    across = int(np.ceil(np.sqrt(count)))
    u, v = np.meshgrid(np.arange(_CELL) / (_CELL - 1), np.arange(_CELL) / (_CELL - 1))
    shares = np.stack([1.0 - u - v, u, v], axis=-1)
    grid = np.zeros((across * across, _CELL, _CELL, 3), np.uint8)
    for start in range(0, count, _CHUNK):
        faces = item.triangles[start : start + _CHUNK]
        cells = np.clip(np.einsum("yxk,nkc->nyxc", shares, item.colors[faces]), 0.0, 1.0)
        grid[start : start + len(faces)] = np.rint(srgb_from_linear(cells) * 255)
    side = across * _CELL
    pixels = grid.reshape(across, across, _CELL, _CELL, 3).swapaxes(1, 2).reshape(side, side, 3)
    row, column = np.divmod(np.arange(count), across)
    origin = np.stack([column, row], axis=1)[:, None, :] * _CELL + 0.5
    corners = np.array([[0.0, 0.0], [_CELL - 1.0, 0.0], [0.0, _CELL - 1.0]])
    uv = (origin + corners).reshape(-1, 2) / side
    material = replace(item.surface.material, base_color=Image.fromarray(pixels))
    return replace(_unwelded(item), uv=uv, colors=None, surface=replace(item.surface, material=material))


def _unwelded(item: Primitive) -> Primitive:
    """Give every triangle vertices of its own; tangents go, for the coordinates are about to change."""
    flat = item.triangles.ravel()
    return replace(
        item,
        positions=item.positions[flat],
        triangles=np.arange(len(flat)).reshape(-1, 3),
        normals=None if item.normals is None else item.normals[flat],
        uv=None if item.uv is None else item.uv[flat],
        tangents=None,
        colors=None,
        joints=None if item.joints is None else item.joints[flat],
        weights=None if item.weights is None else item.weights[flat],
    )


def _atlas(primitives: Sequence[Primitive]) -> tuple[list[Primitive], Material]:
    primitives = [_within_one_repeat(item) for item in primitives]
    surfaces = list({id(item.surface): item.surface for item in primitives}.values())
    repeats = {
        id(surface): _repeats([item for item in primitives if item.surface is surface])
        for surface in surfaces
    }
    across = int(np.ceil(np.sqrt(len(surfaces))))
    largest = max(_side(surface) * repeats[id(surface)] for surface in surfaces)
    tile = min(_ATLAS_MAX // across, max(64, largest + 2 * _GUTTER))
    tile -= tile % 4
    layers = {
        "base_color": Image.new("RGBA", (tile * across, tile * across), (0, 0, 0, 255)),
        "normal": Image.new("RGB", (tile * across, tile * across), _FLAT_NORMAL),
        "occlusion_roughness_metallic": Image.new("RGB", (tile * across, tile * across)),
    }
    places: dict[int, tuple[int, int]] = {}
    for number, surface in enumerate(surfaces):
        place = (number % across * tile, number // across * tile)
        places[id(surface)] = place
        for name, image in _tiles(surface.material).items():
            layers[name].paste(_tile(image, tile, repeats[id(surface)]), place)
    moved = [
        replace(
            item,
            uv=_placed(item, places[id(item.surface)], tile, across, repeats[id(item.surface)]),
            tangents=None,
        )
        for item in primitives
    ]
    base = layers["base_color"]
    return moved, Material(
        name="merged",
        base_color=base if int(np.asarray(base)[..., 3].min()) < 255 else base.convert("RGB"),
        normal=layers["normal"] if any(s.material.normal is not None for s in surfaces) else None,
        occlusion_roughness_metallic=layers["occlusion_roughness_metallic"],
    )


def _side(surface: Surface) -> int:
    material = surface.material
    images = (material.base_color, material.normal, material.occlusion_roughness_metallic)
    sides = [max(image.width, image.height) for image in images if image is not None]
    return max(sides, default=4)


def _within_one_repeat(item: Primitive) -> Primitive:
    """Move each triangle's coordinates by whole repeats, so that they begin in [0, 1)."""
    if item.uv is None or (item.uv.min() >= -_UV_SLACK and item.uv.max() <= 1.0 + _UV_SLACK):
        return item
    item = _unwelded(item)
    assert item.uv is not None
    corners = item.uv.reshape(-1, 3, 2)
    shifted = corners - np.floor(corners.min(axis=1, keepdims=True) + _UV_SLACK)
    return replace(item, uv=shifted.reshape(-1, 2))


def _repeats(items: Sequence[Primitive]) -> int:
    furthest = max((float(item.uv.max()) for item in items if item.uv is not None), default=1.0)
    return int(np.clip(np.ceil(furthest - _UV_SLACK), 1, _REPEATS_MAX))


def _tiles(material: Material) -> dict[str, Image.Image]:
    whole = settled(material)
    assert whole.base_color is not None
    assert whole.occlusion_roughness_metallic is not None
    tiles = {
        "base_color": whole.base_color.convert("RGBA"),
        "occlusion_roughness_metallic": whole.occlusion_roughness_metallic,
    }
    if whole.normal is not None:
        tiles["normal"] = whole.normal.convert("RGB")
    return tiles


def _tile(image: Image.Image, tile: int, repeats: int) -> Image.Image:
    """Repeat the image and draw its border texels out into the gutter so that mipmaps do not bleed."""
    inner = tile - 2 * _GUTTER
    one = np.asarray(image.resize((max(1, inner // repeats),) * 2, Image.Resampling.BOX))
    tiled = np.tile(one, (repeats, repeats, 1))
    spare = inner - tiled.shape[0]
    padded = np.pad(tiled, ((_GUTTER, _GUTTER + spare), (_GUTTER, _GUTTER + spare), (0, 0)), mode="edge")
    return Image.fromarray(padded)


def _placed(item: Primitive, place: tuple[int, int], tile: int, across: int, repeats: int) -> Floats:
    center = np.full((len(item.positions), 2), 0.5)
    uv = center if item.uv is None else np.clip(item.uv / repeats, 0.0, 1.0)
    inner = (tile - 2 * _GUTTER) // repeats * repeats
    result: Floats = (uv * inner + _GUTTER + np.asarray(place)) / (tile * across)
    return result
