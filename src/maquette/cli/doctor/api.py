"""Checks of the API, as a client here sees it."""

from typing import Any

import httpx

import maquette
from maquette.cli.doctor import database
from maquette.cli.doctor.finding import Finding, broken, ok, skipped, warning
from maquette.cli.doctor.scene import SECONDS_MAX, Scene

_SKEW_WARNING = 2.0
_SKEW_BROKEN = 60.0
#: Who to start for a step that nobody does.
_ROLES = {
    **dict.fromkeys(("text_to_image", "refine", "image_to_3d"), "generation"),
    **dict.fromkeys(("retopo", "rig", "anim", "export"), "processing"),
}


def _answers(scene: Scene) -> bool:
    body = scene.root.body
    return scene.root.status == 200 and isinstance(body, dict) and body.get("name") == "Maquette"


def reachable(scene: Scene) -> Finding:
    """Look whether it answers and is ready."""
    root = scene.root
    if root.error:
        do = "Start it with `maquette up`, or set MAQUETTE_URL to where it runs."
        return broken(f"no answer from {scene.api_url}: {root.error}", do)
    if not _answers(scene):
        return broken(
            f"what answers at {scene.api_url} is no Maquette (HTTP {root.status})",
            "Check MAQUETTE_URL, and the path that a gateway in front adds.",
        )
    ready = scene.get("/readyz")
    if ready.status != 200:
        detail = ready.body.get("detail", "") if isinstance(ready.body, dict) else ready.error
        return broken(f"{scene.api_url} answers but is not ready: {detail}", "It says what is missing.")
    return ok(f"{scene.api_url} is ready")


def version(scene: Scene) -> Finding:
    """Is the API of this command line's version."""
    if not _answers(scene):
        return skipped("the API cannot be asked")
    there = scene.root.body["version"]
    if there != maquette.__version__:
        return warning(
            f"the API is {there}, this command line {maquette.__version__}",
            "Install the same version in both places.",
        )
    return ok(f"{there} in both places")


def clocks(scene: Scene) -> Finding:
    """Do this machine, the API and the database agree about the time; signed links and leases depend on it."""
    known = {}
    if _answers(scene) and scene.root.skew is not None:
        known["the API"] = scene.root.skew.total_seconds()
    if (ahead := database.ahead(scene)) is not None:
        known["the database"] = ahead
    if not known:
        return skipped("there is nothing to compare with")
    name, worst = max(known.items(), key=lambda item: abs(item[1]))
    if len(known) == 2:
        apart = known["the API"] - known["the database"]
        if abs(apart) > abs(worst):
            name, worst = "the API, seen from the database,", apart
    says = f"{name} is {abs(worst):.1f} s {'ahead' if worst > 0 else 'behind'}"
    if abs(worst) > _SKEW_BROKEN:
        return broken(
            says, "Let all machines set their clocks by NTP: signed links end too early or too late."
        )
    if abs(worst) > _SKEW_WARNING:
        return warning(says, "Let all machines set their clocks by NTP.")
    return ok(f"within {abs(worst):.1f} s of {' and '.join(known)}")


def key(scene: Scene) -> Finding:
    """Is the key valid, and for which project."""
    if not scene.api_key:
        return broken(
            "there is no API key", "Set MAQUETTE_API_KEY, or run in the directory of `maquette up`."
        )
    if not _answers(scene):
        return skipped("the API cannot be asked")
    origin = "MAQUETTE_API_KEY" if scene.settings.api_key else "the key in credentials.json"
    seen = scene.get("/projects?limit=100", key=scene.api_key)
    if seen.status == 401:
        return broken(f"{origin} is not valid at {scene.api_url}", "Make another with `maquette key create`.")
    if seen.status != 200:
        return broken(
            f"{origin} may not read projects (HTTP {seen.status})", "Use the key of a user or operator."
        )
    projects: list[dict[str, Any]] = seen.body["items"]
    if not scene.project_id:
        names = ", ".join(f"{item['id']} ({item['name']})" for item in projects[:3])
        return warning("valid, but no project is chosen", f"Set MAQUETTE_PROJECT_ID to one of: {names}")
    mine = scene.get(f"/projects/{scene.project_id}", key=scene.api_key)
    if mine.status != 200:
        return broken(
            f"{origin} is valid, but not for the project {scene.project_id}",
            "Set MAQUETTE_PROJECT_ID to one of `maquette project list`.",
        )
    return ok(f"{origin} is valid; works in {scene.project_id} ({mine.body['name']})")


def workers(scene: Scene) -> Finding:
    """Is somebody there for each step that tasks wait for."""
    from maquette.cli.services import unserved

    if not (_answers(scene) and scene.api_key):
        return skipped("the API cannot be asked")
    reply = scene.get("/services", key=scene.api_key)
    if reply.status != 200:
        return skipped(f"the API does not say (HTTP {reply.status})")
    services = reply.body["items"]
    idle = {step: tasks for service in services for step, tasks in unserved(service).items()}
    if idle:
        step = next(iter(idle))
        listed = ", ".join(f"{tasks} for {name}" for name, tasks in idle.items())
        return broken(
            f"tasks wait that no live worker does: {listed}",
            f"Start one: maquette worker --role {_ROLES.get(step, 'processing')}",
        )
    alive = {worker["name"] for service in services for worker in service["workers"]}
    served = {step for service in services for step in service["steps"]}
    if lacking := [step for step in _ROLES if step not in served]:
        return warning(
            f"no live worker does {', '.join(lacking)}",
            "Start them: maquette worker --role generation, maquette worker --role processing",
        )
    return ok(f"{len(alive)} alive, every step is done by one")


def files(scene: Scene) -> Finding:
    """Can files be stored, and does a signed link work from here."""
    store = scene.settings.data_dir / "objects"
    if store.exists():
        try:
            probe = store / f".doctor-{id(scene)}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            return broken(f"{store} cannot be written: {error.strerror}", "Give it to who runs Maquette.")
    if not (_answers(scene) and scene.api_key and scene.project_id):
        return skipped("no signed link can be tried")
    jobs = scene.get(f"/jobs?project_id={scene.project_id}&limit=20", key=scene.api_key)
    found = [
        artifact
        for job in (jobs.body["items"] if jobs.status == 200 else [])
        for step in job["steps"]
        for artifact in step["artifacts"]
    ]
    if not found:
        return ok("nothing is stored yet whose link could be tried")
    url = httpx.URL(scene.api_url.rstrip("/") + "/").join(found[0]["url"])
    try:
        answer = httpx.get(url, headers={"Range": "bytes=0-0"}, timeout=SECONDS_MAX)
    except httpx.HTTPError as error:
        return broken(
            f"signed links lead to {url.host}, which does not answer from here: {error}",
            "Set MAQUETTE_PUBLIC_URL of the server to an address that its clients reach.",
        )
    if answer.status_code not in {200, 206}:
        return broken(
            f"the signed link of {found[0]['name']} is refused (HTTP {answer.status_code})",
            "Do all servers share MAQUETTE_SIGNING_KEY, and is the file still in the store?",
        )
    return ok("a signed link works from here")
