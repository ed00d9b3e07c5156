"""Material → UsdPreviewSurface: textures by channel, or factors alone where a mesh has no coordinates."""

from collections.abc import Mapping

from maquette.studio.formats.usd_text import Path, Prim
from maquette.studio.scene import Material

_ALPHA_CUTOFF = 0.5
_PACKED = {"roughness": "g", "metallic": "b", "occlusion": "r"}
_FALLBACK = {"base_color": (1.0, 1.0, 1.0, 1.0), "normal": (0.5, 0.5, 1.0, 1.0)}


def add_material(root: Prim, here: str, material: Material, textures: Mapping[str, str]) -> Path:
    """Add the material below ``root`` and return its path; ``textures`` are paths inside the package."""
    base = f"{here}/Materials/Surface"
    prim = root.add("Scope", "Materials").add("Material", "Surface")
    prim.connect("token", "outputs:surface", Path(f"{base}/Preview.outputs:surface"))
    preview = prim.add("Shader", "Preview")
    preview.set("uniform token", "info:id", "UsdPreviewSurface")
    preview.set("int", "inputs:useSpecularWorkflow", 0)
    _base_color(preview, base, material, textures)
    if "occlusion_roughness_metallic" in textures:
        for name, output in _PACKED.items():
            preview.connect("float", f"inputs:{name}", Path(f"{base}/Packed.outputs:{output}"))
    else:
        preview.set("float", "inputs:roughness", material.roughness_factor)
        preview.set("float", "inputs:metallic", material.metallic_factor)
    if "normal" in textures:
        preview.connect("normal3f", "inputs:normal", Path(f"{base}/Normal.outputs:rgb"))
    preview.declare("token", "outputs:surface")
    _readers(prim, base, textures, has_alpha=_has_alpha(material))
    return Path(base)


def _has_alpha(material: Material) -> bool:
    return material.base_color is not None and material.base_color.has_transparency_data


def _base_color(preview: Prim, base: str, material: Material, textures: Mapping[str, str]) -> None:
    if "base_color" not in textures:
        preview.set("color3f", "inputs:diffuseColor", material.base_color_factor[:3])
        preview.set("float", "inputs:opacity", material.base_color_factor[3])
        return
    preview.connect("color3f", "inputs:diffuseColor", Path(f"{base}/BaseColor.outputs:rgb"))
    if _has_alpha(material):
        preview.connect("float", "inputs:opacity", Path(f"{base}/BaseColor.outputs:a"))
        preview.set("float", "inputs:opacityThreshold", _ALPHA_CUTOFF)


def _readers(prim: Prim, base: str, textures: Mapping[str, str], *, has_alpha: bool) -> None:
    """One texture node a file, all fed by one reader of the coordinates."""
    if not textures:
        return
    coordinates = prim.add("Shader", "Coordinates")
    coordinates.set("uniform token", "info:id", "UsdPrimvarReader_float2")
    coordinates.set("string", "inputs:varname", "st")
    coordinates.declare("float2", "outputs:result")
    nodes = {"base_color": "BaseColor", "normal": "Normal", "occlusion_roughness_metallic": "Packed"}
    outputs = {
        "base_color": ("float3 outputs:rgb", "float outputs:a") if has_alpha else ("float3 outputs:rgb",),
        "normal": ("float3 outputs:rgb",),
        "occlusion_roughness_metallic": tuple(f"float outputs:{channel}" for channel in "rgb"),
    }
    for channel, file in textures.items():
        node = prim.add("Shader", nodes[channel])
        node.set("uniform token", "info:id", "UsdUVTexture")
        node.set("asset", "inputs:file", file)
        node.connect("float2", "inputs:st", Path(f"{base}/Coordinates.outputs:result"))
        node.set("token", "inputs:sourceColorSpace", "sRGB" if channel == "base_color" else "raw")
        node.set("token", "inputs:wrapS", "clamp")
        node.set("token", "inputs:wrapT", "clamp")
        node.set("float4", "inputs:fallback", _FALLBACK.get(channel, (1.0, 1.0, 0.0, 1.0)))
        if channel == "normal":  # bytes to directions: 0..1 becomes -1..1
            node.set("float4", "inputs:scale", (2.0, 2.0, 2.0, 1.0))
            node.set("float4", "inputs:bias", (-1.0, -1.0, -1.0, 0.0))
        for output in outputs[channel]:
            node.declare(*output.split())
