"""What the processing steps ask of their context: the mesh to work on."""

from maquette.studio.errors import StudioInputError
from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.scene import Mesh, Scene
from maquette.worker.handler import Context

_BYTES_MAX = 512 * 1024 * 1024


def read_mesh(context: Context) -> tuple[Scene, Mesh]:
    """Read the first mesh among the inputs. Raises ``StudioInputError`` when it is missing or unusable."""
    items = context.of_kind("mesh")
    if not items:
        raise StudioInputError("mesh_missing", f"{context.step} needs a mesh and none of its inputs is one.")
    path = items[0].path
    if path.stat().st_size > _BYTES_MAX:
        raise StudioInputError("mesh_too_large", f"{items[0].name} is larger than 512 MB.")
    scene = read_glb(path.read_bytes())
    if scene.mesh is None:
        raise StudioInputError("mesh_has_no_faces", f"{items[0].name} has no triangles.")
    return scene, scene.mesh
