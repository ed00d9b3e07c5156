"""Step retopo: any mesh → a light one of triangles or quads within its budget, unwrapped, with baked PBR textures."""

from dataclasses import dataclass, replace
from typing import Literal

from maquette.studio import quads
from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.geometry import tangents
from maquette.studio.mesh_input import read_mesh
from maquette.studio.parameters import number
from maquette.studio.scene import Floats, Ints, Mesh, Scene
from maquette.studio.surface.bake import bake
from maquette.studio.surface.decimate import decimate, weld
from maquette.studio.surface.occlusion import measure_occlusion
from maquette.studio.surface.quad_charts import unwrap_quads
from maquette.studio.surface.quad_mesh import quad_mesh
from maquette.studio.surface.shading_normals import crease_normals
from maquette.studio.surface.unwrap import Atlas, unwrap
from maquette.studio.version import VERSION, engine, model
from maquette.worker.handler import Context, Output, Result, Succeeded

_METHODS = {
    "triangle": "quadric decimation",
    "field-aligned lattice": "quads along a curvature-aligned field, cut once and drawn over the source",
    "paired decimation": "quadric decimation, triangles joined in pairs and cut into quads",
}
_METHOD = "{}; xatlas charts, nearest-point bake; roughness, metallic and relief may be estimates"


@dataclass(frozen=True, slots=True)
class _Laid:
    """The new surface and its atlas."""

    positions: Floats
    triangles: Ints
    atlas: Atlas
    measures: dict[str, float]
    topology: Literal["triangle", "quad"]
    method: str


def retopo(context: Context) -> Result:
    """Remesh, unwrap and bake the first mesh of the inputs. ``topology`` triangle or quad; ``target_polycount`` in faces of it."""
    try:
        return _retopo(context)
    except StudioInputError as error:
        return error.failed()


def _retopo(context: Context) -> Succeeded:
    topology = context.params.get("topology") or "triangle"
    if topology not in {"triangle", "quad"}:
        raise StudioInputError(
            "topology_unsupported", f"Topology {topology!r:.40} is not offered: ask for 'triangle' or 'quad'."
        )
    target = int(number(context, "target_polycount", 4000, 100, 300_000))
    size = int(number(context, "texture_size", 1024, 256, 4096))
    context.progress(0.0, "reading the mesh")
    source, detailed = read_mesh(context)
    laid = (_quads if topology == "quad" else _triangles)(context, detailed, target, size)
    atlas = laid.atlas
    context.progress(0.35, "measuring occlusion")
    occlusion = measure_occlusion(laid.positions, laid.triangles)
    cut = laid.positions[atlas.source]
    normals = crease_normals(cut, atlas.triangles, atlas.source)
    mesh = Mesh(
        positions=cut,
        triangles=atlas.triangles,
        normals=normals,
        uv=atlas.uv,
        tangents=tangents(cut, atlas.triangles, normals, atlas.uv),
        topology=laid.topology,
    )
    material = bake(
        detailed,
        source.material,
        mesh,
        occlusion,
        size,
        lambda done: context.progress(0.45 + 0.45 * done, "baking textures"),
    )
    context.progress(0.9, "writing")
    light = Scene(name=source.name, mesh=mesh, material=replace(material, name=source.material.name))
    uv = {"channels": 1, "islands": atlas.islands, **laid.measures}
    done = _written(context, light, mesh, _METHODS[laid.method], {"uv": uv, "texture_size": size})
    context.progress(1.0, "done")
    return done


def _triangles(context: Context, detailed: Mesh, target: int, size: int) -> _Laid:
    context.progress(0.05, f"decimating {len(detailed.triangles):,} triangles")
    positions, triangles = decimate(detailed.positions, detailed.triangles, target)
    _refuse_nothing(triangles)
    context.progress(0.2, "unwrapping")
    return _Laid(positions, triangles, *unwrap(positions, triangles, size), "triangle", "triangle")


def _quads(context: Context, detailed: Mesh, target: int, size: int) -> _Laid:
    context.progress(0.05, f"laying quads over {len(detailed.triangles):,} triangles")
    _refuse_nothing(weld(detailed.positions, detailed.triangles)[1])
    made = quad_mesh(detailed.positions, detailed.triangles, target)
    context.progress(0.25, "unwrapping")
    atlas, measures = unwrap_quads(made.positions, made.corners, size, made.plan)
    return _Laid(made.positions, quads.cut(made.corners), atlas, measures, "quad", made.method)


def _refuse_nothing(triangles: Ints) -> None:
    if not len(triangles):
        raise StudioInputError("mesh_has_no_faces", "Every triangle of the mesh is degenerate.")


def _written(
    context: Context, light: Scene, mesh: Mesh, method: str, measured: dict[str, object]
) -> Succeeded:
    made_by = engine(_METHOD.format(method))
    path = context.workdir / "retopo.glb"
    path.write_bytes(write_glb(replace(light, extras={"engine": made_by})))
    counts: dict[str, object] = {
        "poly_count": quads.face_count(mesh),
        "triangle_count": len(mesh.triangles),
        "vertex_count": len(mesh.positions),
        "topology": mesh.topology,
    }
    if mesh.topology == "quad":
        counts["quad_ratio"] = 1.0 if quads.quads(mesh) is not None else 0.0
    return Succeeded(
        artifacts=(
            Output(
                path=path,
                kind="mesh",
                media_type="model/gltf-binary",
                attributes={**counts, "engine": made_by},
            ),
        ),
        outputs={**counts, **measured},
        model=model("retopo"),
        model_version=VERSION,
    )
