"""Which methods an address knows. The framework names those of the first matching route only."""

import re
from functools import lru_cache
from typing import Any

from fastapi import FastAPI
from starlette.routing import compile_path


def allowed_methods(app: FastAPI, path: str) -> str:
    """Return what belongs into the Allow header of a 405 at this path; empty for an undocumented one."""
    known = {method for pattern, methods in _table(app) if pattern.fullmatch(path) for method in methods}
    return ", ".join(sorted(known))


@lru_cache(maxsize=8)
def _table(app: FastAPI) -> list[tuple[re.Pattern[str], list[str]]]:
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    # The document writes a parameter that spans segments like any other.
    templates = {path: path.replace("/files/{key}", "/files/{key:path}") for path in paths}
    return [
        (compile_path(templates[path])[0], [method.upper() for method in item])
        for path, item in paths.items()
    ]
