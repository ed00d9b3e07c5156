"""Step retopo: any triangle mesh → a light one within its polygon budget, unwrapped, with baked PBR textures."""

from dataclasses import replace

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_write import write_glb
from maquette.studio.geometry import tangents
from maquette.studio.mesh_input import read_mesh
from maquette.studio.parameters import number
from maquette.studio.scene import Mesh, Scene
from maquette.studio.surface.bake import bake
from maquette.studio.surface.decimate import decimate
from maquette.studio.surface.occlusion import measure_occlusion
from maquette.studio.surface.shading_normals import crease_normals
from maquette.studio.surface.unwrap import unwrap
from maquette.studio.version import VERSION, engine, model
from maquette.worker.handler import Context, Output, Result, Succeeded

_METHOD = (
    "quadric decimation, xatlas charts, nearest-point bake; roughness, metallic and relief may be estimates"
)


def retopo(context: Context) -> Result:
    """Decimate, unwrap and bake the first mesh of the inputs. ``topology`` is ``triangle`` in this release."""
    try:
        return _retopo(context)
    except StudioInputError as error:
        return error.failed()


def _retopo(context: Context) -> Succeeded:
    topology = context.params.get("topology") or "triangle"
    if topology != "triangle":
        raise StudioInputError(
            "topology_unsupported", f"Topology {topology!r:.40} is not offered: ask for 'triangle'."
        )
    target = int(number(context, "target_polycount", 4000, 100, 300_000))
    size = int(number(context, "texture_size", 1024, 256, 4096))
    context.progress(0.0, "reading the mesh")
    source, detailed = read_mesh(context)
    context.progress(0.05, f"decimating {len(detailed.triangles):,} triangles")
    positions, triangles = decimate(detailed.positions, detailed.triangles, target)
    if not len(triangles):
        raise StudioInputError("mesh_has_no_faces", "Every triangle of the mesh is degenerate.")
    context.progress(0.2, "unwrapping")
    atlas, measures = unwrap(positions, triangles, size)
    context.progress(0.35, "measuring occlusion")
    occlusion = measure_occlusion(positions, triangles)
    cut = positions[atlas.source]
    normals = crease_normals(cut, atlas.triangles, atlas.source)
    mesh = Mesh(
        positions=cut,
        triangles=atlas.triangles,
        normals=normals,
        uv=atlas.uv,
        tangents=tangents(cut, atlas.triangles, normals, atlas.uv),
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
    uv = {"channels": 1, "islands": atlas.islands, **measures}
    done = _written(context, light, mesh, {"uv": uv, "texture_size": size})
    context.progress(1.0, "done")
    return done


def _written(context: Context, light: Scene, mesh: Mesh, measured: dict[str, object]) -> Succeeded:
    made_by = engine(_METHOD)
    path = context.workdir / "retopo.glb"
    path.write_bytes(write_glb(replace(light, extras={"engine": made_by})))
    counts = {
        "poly_count": len(mesh.triangles),
        "vertex_count": len(mesh.positions),
        "topology": "triangle",
    }
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
