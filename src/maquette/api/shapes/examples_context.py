"""The examples of a project's context."""

from maquette.api.shapes.examples_retention import Example

_TIME = "2026-01-01T12:00:00.000000Z"
_BY = {"created_at": _TIME, "created_by": "usr_01k0000000e0000000000000000"}
STYLE: Example = {
    "keywords": ["hand-painted"],
    "negative_keywords": ["photo"],
    "palette": ["#c83a34"],
    "materials": ["weathered brass"],
    "line": {"weight": "bold", "words": ["inked"]},
    "light": {"direction": "top_left", "quality": "soft", "words": []},
    "references": [],
    "models": [],
    "loras": [{"name": "inkwash-v2", "weight": 0.8}],
}
CONSTRAINTS: Example = {
    "asset_types": ["3D"],
    "polygons_max": 5000,
    "texture_size_max": 1024,
    "image_size_max": None,
    "formats_allowed": {"3D": ["glb", "fbx"]},
    "formats_required": {"3D": ["glb"]},
    "engines": ["unity"],
    "library_path_pattern": "(characters|props)/[a-z0-9-]+",
    "library_folder": "props",
    "units": "meters",
    "up_axis": "y",
    "forward_axis": "z",
}
GATES: Example = {"gates": ["text_to_image", "before_export"]}
ROUTES: Example = {"routes": {"text_to_image": ["comfyui", "studio"]}}
RETRIES: Example = {
    "retries": {
        "default": {
            "errors": {"transient": {"attempts_max": 8, "base_seconds": 1.0, "cap_seconds": 300.0}},
            "deadline_seconds": None,
        },
        "image_to_3d": {"errors": {}, "deadline_seconds": 1800},
    }
}
EXAMPLES: Example = {
    "StyleVersion": {"version": 3, **_BY, "document": STYLE},
    "ConstraintsVersion": {"version": 2, **_BY, "document": CONSTRAINTS},
    "GatesVersion": {"version": 1, **_BY, "document": GATES},
    "RoutesVersion": {"version": 1, **_BY, "document": ROUTES},
    "RetriesVersion": {"version": 1, **_BY, "document": RETRIES},
    "VersionPage": {"items": [{"version": 3, **_BY}], "next_cursor": None},
    "Differences": {
        "from_version": 2,
        "to_version": 3,
        "changes": [
            {
                "field": "keywords",
                "before": ["painted"],
                "after": ["hand-painted"],
                "removed": ["painted"],
                "added": ["hand-painted"],
            }
        ],
    },
}
