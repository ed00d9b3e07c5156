"""Scene → Wavefront OBJ and MTL: the mesh alone, with real quads. The format knows neither skeletons nor clips.

Positions, coordinates and normals have lists of their own, so what the GLB splits at seams is whole again here. The
material uses the PBR extension of the MTL format (``Pr``, ``Pm``, ``norm``), which readers that do not know it skip.
"""

from collections.abc import Mapping

import numpy as np

from maquette.studio.quads import quads
from maquette.studio.scene import Floats, Ints, Material, Scene
from maquette.studio.version import NAME

_MAPS = {"base_color": "map_Kd", "roughness": "map_Pr", "metallic": "map_Pm", "normal": "norm"}


def write_obj(scene: Scene, stem: str, textures: Mapping[str, str]) -> dict[str, bytes]:
    """Encode a scene that has a mesh as ``<stem>.obj`` and ``<stem>.mtl``; ``textures`` are file names by channel."""
    assert scene.mesh is not None
    mesh = scene.mesh
    material = _token(scene.material.name)
    places, place_of = _distinct(mesh.positions)
    normals, normal_of = _distinct(mesh.normals)
    lines = [f"# {NAME}: metres, Y up, +Z forward", f"mtllib {stem}.mtl", f"o {_token(scene.name)}"]
    lines += _rows("v", places)
    corners = quads(mesh)
    faces = mesh.triangles if corners is None else corners
    columns = [place_of[faces], normal_of[faces]]
    if mesh.uv is not None:
        upwards, uv_of = _distinct(np.stack([mesh.uv[:, 0], 1.0 - mesh.uv[:, 1]], axis=1))
        lines += _rows("vt", upwards)
        columns.insert(1, uv_of[faces])
    lines += _rows("vn", normals)
    lines += [f"usemtl {material}", "s 1"]
    pattern = "/".join(["%d"] * 3) if mesh.uv is not None else "%d//%d"
    row = "f " + " ".join([pattern] * faces.shape[1])
    lines += [row % tuple(face) for face in (np.stack(columns, axis=2) + 1).reshape(len(faces), -1).tolist()]
    used = textures if mesh.uv is not None else {}
    return {
        f"{stem}.obj": "\n".join(lines).encode() + b"\n",
        f"{stem}.mtl": _library(material, scene.material, used),
    }


def _library(name: str, material: Material, textures: Mapping[str, str]) -> bytes:
    red, green, blue, alpha = material.base_color_factor
    lines = [
        f"newmtl {name}",
        "Ka 0 0 0",
        f"Kd {red:.6g} {green:.6g} {blue:.6g}",
        "Ks 0.04 0.04 0.04",
        f"d {alpha:.6g}",
        "illum 2",
        f"Pr {material.roughness_factor:.6g}",
        f"Pm {material.metallic_factor:.6g}",
    ]
    lines += [f"{key} {textures[channel]}" for channel, key in _MAPS.items() if channel in textures]
    return "\n".join(lines).encode() + b"\n"


def _distinct(values: Floats) -> tuple[Floats, Ints]:
    """Rows that differ at the precision written, in order of first use, and which of them each row is."""
    rounded = np.round(values, 6) + 0.0  # no negative zeros
    rows, first, inverse = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rows[order], rank[inverse.ravel()]


def _rows(key: str, values: Floats) -> list[str]:
    pattern = key + " %.6g" * values.shape[1]
    return [pattern % tuple(row) for row in values.tolist()]


def _token(name: str) -> str:
    """Give a name without spaces: the format ends a name at the first one."""
    return "_".join(name.split()) or "asset"
