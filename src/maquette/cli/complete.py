"""Completing ids in a shell: asked of the API, quickly, and silent when that fails."""

from collections.abc import Iterator
from typing import Any

#: A person waits for this with a finger on the tab key.
SECONDS_MAX = 0.8

Completions = Iterator[tuple[str, str]]


def jobs(incomplete: str) -> Completions:
    """Ids of the newest jobs, with their briefs."""
    for job in _items("/jobs"):
        if job["id"].startswith(incomplete):
            yield job["id"], f"{job['status']}: {job['inputs'].get('prompt', '')}"[:60]


def projects(incomplete: str) -> Completions:
    """Ids of the projects that the key sees, with their names."""
    for project in _items("/projects"):
        if project["id"].startswith(incomplete):
            yield project["id"], project["name"]


def assets(incomplete: str) -> Completions:
    """Ids of the newest assets, with their library paths; or paths, for one that begins like a path."""
    for asset in _items("/projects/{project_id}/assets"):
        if asset["id"].startswith(incomplete):
            yield asset["id"], asset["library_path"]
        elif incomplete and asset["library_path"].startswith(incomplete):
            yield asset["library_path"], asset["id"]


def _items(path: str) -> list[dict[str, Any]]:
    """Read the first page of a list; nothing on any error, for there is nowhere to tell it."""
    try:
        import httpx

        from maquette.cli.client import connect, project_of
        from maquette.settings import load

        settings = load()
        with connect(settings, timeout=httpx.Timeout(SECONDS_MAX), tries_max=1) as client:
            address = path
            if "{project_id}" in path:
                address = path.format(project_id=project_of(settings, ""))
            found: list[dict[str, Any]] = client.get(address, limit=50)["items"]
            return found
    except Exception:  # noqa: BLE001 - a traceback in the middle of somebody's command line helps nobody
        return []
