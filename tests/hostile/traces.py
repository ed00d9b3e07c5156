"""Everything that a request can leave behind."""

from pathlib import Path
from typing import Any

from live_api import Live

#: What was refused is written down there on purpose; virtual time is exchanged by a loop of its own.
_KEPT = frozenset(
    {"safety_decisions", "refusals", "clocks", "services", "service_calls", "service_models", "pace"}
)
#: A digest of each table, so that a changed row counts as much as a new one.
_TABLES = "select tablename from pg_tables where schemaname = 'public' order by 1"
_DIGEST = "select count(*)::text || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from {} t"


async def traces(live: Live, data_dir: Path) -> dict[str, Any]:
    """Return digests of all tables, paths of all files, and how much is open or waiting."""
    async with live.deps.database.connection() as connection:
        tables = [row[0] for row in await connection.fetch(_TABLES) if row[0] not in _KEPT]
        query = " union all ".join(_DIGEST.format(name) for name in tables)
        digests = [row[0] for row in await connection.fetch(query)]
        rows = dict(zip(tables, digests, strict=True))
    opened, lent = live.deps.database.connections
    return {
        **rows,
        "files": files(data_dir),
        "descriptors": descriptors() - opened,
        "lent connections": lent,
        "waiting orders": live.deps.transactor.waiting,
    }


def files(folder: Path) -> list[str]:
    """Return every path below a folder, files and directories."""
    return sorted(str(path) for path in folder.rglob("*"))


def descriptors() -> int:
    """Count this process's open files and sockets."""
    return len(list(Path("/proc/self/fd").iterdir()))
