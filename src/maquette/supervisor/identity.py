"""Who the database server runs as. PostgreSQL refuses to run as root, so root steps down for it."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from maquette.supervisor.errors import SupervisorError

#: Accounts for the server when started by root, best first. initdb insists on a named account.
_ACCOUNTS = ("maquette", "nobody", "postgres", "daemon")


@dataclass(frozen=True, slots=True)
class Identity:
    """The user and group to become."""

    uid: int
    gid: int


def server_identity(cluster: Path) -> Identity | None:
    """Whom to become for the server on ``cluster`` (which may not exist yet); None: stay who we are.

    An existing cluster keeps its owner. As root a cluster that root owns (restored from a backup, say) is given
    to the server's account; not as root, a cluster of somebody else is an error.
    """
    owner = cluster.stat() if cluster.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise SupervisorError(
                f"The database in {cluster} belongs to uid {owner.st_uid}, and PostgreSQL insists on its owner. "
                f"Start Maquette as root or as that user, or choose another directory with MAQUETTE_DATA_DIR."
            )
        return None
    if owner is not None and owner.st_uid != 0:
        return Identity(owner.st_uid, owner.st_gid)
    identity = _account()
    if owner is not None:
        give(cluster, identity)
    return identity


def _account() -> Identity:
    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Identity(entry.pw_uid, entry.pw_gid)
    raise SupervisorError(
        f"PostgreSQL cannot run as root, and none of the accounts {', '.join(_ACCOUNTS)} exists to run it instead. "
        f"Start Maquette as another user, or set MAQUETTE_DATABASE_URL."
    )


def give(path: Path, identity: Identity | None) -> None:
    """Hand ``path`` and all below it to ``identity``; nothing when there is nobody to hand it to."""
    if identity is None:
        return
    os.chown(path, identity.uid, identity.gid, follow_symlinks=False)
    for directory, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(Path(directory, name), identity.uid, identity.gid, follow_symlinks=False)


def reachable(path: Path, identity: Identity | None) -> bool:
    """Whether ``identity`` may enter every directory from the root to ``path``, by the mode bits."""
    if identity is None:
        return True
    resolved = path.resolve()
    return all(_may_enter(folder.stat(), identity) for folder in (resolved, *resolved.parents))


def _may_enter(folder: os.stat_result, identity: Identity) -> bool:
    if folder.st_uid == identity.uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == identity.gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)
