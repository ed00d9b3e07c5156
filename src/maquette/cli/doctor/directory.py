"""Checks of the data directory: is it usable, private, and free of what a killed run left."""

import fcntl
import os
import shutil
import stat
from pathlib import Path

from maquette.cli.doctor.finding import Finding, broken, ok, skipped, warning
from maquette.cli.doctor.scene import Scene
from maquette.supervisor.data_dir import CREDENTIALS_FILE, STATE_FILE, read_credentials
from maquette.supervisor.errors import SupervisorError
from maquette.supervisor.leftovers import processes_in, recorded_pid

_MIB = 1024 * 1024
_SPACE_BROKEN = 200 * _MIB
_SPACE_WARNING = 2048 * _MIB
_SECRETS = (CREDENTIALS_FILE, "signing.key", "worker.token", "webhook.key")


def data_directory(scene: Scene) -> Finding:
    """Look whether it is there, ours, writable, and closed to others."""
    path = scene.settings.data_dir
    if not path.exists():
        parent = next(folder for folder in path.parents if folder.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return ok(f"{path} is not there yet; `maquette up` makes it")
        return broken(
            f"{path} cannot be made: {parent} is not writable", "Choose another with MAQUETTE_DATA_DIR."
        )
    if not path.is_dir():
        return broken(f"{path} is not a directory", "Remove it, or choose another with MAQUETTE_DATA_DIR.")
    found = path.stat()
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return broken(
            f"{path} belongs to uid {found.st_uid} and cannot be written by uid {os.geteuid()}",
            "Run as that user, or choose another with MAQUETTE_DATA_DIR.",
        )
    if found.st_uid != os.geteuid():
        return warning(
            f"{path} belongs to uid {found.st_uid}, not to uid {os.geteuid()} who runs this",
            "Run as its owner, or files of two owners will be in it.",
        )
    if found.st_mode & 0o077:
        return warning(
            f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):o})", f"chmod 700 {path}"
        )
    return ok(f"{path}, writable, private")


def disk(scene: Scene) -> Finding:
    """Is there space for database and files."""
    path = scene.settings.data_dir
    place = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    says = f"{free / 1024**3:.1f} GiB free at {place}"
    if free < _SPACE_BROKEN:
        return broken(says, "Make room: the database stops when the disk is full.")
    if free < _SPACE_WARNING:
        return warning(says, "A 3D job makes tens of megabytes: make room soon.")
    return ok(says)


def secrets(scene: Scene) -> Finding:
    """Are key files whole, ours, and readable by nobody else."""
    paths = [path for name in _SECRETS if (path := scene.settings.data_dir / name).exists()]
    if not paths:
        if scene.settings.api_key:
            return ok("MAQUETTE_API_KEY is set")
        return skipped("there are none yet; the first `maquette up` makes them")
    loose = [path for path in paths if path.stat().st_mode & 0o077]
    if loose:
        names = " ".join(map(str, loose))
        mode = stat.S_IMODE(loose[0].stat().st_mode)
        return broken(f"others can read {names} (mode {mode:o})", f"chmod 600 {names}")
    try:
        read_credentials(scene.settings.data_dir)
    except (SupervisorError, OSError) as error:
        return broken(
            str(error).split(". ")[0], "Delete it and run `maquette up` again, or set MAQUETTE_API_KEY."
        )
    return ok(f"{', '.join(path.name for path in paths)}: private")


def leftovers(scene: Scene) -> Finding:
    """Did a run that was killed leave processes or files."""
    home = scene.settings.data_dir
    cluster = home / "postgres" / "cluster"
    if scene.state or _held(home / "up.lock"):
        return ok("`maquette up` runs" if scene.state else "`maquette up` is starting or stopping")
    alive = processes_in(cluster) if cluster.exists() else []
    if alive:
        listed = ", ".join(map(str, alive))
        return warning(
            f"PostgreSQL processes {listed} of an `up` that was killed still run on {cluster}",
            "`maquette up` here ends them and recovers; or end them yourself.",
        )
    stale = [path for path in (home / STATE_FILE,) if path.exists()]
    if cluster.exists() and recorded_pid(cluster / "postmaster.pid") is not None:
        stale.append(cluster / "postmaster.pid")
    if stale:
        names = ", ".join(str(path.relative_to(home)) for path in stale)
        return warning(
            f"an `up` was killed: {names} {'is' if len(stale) == 1 else 'are'} stale",
            "Nothing to do: the next `maquette up` clears it away and recovers.",
        )
    return ok("none")


def _held(lock: Path) -> bool:
    """Whether somebody holds the lock. Asks for a shared one and gives it back: nothing is written."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
