"""Step retopo: the budget, the atlas and the bake, on meshes of every kind."""

from typing import Any

import igl
import numpy as np
import pytest
import solids
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from step_chain import Chain

from maquette.studio.formats.gltf_read import read_glb
from maquette.studio.raster import barycentric, visible_faces
from maquette.studio.scene import Floats, Material, Mesh, Scene
from maquette.studio.surface.decimate import decimate
from maquette.studio.surface.occlusion import measure_occlusion
from maquette.studio.surface.texels import filled
from maquette.worker.testing import Recorded

SHAPES = {
    "blob": solids.blob,
    "box man": lambda: solids.box_man(cuts=10),
    "sheet": solids.sheet,
    "soup": solids.soup,
    "touching cubes": solids.touching_cubes,
    "wound at random": solids.wound_at_random,
    "tiny": lambda: solids.moved(solids.sheet(), 1e-3, (0, 0, 0)),
    "far and huge": lambda: solids.moved(solids.sheet(), 900.0, (4000.0, 0, -2000.0)),
}


def run(chain: Chain, data: bytes, **params: Any) -> Recorded:
    """Run retopo on a foreign file, small textures unless told."""
    return chain.run("retopo", [chain.file("in.glb", "mesh", data)], {"texture_size": 256, **params})


def mesh_of(recorded: Recorded) -> tuple[Mesh, Scene]:
    scene = read_glb(recorded.files["retopo.glb"].read_bytes())
    assert scene.mesh is not None
    return scene.mesh, scene


def share_covered_twice(mesh: Mesh, samples: int = 5_000) -> float:
    """Of random places in the atlas that are covered, the share that more than one triangle covers."""
    assert mesh.uv is not None
    points = np.random.default_rng(11).random((samples, 2))
    a, b, c = (mesh.uv[mesh.triangles[:, k]] for k in range(3))
    count = np.zeros(samples, int)
    for part in np.array_split(np.arange(len(mesh.triangles)), 1 + len(mesh.triangles) // 500):
        inside = np.ones((samples, len(part)), bool)
        area = _cross(b[part] - a[part], c[part] - a[part])
        for p, q in ((a, b), (b, c), (c, a)):
            side = _cross(q[part] - p[part], points[:, None] - p[part])
            inside &= side * np.sign(area) > 1e-12
        count += (inside & (np.abs(area) > 1e-14)).sum(axis=1)
    return float((count > 1).sum() / max((count > 0).sum(), 1))


def _cross(u: Floats, v: Floats) -> Floats:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("target", [500, 2000])
def test_the_budget_is_met(shape: str, target: int) -> None:
    """The polygon count lies within 2 % of the target, or is the source's; faces are real and indices in range."""
    positions, faces = SHAPES[shape]()
    light, triangles = decimate(positions, faces, target)
    assert abs(len(triangles) - min(target, len(faces))) <= 0.02 * target
    assert (np.diff(np.sort(triangles, axis=1), axis=1) > 0).all()
    assert np.isfinite(light).all()
    assert set(np.unique(triangles)) == set(range(len(light)))
    assert (light >= positions.min(axis=0) - 0.05 * np.ptp(positions)).all()
    assert (light <= positions.max(axis=0) + 0.05 * np.ptp(positions)).all()


def test_the_shape_is_kept() -> None:
    """A tenth of the triangles stays within 0.5 % of the size of the source, both ways."""
    positions, faces = solids.blob()
    light, triangles = decimate(positions, faces, 2000)
    size = float(np.ptp(positions))
    there = igl.point_mesh_squared_distance(light, positions, faces)[0]
    back = igl.point_mesh_squared_distance(positions, light, triangles)[0]
    assert np.sqrt(max(there.max(), back.max())) < 0.005 * size


@pytest.mark.parametrize(
    ("shape", "target"), [("blob", 2500), ("box man", 500), ("soup", 500), ("touching cubes", 500)]
)
def test_the_atlas_does_not_overlap(shape: str, target: int, chain: Chain) -> None:
    """No two triangles share a place in the atlas, by another measure than the step's own, which tells the truth."""
    recorded = run(chain, solids.glb_of(SHAPES[shape]()), target_polycount=target)
    mesh, _ = mesh_of(recorded)
    assert mesh.uv is not None
    told = recorded.outputs["uv"]
    assert abs(recorded.outputs["poly_count"] - target) <= 0.02 * target
    assert len(mesh.triangles) == recorded.outputs["poly_count"]
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1
    assert share_covered_twice(mesh) < 0.01
    assert told["overlap"] < 0.01
    assert told["channels"] == 1
    flat = (
        np.abs(_cross(*(mesh.uv[mesh.triangles[:, k]] - mesh.uv[mesh.triangles[:, 0]] for k in (1, 2)))).sum()
        / 2
    )
    assert told["coverage"] == pytest.approx(flat, abs=0.01)
    edges = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), tuple(edges.T)), (len(mesh.positions),) * 2)
    assert told["islands"] == connected_components(graph, directed=False)[0]


def test_a_light_mesh_keeps_its_count(chain: Chain) -> None:
    """Fewer triangles than the target stay as they are."""
    shape = solids.box((0, 1, 0), (1, 1, 1), 3)
    assert run(chain, solids.glb_of(shape)).outputs["poly_count"] == len(shape[1])


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mesh, Scene]:
    """A blob with a picture in four colours from the front, gone through the step."""
    chain = Chain(tmp_path_factory.mktemp("painted"))
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :32], picture[:32, 32:] = (220, 30, 30), (30, 200, 40)
    picture[32:, :32], picture[32:, 32:] = (40, 60, 220), (230, 220, 40)
    data = solids.front_textured(solids.blob(), Image.fromarray(picture))
    return mesh_of(run(chain, data, target_polycount=1500))


def test_colors_arrive_where_they_were(painted: tuple[Mesh, Scene]) -> None:
    """Each face of the light mesh shows the colour that the source has at that place."""
    mesh, scene = painted
    assert mesh.uv is not None
    assert scene.material.base_color is not None
    pixels = np.asarray(scene.material.base_color.convert("RGB")).astype(int)
    place = mesh.positions[mesh.triangles].mean(axis=1)
    at = np.clip((mesh.uv[mesh.triangles].mean(axis=1) * pixels.shape[0]).astype(int), 0, pixels.shape[0] - 1)
    low, size = mesh.positions.min(axis=0), np.ptp(mesh.positions, axis=0)
    right, upper = ((place - low) / size)[:, :2].T
    expected = np.where(
        (upper > 0.5)[:, None],
        np.where((right > 0.5)[:, None], (30, 200, 40), (220, 30, 30)),
        np.where((right > 0.5)[:, None], (230, 220, 40), (40, 60, 220)),
    )
    clear = (np.abs(right - 0.5) > 0.04) & (np.abs(upper - 0.5) > 0.04)
    error = np.abs(pixels[at[:, 1], at[:, 0]] - expected).max(axis=1)[clear]
    assert np.quantile(error, 0.98) < 40


def test_nothing_unpainted_is_left(painted: tuple[Mesh, Scene]) -> None:
    """Outside the islands the textures go on with the colours of their surroundings: no black for mipmaps to find."""
    _, scene = painted
    for image in (scene.material.base_color, scene.material.normal):
        assert image is not None
        assert np.asarray(image.convert("RGB")).max(axis=2).min() > 100


def test_normals_of_the_detail_are_baked(chain: Chain) -> None:
    """The normal map turns the light mesh's normals into the source's: five times closer than without."""
    shape = solids.sphere(120, 160)
    bumps = 1 + 0.02 * np.sin(14 * shape[0][:, 0]) * np.sin(14 * shape[0][:, 1])
    source = solids.scene_of((shape[0] * bumps[:, None], shape[1]))
    assert source.mesh is not None
    mesh, scene = mesh_of(
        run(chain, solids.glb_of((source.mesh.positions, shape[1])), target_polycount=500, texture_size=512)
    )
    assert mesh.uv is not None
    assert mesh.tangents is not None
    assert scene.material.normal is not None
    size = scene.material.normal.width
    faces = visible_faces(mesh.uv * size, mesh.triangles, (size, size))
    texels = np.flatnonzero(faces >= 0)[::7]
    owners = faces[texels].astype(int)
    shares = barycentric(mesh.uv * size, mesh.triangles, texels, owners, size)
    at = mesh.triangles[owners]
    places, up = (np.einsum("ij,ijk->ik", shares, values[at]) for values in (mesh.positions, mesh.normals))
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    along = np.einsum("ij,ijk->ik", shares, mesh.tangents[at][..., :3])
    along -= up * (along * up).sum(axis=1, keepdims=True)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(up, along) * mesh.tangents[at[:, :1], 3]
    code = np.asarray(scene.material.normal.convert("RGB")).reshape(-1, 3)[texels] / 127.5 - 1
    baked = along * code[:, :1] + across * code[:, 1:2] + up * code[:, 2:]
    _, hit, _ = igl.point_mesh_squared_distance(places, source.mesh.positions, source.mesh.triangles)
    corner = source.mesh.positions[source.mesh.triangles[hit]]
    truth = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    truth /= np.maximum(np.linalg.norm(truth, axis=1, keepdims=True), 1e-12)
    truth *= np.sign((truth * places).sum(axis=1, keepdims=True))

    def error(normals: Floats) -> float:
        cosine = (normals * truth).sum(axis=1) / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
        return float(np.degrees(np.median(np.arccos(np.clip(cosine, -1, 1)))))

    assert error(baked) < error(up) / 3
    assert error(baked) < 4


def test_plain_factors_become_flat_textures(chain: Chain) -> None:
    """An untextured source lends its factors: colour (linear to sRGB), roughness and metallic."""
    material = Material(base_color_factor=(0.214, 1.0, 0.0, 1.0), metallic_factor=0.25, roughness_factor=0.6)
    _, scene = mesh_of(run(chain, solids.glb_of(solids.sphere(), material)))
    assert scene.material.base_color is not None
    assert scene.material.occlusion_roughness_metallic is not None
    color = np.asarray(scene.material.base_color.convert("RGB")).reshape(-1, 3)
    packed = np.asarray(scene.material.occlusion_roughness_metallic.convert("RGB")).reshape(-1, 3)
    assert np.abs(color.astype(int) - (127, 255, 0)).max() <= 1
    assert np.abs(packed[:, 1:].astype(int) - (153, 64)).max() <= 1


def test_the_sources_own_maps_are_kept(chain: Chain) -> None:
    """Roughness and metallic come from the source's map when it has one, not from an estimate."""
    shape = solids.sphere()
    low, size = shape[0].min(axis=0), np.ptp(shape[0], axis=0)
    material = Material(
        base_color=Image.new("RGB", (8, 8), (128, 128, 128)),
        occlusion_roughness_metallic=Image.new("RGB", (8, 8), (255, 90, 10)),
    )
    uv = ((shape[0] - low) / size)[:, :2]
    _, scene = mesh_of(run(chain, solids.glb_of(shape, material, uv)))
    assert scene.material.occlusion_roughness_metallic is not None
    packed = np.asarray(scene.material.occlusion_roughness_metallic.convert("RGB")).reshape(-1, 3)
    assert np.abs(packed[:, 1:].astype(int) - (90, 10)).max() <= 1


def test_crevices_are_darker_than_open_places() -> None:
    """Occlusion is 1 on a ball in the open, and falls between two plates."""
    alone = measure_occlusion(*solids.sphere())
    assert alone.openness.min() > 0.99
    plates = solids.joined(solids.box((0, 0, 0), (1, 0.1, 1)), solids.box((0, 0.5, 0), (1, 0.1, 1)))
    between = measure_occlusion(*plates)
    up = np.flatnonzero(np.isclose(plates[0][plates[1]].mean(axis=1)[:, 1], 0.1))
    top = np.flatnonzero(np.isclose(plates[0][plates[1]].mean(axis=1)[:, 1], 0.6))
    middle = np.full((1, 3), 1 / 3)
    inside = [between.at(np.array([face]), middle)[0] for face in up]
    outside = [between.at(np.array([face]), middle)[0] for face in top]
    assert max(inside) < 0.75
    assert min(outside) > 0.95


def test_filling_keeps_the_known_and_spreads_it() -> None:
    """Known texels stay to the bit; unknown ones lie between the known values around them, at any size."""
    known = np.zeros((37, 50), bool)
    known[5:9, 4:12] = known[30:, 40:] = True
    pixels = np.random.default_rng(2).random((37, 50, 3)).astype(np.float32)
    pixels[~known] = 99
    result = filled(pixels, known)
    assert (result[known] == pixels[known]).all()
    assert result.max() <= pixels[known].max()
    assert result.min() >= pixels[known].min()


def test_equal_input_gives_equal_bytes(chain: Chain) -> None:
    """Twice in one process, with the C library's random numbers advanced in between."""
    data = solids.glb_of(solids.blob(48))
    first = run(chain, data, target_polycount=600).files["retopo.glb"].read_bytes()
    igl.ambient_occlusion(
        *solids.sphere(), np.zeros((1, 3)), np.ones((1, 3)), 5
    )  # moves the C library's random state
    second = run(chain, data, target_polycount=600).files["retopo.glb"].read_bytes()
    assert first == second


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "hexagons": ({"topology": "hexagon"}, "topology_unsupported"),
    "too few": ({"target_polycount": 3}, "parameter_invalid"),
    "too many": ({"target_polycount": 10**9}, "parameter_invalid"),
    "not a number": ({"target_polycount": "many"}, "parameter_invalid"),
    "a truth": ({"target_polycount": True}, "parameter_invalid"),
    "huge texture": ({"texture_size": 65536}, "parameter_invalid"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_parameters_are_refused(case: str, chain: Chain) -> None:
    """A parameter outside its bounds fails for good with a code and names the field."""
    params, code = BAD[case]
    failed = run(chain, solids.glb_of(solids.sphere()), **params).failed
    assert (failed.code, failed.error_class) == (code, "invalid")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", None),
        (b"glTF but not really", None),
        (solids.glb_of((np.zeros((3, 3)), np.array([[0, 1, 2]]))), None),
        (
            solids.glb_of((np.array([(0.0, 0, 0), (1, 0, 0), (2, 0, 0)]), np.array([[0, 1, 1]]))),
            "mesh_has_no_faces",
        ),
    ],
    ids=["empty", "garbage", "one point", "no real face"],
)
def test_bad_meshes_are_refused(data: bytes, code: str | None, chain: Chain) -> None:
    """What is no mesh, or has no face with three corners, fails for good instead of raising."""
    failed = run(chain, data).failed
    assert failed.error_class == "invalid"
    assert code is None or failed.code == code


def test_without_a_mesh_there_is_nothing_to_do(chain: Chain) -> None:
    """No mesh among the inputs is a failure that says so."""
    assert chain.run("retopo", [], {}).failed.code == "mesh_missing"
